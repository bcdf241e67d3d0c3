"""Which part of a source is used: classes and records by name, new numbers for what is left."""

from pathlib import Path

import numpy as np
import pytest

from advtransfer.data.natural.records import Limits, choose

NAMES = ("wren", "ape", "cod", "bee")  # as a source may number them: not by name
LABELS = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0, -1, 0, 0])
ONE_SPLIT = np.zeros_like(LABELS)


def chosen(limits, labels=LABELS, splits=ONE_SPLIT, names=NAMES):
    choice = choose(limits, labels, splits, names, Path("birds"))
    return choice.positions.tolist(), choice.labels.tolist(), choice.class_names


def test_without_limits_everything_stays():
    assert chosen(Limits()) == (list(range(12)), LABELS.tolist(), NAMES)


def test_first_classes_are_those_by_name_and_keep_their_order():
    positions, labels, names = chosen(Limits(classes=3))
    assert names == ("ape", "cod", "bee")
    assert [names[label] for label in labels] == ["ape", "cod", "bee"] * 2
    assert positions == [1, 2, 3, 5, 6, 7]  # nor the unlabelled one


def test_listed_classes_keep_the_order_of_the_source():
    for asked in (["bee", "wren"], ["wren", "bee"]):
        positions, labels, names = chosen(Limits(classes=asked))
        assert (
            names == ("wren", "bee")
            and labels == [0, 1, 0, 1, 0, 0, 0]
            and positions == [0, 3, 4, 7, 8, 10, 11]
        )


def test_per_class_keeps_the_first_of_each_class_and_of_the_unlabelled():
    assert chosen(Limits(per_class=2))[0] == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    labels = np.array([-1, 0, -1, 0])
    assert chosen(Limits(per_class=1), labels, np.zeros(4, int), ("a",))[0] == [0, 1]


def test_per_class_counts_every_split_for_itself():
    splits = np.repeat([0, 1], 6)
    assert chosen(Limits(per_class=1), splits=splits)[0] == [0, 1, 2, 3, 6, 7, 8, 9]
    assert chosen(Limits(per_class=1, classes=["wren"]), splits=splits) == ([0, 8], [0, 0], ("wren",))


@pytest.mark.parametrize(
    ("limits", "labels", "message"),
    [
        (
            Limits(classes=["owl"]),
            LABELS,
            r"birds: 'owl' asked for, it has the 4 classes wren, ape, cod, bee",
        ),
        (Limits(classes=5), LABELS, r"birds: 5 classes asked for"),
        (Limits(classes=0), LABELS, r"birds: 0 classes asked for"),
        (Limits(per_class=0), LABELS, r"birds: no image in it, or the limits leave none"),
        (Limits(), LABELS[:0], r"birds: no image in it"),
        (Limits(), np.array([0, 4]), r"birds: label 4 found, expected 0 to 3"),
        (Limits(), np.array([0, -2]), r"birds: label -2 found"),
    ],
)
def test_what_cannot_be_is_told(limits, labels, message):
    with pytest.raises(ValueError, match=message) as error:
        chosen(limits, labels, np.zeros_like(labels))
    assert "\n" not in str(error.value)
