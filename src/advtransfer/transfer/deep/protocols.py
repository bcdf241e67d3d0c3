"""How a deep representation is judged on the target: heads on fixed features, heads under attack, fine-tuning.

Each protocol yields measurements (protocol, metric, shots, one value a draw). Model selection sees the validation
images of the target's training split, never its test images.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advtransfer.attacks.pgd import PGD
from advtransfer.data.natural.augment import to_unit
from advtransfer.data.natural.images import Images
from advtransfer.data.natural.splits import VALIDATION
from advtransfer.data.splits import POOL, TEST
from advtransfer.evaluation.autoattack import AutoAttack, pgd_correct
from advtransfer.evaluation.representation.probes import Split, probe_stages
from advtransfer.models.deep.network import Network
from advtransfer.models.deep.stages import stages
from advtransfer.seeding import Streams
from advtransfer.transfer.deep.features import extract
from advtransfer.transfer.deep.finetune import Recipe, accuracy, finetune
from advtransfer.transfer.deep.references import NaiveBayes, nearest_centroid
from advtransfer.transfer.deep.shots import draw_shots, few
from advtransfer.transfer.deep.standardise import Standardiser
from advtransfer.transfer.heads import HeadGrid, correct, fit_grid, linear_layer

EXTRACTED, ATTACKED = 512, 128  # images at a time
REPRESENTATION = "representation"  # the protocol of what is measured of features as they are
SMOOTHING = 0.1  # of naive Bayes' variances: one image a class has none


class Measurement(NamedTuple):
    """``values`` of one metric at one number of shots, one a draw."""

    protocol: str
    metric: str
    shots: int
    values: list[float]


@dataclass(frozen=True)
class Few:
    """The images of one target that a replica works with, and who is drawn for the few-shot sets.

    ``pixels`` uint8 [n, C, H, W] with ``labels`` [n] (int64); positions in them: ``shots`` [draws, classes, most],
    ``validation`` and ``test``.
    """

    pixels: Tensor
    labels: Tensor
    shots: Tensor
    validation: Tensor
    test: Tensor
    classes: int

    @classmethod
    def draw(
        cls,
        images: Images,
        roles: Mapping[str, np.ndarray],
        rng: np.random.Generator,
        *,
        draws: int,
        most: int,
    ) -> Few:
        """Only what is used is read: a target may be large."""
        classes = len(images.class_names)
        drawn = draw_shots(images.labels, roles[POOL], rng, classes=classes, draws=draws, most=most)
        rows = np.unique(np.concatenate([drawn.flatten().numpy(), roles[VALIDATION], roles[TEST]]))

        def at(positions: np.ndarray) -> Tensor:
            return torch.from_numpy(np.searchsorted(rows, positions))

        return cls(
            pixels=torch.cat([batch.x for batch in images.ordered(rows, size=EXTRACTED)]),
            labels=torch.from_numpy(images.labels[rows]),
            shots=at(drawn.numpy()),
            validation=at(roles[VALIDATION]),
            test=at(roles[TEST]),
            classes=classes,
        )

    @property
    def learnt_from(self) -> Tensor:
        """Positions that are no test images."""
        return torch.cat([self.shots.flatten().unique(), self.validation])

    def sets(self, count: int) -> Tensor:
        """The ``count``-shot sets: positions [draws, classes * count]."""
        return few(self.shots, count)


@dataclass(frozen=True)
class Represented:
    """Standardised features [n, d] and labels [n] of all images of a ``Few``, on the model's device."""

    features: Tensor
    labels: Tensor
    standardiser: Standardiser


def represent(model: Network, few: Few) -> Represented:
    """Every image once; the test images take no part in the standardisation."""
    features = extract(model, few.pixels, batch_size=EXTRACTED)
    standardiser = Standardiser.of(features[few.learnt_from])
    return Represented(standardiser(features), few.labels.to(features.device), standardiser)


