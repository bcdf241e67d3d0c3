"""``Params``: the whole of params.yaml, and per rule the slice of it that a job reads."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from advtransfer.data.catalogue import CATALOGUE
from advtransfer.params.blocks import (
    Block,
    Distinct,
    Impossible,
    Model,
    Name,
    Optimiser,
    Portable,
    PseudoLabels,
    Resources,
    ShiftStep,
    Transfer,
    Variant,
)
from advtransfer.params.datasets import Dataset
from advtransfer.params.natural import NaturalStudy
from advtransfer.params.reach import check_reach
from advtransfer.params.theory import LinearTheory, SparseCoding
from advtransfer.params.transfers import Slice, check_names, check_teacher, dump, measured, replicas_of

Classes = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2), Distinct]


class Side(Block):
    """Source or target: which classes, and how its images are shifted."""

    classes: Classes = Field(description="at least two labels of the data set")
    shift: list[ShiftStep] = Field(default=[], description="list of contrast, noise, rotation steps")


class ImageStudy(Block):
    """Pre-train every variant on the source, transfer each to every target."""

    kind: Literal["image"]
    title: str = Field(min_length=1, description="heading of the report")
    seed: int = Field(ge=0, description="root of every random stream of the study (>= 0)")
    replicas: int = Field(ge=2, le=1000, description="paired repetitions (2..1000)")
    replicas_per_job: int = Field(ge=1, description="replicas that train side by side in one job (>= 1)")
    portable: Portable = True
    dataset: Literal["digits"] = Field(description="the image set: digits")
    labelled_fraction: float = Field(
        gt=0, le=1, description="labelled share of the source images (above 0, to 1)"
    )
    test_fraction: float = Field(
        gt=0, lt=1, description="share of the target images kept for the test (0..1)"
    )
    source: Side
    targets: dict[Name, Side] = Field(min_length=1, description="name -> {classes, shift}")
    model: Model
    optimiser: Optimiser
    variants: dict[Name, Variant] = Field(
        min_length=1, description="name -> {labels, perturbation, optimiser}"
    )
    pseudo_labels: PseudoLabels | None = None
    transfer: Transfer
    resources: dict[Literal["split", "pretrain", "pseudo_label", "transfer"], Resources] = Field(
        default={}, description="rule -> {threads, mem_mb, runtime, gpu, gpu_optional}"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self._check_classes()
        self._check_teacher()
        self._check_shots()
        check_names(self.targets, self.variants, ("raw", "untrained"))
        return self

    def _check_classes(self) -> None:
        count = len(CATALOGUE[self.dataset].class_counts)
        sides = {"source": self.source} | {f"targets.{name}": side for name, side in self.targets.items()}
        for name, side in sides.items():
            if max(side.classes) >= count:
                allowed = f"0..{count - 1}, the classes of {self.dataset}"
                raise Impossible(f"{name}.classes", found=str(max(side.classes)), expected=allowed)
        for label, images in self._source_counts().items():
            if round(self.labelled_fraction * images) < 1:
                raise Impossible(
                    "labelled_fraction",
                    found=f"{self.labelled_fraction}, which labels none of the {images} source images of class {label}",
                    expected=f"at least {1 / images:.3f}",
                )

    def _check_teacher(self) -> None:
        check_teacher(self.variants, self.pseudo_labels)
        if self.pseudo_labels and not any(
            n - round(self.labelled_fraction * n) for n in self._source_counts().values()
        ):
            raise Impossible(
                "labelled_fraction",
                found=f"{self.labelled_fraction}, which leaves no image to pseudo-label",
                expected="less, or no pseudo-labels",
            )

    def _check_shots(self) -> None:
        for name, side in self.targets.items():
            counts = self._target_counts(side).values()
            if not all(round(self.test_fraction * n) for n in counts):
                raise Impossible(
                    "test_fraction",
                    found=f"{self.test_fraction}, which leaves a class of target {name} without a test image",
                    expected=f"at least {1 / min(counts):.3f}",
                )
            pool = min(n - round(self.test_fraction * n) for n in counts)
            for protocol, shots in self.transfer.most_shots.items():
                if shots > pool:
                    held = f"so many images of its smallest class are in the pool of target {name}"
                    raise Impossible(
                        f"transfer.{protocol}.shots", found=str(shots), expected=f"at most {pool}: {held}"
                    )

    def _shared(self) -> set[int]:
        return set(self.source.classes) & {label for side in self.targets.values() for label in side.classes}

    def _source_counts(self) -> dict[int, int]:
        counts, shared = CATALOGUE[self.dataset].class_counts, self._shared()
        return {c: counts[c] // 2 if c in shared else counts[c] for c in self.source.classes}

    def _target_counts(self, side: Side) -> dict[int, int]:
        counts, shared = CATALOGUE[self.dataset].class_counts, self._shared()
        return {c: counts[c] - counts[c] // 2 if c in shared else counts[c] for c in side.classes}

    # -- what there is to compute ------------------------------------------------------------------------------

    @property
    def datasets(self) -> list[str]:
        """Every image set that the study reads."""
        return [self.dataset]

    @property
    def representations(self) -> list[str]:
        """Everything the transfer stage judges: baselines and variants."""
        return [*self.transfer.baselines, *self.variants]

    @property
    def blocks(self) -> list[str]:
        """Names of the groups of replicas that share a job, e.g. ``r000-039``."""
        starts = range(0, self.replicas, self.replicas_per_job)
        ends = [min(start + self.replicas_per_job, self.replicas) - 1 for start in starts]
        return [f"r{start:03d}-{end:03d}" for start, end in zip(starts, ends, strict=True)]

    @property
    def protocols(self) -> dict[str, dict[str, list[int]]]:
        """protocol -> metric -> shots, as the metrics table will hold them."""
        found: dict[str, dict[str, list[int]]] = {"linear": {"accuracy": self.transfer.linear.shots}}
        if self.transfer.robust:
            found["linear"]["robust_accuracy"] = [self.transfer.robust.shots]
        if self.transfer.finetune:
            found["finetune"] = {"accuracy": self.transfer.finetune.shots}
        return found

    def measured(self) -> dict[str, Any]:
        """What the metrics of the study will hold, for the check of the claims."""
        # raw pixels have nothing to tune
        return measured(
            self.targets,
            self.representations,
            self.protocols,
            lambda of, under: (of, under) != ("raw", "finetune"),
        )

    # -- slices ------------------------------------------------------------------------------------------------

    def _common(self, block: str) -> Slice:
        return {"seed": self.seed, "portable": self.portable, "replicas": replicas_of(block)}

    def split(self, block: str) -> Slice:
        targets = sorted({label for side in self.targets.values() for label in side.classes})
        return self._common(block) | {
            "source_classes": self.source.classes,
            "target_classes": targets,
            "labelled_fraction": self.labelled_fraction,
            "test_fraction": self.test_fraction,
        }

    def pretrain(self, variant: str, block: str) -> Slice:
        chosen = self.variants[variant]
        changes = chosen.optimiser.model_dump(exclude_none=True)
        return self._common(block) | {
            "source": dump(self.source),
            "model": dump(self.model),
            "optimiser": dump(self.optimiser) | changes,
            "labels": chosen.labels,
            "perturbation": dump(chosen.perturbation) if chosen.perturbation else None,
        }

    def pseudo_label(self, block: str) -> Slice:
        assert self.pseudo_labels is not None
        threshold = self.pseudo_labels.confidence_threshold
        return self._common(block) | {"source": dump(self.source), "confidence_threshold": threshold}

    def objective(self, variant: str) -> list[str]:
        """The modules that one variant's training imports by name: none, the rule knows them all."""
        return []

    def transfer_to(self, name: str, target: str, variant: str, block: str) -> Slice:
        protocols = self.transfer
        representation = variant if variant in protocols.baselines else "pretrained"
        skipped = ("finetune",) if representation == "raw" else ()  # raw pixels have no weights to move
        row = {
            "study": name,
            "kind": self.kind,
            "source": self.dataset,
            "target": target,
            "variant": variant,
        }
        untrained = {"model": dump(self.model), "source_classes": len(self.source.classes)}
        return (
            self._common(block)
            | {
                "row": row,
                "target": dump(self.targets[target]) | {"name": target},
                "representation": representation,
                "draws": protocols.draws,
                "protocols": {
                    key: dump(value) if (value := getattr(protocols, key)) and key not in skipped else None
                    for key in ("linear", "robust", "finetune")
                },
            }
            | (untrained if representation == "untrained" else {})
        )

    def report(self, name: str) -> Slice:
        description = dump(self) | {"images": sum(CATALOGUE[self.dataset].class_counts)}
        for hidden in ("title", "resources", "replicas_per_job"):
            del description[hidden]
        return {"study": name, "title": self.title, "description": description}


