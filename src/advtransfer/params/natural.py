"""The study kind ``natural_image``: source and target are image sets of their own, the network is a deep one."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from advtransfer.params.blocks import Block, Impossible, Name, Portable, Resources
from advtransfer.params.measures import module
from advtransfer.params.natural_blocks import (
    NaturalPseudoLabels,
    NaturalSource,
    NaturalTarget,
    NaturalTransfer,
    NaturalVariant,
    Network,
    Training,
)
from advtransfer.params.transfers import Slice, check_names, check_teacher, dump, measured, replicas_of


class NaturalStudy(Block):
    """Pre-train every variant on the source, transfer each to every target."""

    kind: Literal["natural_image"]
    title: str = Field(min_length=1, description="heading of the report")
    seed: int = Field(ge=0, description="root of every random stream of the study (>= 0)")
    replicas: int = Field(ge=2, le=1000, description="paired repetitions (2..1000), one a job")
    portable: Portable = True
    source: NaturalSource
    targets: dict[Name, NaturalTarget] = Field(min_length=1, description="name -> {dataset, ..}")
    model: Network
    training: Training
    variants: dict[Name, NaturalVariant] = Field(
        min_length=1, description="name -> {labels, perturbation, training}"
    )
    pseudo_labels: NaturalPseudoLabels | None = None
    transfer: NaturalTransfer
    resources: dict[Literal["split", "pretrain", "pseudo_label", "transfer", "measure"], Resources] = Field(
        default={}, description="rule -> {threads, mem_mb, runtime, gpu, gpu_optional}"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self._check_teacher()
        self._check_shares()
        self._check_robust()
        check_names(self.targets, self.variants, ("untrained",))
        self._check_replays()
        return self

    def _check_teacher(self) -> None:
        check_teacher(self.variants, self.pseudo_labels)
        if self.pseudo_labels and self.source.labelled_fraction == 1:
            expected = "less, or no pseudo-labels"
            raise Impossible(
                "source.labelled_fraction", found="1, which leaves no image to label", expected=expected
            )

    def _check_shares(self) -> None:
        ratio = self.pseudo_labels.labelled_ratio if self.pseudo_labels else None
        size = self.training.batch_size
        if ratio is not None and not 0 < round(ratio * size) < size:
            expected = f"a share that leaves places for both kinds of labels in a batch of {size}"
            raise Impossible("pseudo_labels.labelled_ratio", found=str(ratio), expected=expected)

    def _check_robust(self) -> None:
        robust, shots = self.transfer.robust, self.transfer.linear.shots
        if robust and robust.shots not in shots:
            raise Impossible(
                "transfer.robust.shots", found=str(robust.shots), expected=f"one of linear.shots {shots}"
            )

    def _check_replays(self) -> None:
        for name, variant in self.variants.items():
            if variant.perturbation is None:
                continue
            replays = variant.perturbation.replays
            updates = variant.training.updates or self.training.updates
            if updates % replays:
                expected = f"a divisor of the {updates} updates"
                key = f"variants.{name}.perturbation.{variant.perturbation.kind}.replays"
                raise Impossible(key, found=str(replays), expected=expected)

    # -- what there is to compute ------------------------------------------------------------------------------

    @property
    def datasets(self) -> list[str]:
        """Every image set that the study reads, the source's first."""
        return list(
            dict.fromkeys([self.source.dataset, *(target.dataset for target in self.targets.values())])
        )

    @property
    def representations(self) -> list[str]:
        """Everything the transfer stage judges: baselines and variants."""
        return [*self.transfer.baselines, *self.variants]

    @property
    def blocks(self) -> list[str]:
        """One replica a job."""
        return [f"r{replica:03d}-{replica:03d}" for replica in range(self.replicas)]

    @property
    def protocols(self) -> dict[str, dict[str, list[int]]]:
        """protocol -> metric -> shots, as the metrics table will hold them."""
        found: dict[str, dict[str, list[int]]] = {"linear": {"accuracy": self.transfer.linear.shots}}
        if self.transfer.linear.references:
            found |= {name: {"accuracy": self.transfer.linear.shots} for name in ("centroid", "naive-bayes")}
        if self.transfer.robust:
            found["linear"] = found["linear"] | {"robust_accuracy": [self.transfer.robust.shots]}
        if self.transfer.finetune:
            found["finetune"] = {"accuracy": self.transfer.finetune.shots}
        if self.transfer.measures:
            found["representation"] = {name: [0] for name in self.transfer.measures}
        return found

    def measured(self) -> dict[str, Any]:
        """What the metrics of the study will hold, for the check of the claims."""
        return measured(self.targets, self.representations, self.protocols)

    # -- slices ------------------------------------------------------------------------------------------------

    def _common(self, block: str) -> Slice:
        return {"seed": self.seed, "portable": self.portable, "replica": replicas_of(block)[0]}

    def split(self, block: str) -> Slice:
        """The roles of the source's and every target's images."""
        source = dump(self.source)
        return self._common(block) | {
            "source": {key: source[key] for key in ("labelled_fraction", "validation_fraction")},
            "targets": {
                name: {key: value for key, value in dump(target).items() if key != "dataset"}
                for name, target in self.targets.items()
            },
        }

    def pretrain(self, variant: str, block: str) -> Slice:
        """One variant's training."""
        chosen = self.variants[variant]
        recipe = dump(self.training) | chosen.training.model_dump(exclude_none=True)
        ratio = (
            self.pseudo_labels.labelled_ratio if self.pseudo_labels and chosen.labels == "pseudo" else None
        )
        # lower precisions and compiled kernels have no portable form, and would be slow without the fastest kernels
        portable = self.portable and recipe["precision"] == "float32" and not recipe["compile"]
        return self._common(block) | {
            "portable": portable,
            "model": dump(self.model),
            "training": recipe,
            "labels": chosen.labels,
            "labelled_ratio": ratio,
            "perturbation": dump(chosen.perturbation) if chosen.perturbation else None,
        }

    def objective(self, variant: str) -> list[str]:
        """The modules of one variant's objective that its training imports by name."""
        chosen = self.variants[variant].perturbation
        return [chosen.module] if chosen else []

    def pseudo_label(self, block: str) -> Slice:
        """The teacher's labels."""
        assert self.pseudo_labels is not None
        kept = {key: getattr(self.pseudo_labels, key) for key in ("confidence_threshold", "soft")}
        return self._common(block) | {"model": dump(self.model)} | kept

    def transfer_to(self, name: str, target: str, variant: str, block: str) -> Slice:
        """One representation on one target."""
        row = {
            "study": name,
            "kind": self.kind,
            "source": self.source.dataset,
            "target": target,
            "variant": variant,
        }
        protocols = dump(self.transfer)
        del protocols["measures"]
        return self._common(block) | {"row": row, "model": dump(self.model), "protocols": protocols}

    def measure(self, name: str, target: str, block: str) -> Slice:
        """What the features of every representation are like on one target."""
        row = {"study": name, "kind": self.kind, "source": self.source.dataset, "target": target}
        return self._common(block) | {
            "row": row,
            "model": dump(self.model),
            "baselines": self.transfer.baselines,
            "variants": list(self.variants),
            "measures": self.transfer.measures,
        }

    @property
    def measure_modules(self) -> list[str]:
        """The modules that the measuring stage imports by name."""
        return [module(name) for name in self.transfer.measures]

    def report(self, name: str) -> Slice:
        """Title and study block."""
        description = dump(self)
        for hidden in ("title", "resources"):
            del description[hidden]
        return {"study": name, "title": self.title, "description": description}