def linear(represented: Represented, few: Few, params: Mapping[str, Any]) -> Iterator[Measurement]:
    """Accuracy of logistic heads, for every number of shots; the strength is chosen by the validation images."""
    x, y = represented.features[few.test], represented.labels[few.test]
    for count in params["shots"]:
        rows = few.sets(count)
        grid, choice = _fitted(represented, few, count, params["strengths"])
        yield Measurement("linear", "accuracy", count, _shares(correct(grid.pick(choice), x, y)))
        if params["references"]:
            shown, labels = represented.features[rows], represented.labels[rows]
            centroids = nearest_centroid(shown, labels, classes=few.classes)
            yield Measurement("centroid", "accuracy", count, _shares(correct(centroids, x, y)))
            bayes = NaiveBayes.fit(shown, labels, classes=few.classes, smoothing=SMOOTHING)
            right = bayes.logits(x.expand(len(rows), *x.shape)).argmax(2) == y
            yield Measurement("naive-bayes", "accuracy", count, _shares(right))


def robust(
    model: Network, represented: Represented, few: Few, params: Mapping[str, Any], rng: np.random.Generator
) -> Iterator[Measurement]:
    """Accuracy of the first draw's heads when the attack sees head and representation as one model."""
    asked = params["robust"]
    grid, choice = _fitted(represented, few, asked["shots"], params["linear"]["strengths"])
    attacked = copy.deepcopy(model)
    attacked.head = linear_layer(grid.pick(choice), 0, represented.standardiser)
    rows = few.test[: asked["images"]]
    x, y = to_unit(few.pixels[rows]), few.labels[rows]
    if asked["attack"] == "autoattack":
        seed = int(rng.integers(2**31))
        attack = AutoAttack(norm=asked["norm"], eps=asked["eps"], seed=seed, batch_size=ATTACKED)
        *_, right = attack(attacked, x, y).values()
    else:
        pgd = PGD(norm=asked["norm"], eps=asked["eps"], steps=20, restarts=2, clip=(0.0, 1.0))
        right = pgd_correct(attacked, x, y, pgd, Streams((rng,)), batch_size=ATTACKED)
    yield Measurement("linear", "robust_accuracy", asked["shots"], [right.float().mean().item()])


def probes(model: Network, few: Few, strengths: list[float]) -> Iterator[Measurement]:
    """How well each stage of the network can be read, at the largest number of shots."""
    most = few.shots.shape[2]
    rows = {"train": few.sets(most)[0], "validation": few.validation, "test": few.test}
    probes = probe_stages(
        model,
        stages(model),
        **{name: Split(few.pixels[at], few.labels[at]) for name, at in rows.items()},
        classes=few.classes,
        strengths=strengths,
        batch_size=EXTRACTED,
    )
    yield from (Measurement(REPRESENTATION, f"probe_{p.stage}", most, [p.accuracy]) for p in probes)


def full(
    model: Network, few: Few, params: Mapping[str, Any], rng: np.random.Generator
) -> Iterator[Measurement]:
    """Accuracy after fine-tuning, for every number of shots."""
    names = ("optimiser", "steps", "batch_size", "learning_rate", "weight_decay", "first")
    recipe = Recipe(**{name: params[name] for name in names})
    for count in params["shots"]:
        values = []
        for rows in few.sets(count):
            tuned = finetune(
                model, few.pixels[rows], few.labels[rows], recipe, classes=few.classes, stages=stages, rng=rng
            )
            values.append(accuracy(tuned, few.pixels[few.test], few.labels[few.test]))
        yield Measurement("finetune", "accuracy", count, values)


def _fitted(
    represented: Represented, few: Few, count: int, strengths: list[float]
) -> tuple[HeadGrid, Tensor]:
    """Heads of every draw at every strength, and which strength each draw should have."""
    rows = few.sets(count)
    grid = fit_grid(
        represented.features[rows], represented.labels[rows], classes=few.classes, strengths=strengths
    )
    return grid, grid.choose(represented.features[few.validation], represented.labels[few.validation])


def _shares(right: Tensor) -> list[float]:
    """The share of True in each row."""
    return right.double().mean(1).tolist()
