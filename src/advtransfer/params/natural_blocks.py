"""The building blocks of a ``natural_image`` study: network, recipe, variants, protocols."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from advtransfer.objectives.deep.knobs import Norm, Radius
from advtransfer.params.blocks import Block, Distinct, Impossible, Labels, Name, PseudoLabels, Shots
from advtransfer.params.measures import NAMES as MEASURES
from advtransfer.params.measures import Measure
from advtransfer.params.networks import check_arguments
from advtransfer.params.objectives import DeepPerturbation

Strengths = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1), Distinct]


class Network(Block):
    """A network by name."""

    name: str = Field(
        pattern=r"^(small_cnn|resnet18|resnet50|wide_resnet|timm:[\w.-]+)$",
        description="small_cnn, resnet18, resnet50, wide_resnet or timm:NAME",
    )
    arguments: dict[str, int | float | str | bool] = Field(default={}, description="its further arguments")

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        check_arguments(self.name, self.arguments)
        return self


class Augmentation(Block):
    """What happens to each training image, every time anew."""

    padding: int = Field(4, ge=0, description="pixels around the image before a crop of its size (>= 0)")
    mode: Literal["reflect", "zero"] = Field("reflect", description="what the padding is: reflect or zero")
    flip: bool = Field(True, description="mirror every second image")
    cutout: int = Field(0, ge=0, description="side of a grey square in pixels (0: none)")


class Training(Block):
    """The recipe of source pre-training; ``updates`` gradient steps, whatever the variant."""

    updates: int = Field(ge=1, description="number of gradient steps (>= 1)")
    batch_size: int = Field(ge=1, description="images a step (>= 1)")
    accumulate: int = Field(1, ge=1, description="parts of a batch, to save memory (divides batch_size)")
    optimiser: Literal["sgd", "adamw"] = Field("sgd", description="sgd (Nesterov) or adamw")
    learning_rate: float = Field(gt=0, description="highest learning rate (> 0)")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd (0..1)")
    weight_decay: float = Field(5e-4, ge=0, description="weight decay, not of biases and norms (>= 0)")
    decay: Literal["cosine", "one_cycle", "constant"] = Field(
        "cosine", description="fall of the learning rate"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    clip: float | None = Field(None, gt=0, description="largest norm of a gradient (> 0), none: any")
    average: float | None = Field(
        None, ge=0, lt=1, description="decay of averaged weights, which are then the result"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a label spread over all classes (0..1)"
    )
    augmentation: Augmentation = Augmentation()
    precision: Literal["float32", "tf32", "bfloat16"] = Field("float32", description="of the forward pass")
    compile: bool = Field(False, description="compile the network, where that works")
    deterministic: bool = Field(True, description="only kernels that give the same bytes every time")

    @model_validator(mode="after")
    def _whole_parts(self) -> Self:
        if self.batch_size % self.accumulate:
            raise Impossible(
                "accumulate", found=str(self.accumulate), expected=f"a divisor of {self.batch_size}"
            )
        return self


class TrainingChange(Block):
    """Keys of ``Training`` that one variant sets differently."""

    updates: int | None = Field(None, ge=1, description="number of gradient steps (>= 1)")
    learning_rate: float | None = Field(None, gt=0, description="highest learning rate (> 0)")
    weight_decay: float | None = Field(None, ge=0, description="weight decay (>= 0)")
    label_smoothing: float | None = Field(
        None, ge=0, lt=1, description="share spread over all classes (0..1)"
    )


class NaturalVariant(Block):
    """One way of pre-training on the source: labels x perturbation."""

    labels: Labels
    perturbation: DeepPerturbation | None = Field(None, description="none: clean inputs")
    training: TrainingChange = TrainingChange()


class NaturalPseudoLabels(PseudoLabels):
    """Who labels the unlabelled source images, and how they are learned."""

    soft: bool = Field(False, description="learn the teacher's probabilities instead of its label")
    labelled_ratio: float | None = Field(
        None, gt=0, lt=1, description="share of labelled images in each batch; none: as they come"
    )


class NaturalSource(Block):
    """What is learned first."""

    dataset: Name = Field(description="the source's images, a name among `datasets`")
    labelled_fraction: float = Field(gt=0, le=1, description="labelled share of the images (above 0, to 1)")
    validation_fraction: float = Field(
        0.1, ge=0, lt=1, description="share of the labelled images set aside to choose a recipe by (0..1)"
    )


class NaturalTarget(Block):
    """What the representation is judged on."""

    dataset: Name = Field(description="the target's images, a name among `datasets`")
    pool: list[str] = Field(default=["train"], min_length=1, description="splits of the training images")
    test: list[str] = Field(default=["test"], min_length=1, description="splits of the test images")
    validation_fraction: float = Field(
        0.1, gt=0, lt=1, description="share of the training images that choose the l2 strength (0..1)"
    )
    test_per_class: int | None = Field(None, ge=1, description="test images a class at most; none: all")


class NaturalLinear(Block):
    """Logistic heads on frozen, standardised features."""

    shots: Shots = Field(description="labelled target images a class, a list of integers >= 1")
    strengths: Strengths = Field(
        [1.0, 10.0, 100.0, 1000.0], description="l2 penalties, of which the validation images choose (> 0)"
    )
    references: bool = Field(True, description="also nearest-centroid and naive-Bayes heads")


class NaturalFinetune(Block):
    """Weights move under a new head."""

    shots: Shots = Field(description="labelled target images a class, a list of integers >= 1")
    steps: int = Field(ge=1, description="number of gradient steps (>= 1)")
    batch_size: int = Field(64, ge=1, description="images a step (>= 1)")
    optimiser: Literal["sgd", "adamw"] = Field("adamw", description="sgd (Nesterov) or adamw")
    learning_rate: float = Field(gt=0, description="learning rate at the first step (> 0)")
    weight_decay: float = Field(ge=0, description="weight decay (>= 0)")
    first: int = Field(0, ge=0, description="number of the first stage that moves (0: all)")


class NaturalRobust(Block):
    """The heads of the first draw under attack."""

    shots: int = Field(ge=1, description="shots of the attacked heads (>= 1); among linear.shots")
    images: int = Field(ge=1, description="test images that are attacked (>= 1)")
    attack: Literal["pgd", "autoattack"] = Field(
        "autoattack", description="pgd (20 steps, 2 starts) or autoattack"
    )
    norm: Norm
    eps: Radius


class NaturalTransfer(Block):
    """How representations are judged on a target."""

    draws: int = Field(ge=1, description="independent few-shot sets a replica (>= 1)")
    baselines: Annotated[list[Literal["untrained"]], Distinct] = Field(
        default=["untrained"], description="representations that need no training"
    )
    linear: NaturalLinear
    robust: NaturalRobust | None = None
    finetune: NaturalFinetune | None = None
    measures: Annotated[list[Measure], Distinct] = Field(
        default=[], description=f"what the features are like: {', '.join(MEASURES)}"
    )