Study = Annotated[ImageStudy | NaturalStudy | LinearTheory | SparseCoding, Field(discriminator="kind")]


class Params(Block):
    """The whole file."""

    default_studies: Annotated[list[Name], Distinct] = Field(
        min_length=1, description="studies that `make run` computes and DVC records"
    )
    datasets: dict[Name, Dataset] = Field(
        default={}, description="name -> images of the studies of kind natural_image"
    )
    studies: dict[Name, Study] = Field(min_length=1, description="name -> study block")

    @model_validator(mode="after")
    def _known(self) -> Self:
        self._check_datasets()
        for name, study in self.studies.items():
            check_reach(name, study, self.datasets)
        for name in self.default_studies:
            if name not in self.studies:
                raise Impossible(
                    "default_studies", found=repr(name), expected=f"names among {', '.join(self.studies)}"
                )
        for name in ("index", "artifacts"):
            if name in self.studies:
                raise Impossible(
                    f"studies.{name}", found="the name of a page of the report", expected="another"
                )
        return self

    def _check_datasets(self) -> None:
        for name in set(self.datasets) & set(CATALOGUE):
            raise Impossible(f"datasets.{name}", found="the name of a built-in set", expected="another name")
        for name, study in self.studies.items():
            if not isinstance(study, NaturalStudy):
                continue
            sides = {"source": study.source} | {f"targets.{key}": side for key, side in study.targets.items()}
            for key, side in sides.items():
                where = f"studies.{name}.{key}.dataset"
                if side.dataset not in self.datasets:
                    known = ", ".join(self.datasets) or "there is none"
                    raise Impossible(
                        where, found=repr(side.dataset), expected=f"a name among datasets ({known})"
                    )
                size, first = (self.datasets[d].resolution for d in (side.dataset, study.source.dataset))
                if size != first:
                    raise Impossible(
                        where, found=f"{size} pixels", expected=f"{first} pixels, as the source has"
                    )

    def measured(self) -> dict[str, dict[str, Any]]:
        """study -> what its metrics will hold (targets, variants, protocols): what a claim may ask for."""
        return {name: study.measured() for name, study in self.studies.items()}

    def resources(self, rule: str, study: str | None = None, dataset: str | None = None) -> Resources:
        """What a job of ``rule`` asks for."""
        if rule == "ingest" and dataset:
            return self.datasets[dataset].resources
        named: dict[str, Resources] = dict(self.studies[study].resources) if study else {}  # type: ignore[arg-type]
        return named.get(rule, Resources())
