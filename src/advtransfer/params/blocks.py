"""The building blocks of a study block: shifts, perturbations, variants, protocols, resources."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator


class Impossible(ValueError):
    """Values that are fine alone and not together; ``key`` is relative to the block that found it."""

    def __init__(self, key: str, *, found: str, expected: str) -> None:
        super().__init__(f"found {found}, expected {expected}")
        self.key = key


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise Impossible("", found=str(values), expected="each value once")
    return values


Distinct = AfterValidator(_distinct)
# Names become folders, wildcards and tags.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Shots = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1), Distinct]

Portable = Annotated[
    bool,
    Field(
        description="true for the same bytes on every x86-64 processor with AVX2; false lets the libraries choose the "
        "kernels that are fastest on this one"
    ),
]


class Block(BaseModel):
    """Nothing unknown, nothing converted, nothing changed after loading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def _exactly_one(self) -> Self:
        """For a block whose keys are alternatives."""
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            alternatives = ", ".join(type(self).model_fields)
            raise Impossible(
                "", found=" and ".join(given) or "none", expected=f"exactly one of {alternatives}"
            )
        return self


class Contrast(Block):
    """intensity -> gain * intensity + offset."""

    gain: float = Field(description="a factor of the intensities (which lie in 0..1)")
    offset: float = Field(description="what is added to the intensities")


class Noise(Block):
    """Gaussian noise, once per replica and image."""

    sigma: float = Field(ge=0, le=1, description="standard deviation, in units of intensity (0..1)")


class Rotation(Block):
    """Rotation about the image's centre."""

    degrees: float = Field(ge=-180, le=180, description="counter-clockwise degrees (-180..180)")


class ShiftStep(Block):
    """One operation of a domain shift; a shift is a list of them, applied in order."""

    contrast: Contrast | None = None
    noise: Noise | None = None
    rotation: Rotation | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        return self._exactly_one()


class Attack(Block):
    """Projected gradient descent."""

    norm: Literal["l2", "linf"] = Field(description="the norm of the ball: l2 or linf")
    eps: float = Field(gt=0, description="radius of the ball, in units of intensity (> 0)")
    steps: int = Field(ge=1, le=1000, description="number of gradient steps (1..1000)")
    relative_step: float = Field(2.5, gt=0, description="step length as a multiple of eps / steps (> 0)")
    random_start: bool = Field(True, description="start at a uniform point of the ball instead of its centre")
    restarts: int = Field(1, ge=1, le=100, description="independent starts, the worst is kept (1..100)")
    clip: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="[low, high], the bounds of a valid image, or null for none"
    )

    @model_validator(mode="after")
    def _useful(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise Impossible("restarts", found=f"{self.restarts} without a random start", expected="1")
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise Impossible("clip", found=str(self.clip), expected="[low, high] with low < high")
        return self


class Gaussian(Block):
    """Noise instead of an attack."""

    sigma: float = Field(gt=0, description="standard deviation in every pixel, in units of intensity (> 0)")


class Perturbation(Block):
    """What happens to the inputs during pre-training: attack or gaussian."""

    attack: Attack | None = None
    gaussian: Gaussian | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        return self._exactly_one()


class Optimiser(Block):
    """AdamW with a cosine schedule down to 0."""

    steps: int = Field(ge=1, description="number of gradient steps (>= 1)")
    batch_size: int = Field(ge=1, description="images a step (>= 1)")
    learning_rate: float = Field(gt=0, description="learning rate at the first step (> 0)")
    weight_decay: float = Field(ge=0, description="decoupled weight decay (>= 0)")


class OptimiserChange(Block):
    """Keys of ``Optimiser`` that one variant sets differently."""

    steps: int | None = Field(None, ge=1, description="number of gradient steps (>= 1)")
    batch_size: int | None = Field(None, ge=1, description="examples a step (>= 1)")
    learning_rate: float | None = Field(None, gt=0, description="learning rate (> 0)")
    weight_decay: float | None = Field(None, ge=0, description="weight decay (>= 0)")


Labels = Annotated[
    Literal["labelled", "pseudo", "oracle"],
    Field(
        description="labelled (the labelled fraction), pseudo (that and pseudo-labels) or oracle (all true labels)"
    ),
]


class Variant(Block):
    """One way of pre-training on the source: labels x perturbation."""

    labels: Labels
    perturbation: Perturbation | None = Field(None, description="attack or gaussian; none: clean inputs")
    optimiser: OptimiserChange = OptimiserChange()


class PseudoLabels(Block):
    """Who labels the unlabelled source images."""

    teacher: Name = Field(description="the variant that labels; it must learn from labelled images alone")
    confidence_threshold: float = Field(0.0, ge=0, lt=1, description="least softmax confidence kept (0..1)")


class Model(Block):
    """A multilayer perceptron; the last hidden layer is the representation."""

    name: Literal["mlp"]
    hidden: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = Field(
        description="widths of the hidden layers, the last one being the features"
    )


class Linear(Block):
    """Logistic heads on frozen features."""

    shots: Shots = Field(description="labelled target images a class, a list of integers >= 1")
    l2_strength: float = Field(
        gt=0, description="l2 penalty on the head's weights, against the summed loss (> 0)"
    )


class Robust(Block):
    """The heads under attack."""

    shots: int = Field(ge=1, description="shots of the attacked heads (>= 1)")
    l2_strength: float = Field(
        gt=0, description="l2 penalty on the head's weights, against the summed loss (> 0)"
    )
    attack: Attack


class Finetune(Block):
    """Every weight moves; AdamW on the full batch of shots."""

    shots: Shots = Field(description="labelled target images a class, a list of integers >= 1")
    steps: int = Field(ge=1, description="number of gradient steps (>= 1)")
    learning_rate: float = Field(gt=0, description="learning rate at the first step (> 0)")
    weight_decay: float = Field(ge=0, description="decoupled weight decay (>= 0)")


class Transfer(Block):
    """How representations are judged on a target."""

    draws: int = Field(ge=1, description="independent few-shot sets a replica (>= 1)")
    baselines: Annotated[list[Literal["raw", "untrained"]], Distinct] = Field(
        default=[], description="representations that need no training: raw pixels, the untrained network"
    )
    linear: Linear
    robust: Robust | None = None
    finetune: Finetune | None = None

    @property
    def most_shots(self) -> dict[str, int]:
        """protocol -> the largest number of shots that it asks for."""
        found = {"linear": max(self.linear.shots)}
        found |= {"robust": self.robust.shots} if self.robust else {}
        return found | ({"finetune": max(self.finetune.shots)} if self.finetune else {})


class Resources(Block):
    """What one job of a rule asks for; never part of what makes an artifact fresh."""

    threads: int = Field(1, ge=1, description="threads of the process (>= 1)")
    mem_mb: int = Field(2000, ge=300, description="memory in MB (>= 300)")
    runtime: int = Field(10, ge=1, description="time limit in minutes (>= 1)")
    gpu: int = Field(0, ge=0, description="GPUs (0 on a machine without)")
    gpu_optional: bool = Field(False, description="true to compute on the CPU where there are fewer GPUs")

    @model_validator(mode="after")
    def _useful(self) -> Self:
        if self.gpu_optional and not self.gpu:
            raise Impossible("gpu_optional", found="true with gpu: 0", expected="gpu: 1 or more beside it")
        return self

    @property
    def gpu_least(self) -> int:
        """GPUs that the job cannot do without."""
        return 0 if self.gpu_optional else self.gpu
