"""Whether prepared image sets hold what a study asks for: one line that names key, found and expected."""

import pytest
import yaml

from advtransfer.params.blocks import Impossible
from advtransfer.params.counts import check_counts
from advtransfer.params.measures import NAMES, least_images
from advtransfer.params.natural import NaturalStudy

STUDY = """
kind: natural_image
title: T
seed: 1
replicas: 2
source: {dataset: photos, labelled_fraction: 0.3, validation_fraction: 0.1}
targets: {scans: {dataset: scans, validation_fraction: 0.1}}
model: {name: small_cnn}
training: {updates: 4, batch_size: 4, learning_rate: 0.1}
variants: {clean: {labels: labelled}, pseudo: {labels: pseudo}}
pseudo_labels: {teacher: clean}
transfer: {draws: 1, linear: {shots: [1, 5]}, finetune: {shots: [2], steps: 1, learning_rate: 0.1, weight_decay: 0}}
"""
ENOUGH = {
    "photos": {"all": {"ant": 100, "bee": 50}},
    "scans": {"train": {"ant": 60, "bee": 60}, "test": {"ant": 5, "bee": 5}},
}


def check(counts, unlabelled=None, **changes):
    block = yaml.safe_load(STUDY)
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = block
        for part in parents:
            inner = inner[part]
        inner[last] = value
    check_counts(NaturalStudy.model_validate(block), ENOUGH | counts, unlabelled)


def photos(**of_class):
    return {"photos": {"all": of_class}}


def scans(train, test=None):
    return {"scans": {"train": train, "test": test or {"ant": 5, "bee": 5}}}


def test_enough_is_enough_and_what_is_not_prepared_is_not_judged():
    check({})
    check({"photos": {}, "scans": {}}, transfer__linear__shots=[1000])


@pytest.mark.parametrize(
    ("counts", "changes", "line"),
    [
        (
            photos(ant=100, solo=1),
            {},
            "source.labelled_fraction: found 0.3, which labels none of the 1 images of class 'solo' of photos, "
            "expected at least 1",
        ),
        (
            photos(ant=12, bee=12),
            {},
            "source.validation_fraction: found 0.1, which sets no image aside: photos has at most 4 labelled images of "
            "a class (labelled_fraction: 0.3), expected 0, or at least 0.25",
        ),
        (
            photos(ant=100, solo=3),
            {"source__validation_fraction": 0.6},
            "source.validation_fraction: found 0.6, which sets all 1 labelled images aside of the 3 images of class",
        ),
        (
            photos(ant=3, bee=3),
            {"source__labelled_fraction": 0.9, "source__validation_fraction": 0.4},
            "source.labelled_fraction: found 0.9, which leaves no image of photos to pseudo-label",
        ),
        (
            scans({"ant": 60, "bee": 4}),
            {},
            "transfer.linear.shots: found 5, expected at most 4: so many training images of class 'bee' of scans are "
            "left by a validation_fraction of 0.1",
        ),
        (
            scans({"ant": 60, "bee": 5}),
            {"transfer__finetune__shots": [6]},
            "transfer.finetune.shots: found 6, expected at most 5",
        ),
        (
            scans({"ant": 4, "bee": 3}),
            {"transfer__linear__shots": [1]},
            "targets.scans.validation_fraction: found 0.1, which sets no image aside: scans has at most 4 training "
            "images of a class, expected at least 0.25",
        ),
        (
            scans({"ant": 60, "solo": 1}, {"ant": 5, "solo": 5}),
            {"targets__scans__validation_fraction": 0.6},
            "targets.scans.validation_fraction: found 0.6, which sets all 1 training images of class 'solo' of scans",
        ),
        (
            scans({"ant": 60, "bee": 60}, {"ant": 5}),
            {},
            "targets.scans.test: found test, where scans has no image of class 'bee', expected images of every class",
        ),
        (
            scans({"ant": 60}, {"ant": 5, "bee": 5}),
            {},
            "targets.scans.pool: found train, where scans has no image of class 'bee'",
        ),
        (
            {"scans": {"all": {"ant": 9}}},
            {},
            "targets.scans.pool: found 'train', expected splits of scans (all)",
        ),
        (
            {},
            {"transfer__measures": ["tmi"], "targets__scans__validation_fraction": 0.05},
            "transfer.measures: found tmi, for which targets.scans.validation_fraction 0.05 sets 3 images of class "
            "'ant' of scans aside, expected at least 4 validation images of every class, or no tmi",
        ),
        (
            {},
            {"transfer__robust": {"shots": 1, "images": 4, "norm": "linf", "eps": 0.01}},
            "transfer.robust.attack: found autoattack, and scans has 2 classes, expected pgd, or targets of at least 4 "
            "classes",
        ),
    ],
)
def test_too_few_is_one_line(counts, changes, line):
    with pytest.raises(Impossible) as error:
        check(counts, **changes)
    told = f"{error.value.key}: {error.value}"
    assert told.startswith(line) and "\n" not in told


def test_images_without_a_label_can_be_pseudo_labelled():
    changes = {"source__labelled_fraction": 0.9, "source__validation_fraction": 0.4}
    check(photos(ant=3, bee=3), {"photos": 7}, **changes)


def test_the_expected_share_is_enough():
    check(photos(ant=12, bee=12), source__validation_fraction=0.25)
    check(photos(ant=100, solo=3), source__labelled_fraction=0.334)
    check(scans({"ant": 4, "bee": 3}), transfer__linear__shots=[1], targets__scans__validation_fraction=0.25)


def test_autoattack_needs_four_classes_and_pgd_none():
    robust = {"shots": 1, "images": 4, "norm": "linf", "eps": 0.01}
    check({}, transfer__robust=robust | {"attack": "pgd"})
    four = dict.fromkeys(("ant", "bee", "cat", "dog"), 60)
    check(scans(four, four), transfer__robust=robust)


def test_a_measure_says_how_many_images_of_a_class_it_needs():
    assert {name: least_images(name) for name in NAMES if least_images(name) > 1} == {"tmi": 4}
