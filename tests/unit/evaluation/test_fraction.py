"""The size of a perturbation is text that holds a fraction, or an error that says what to write instead."""

import pytest

from advtransfer.evaluation.fraction import fraction


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8/255", 8 / 255),
        ("4/255", 4 / 255),
        ("1/2", 0.5),
        ("3", 3.0),
        ("128 / 255", 128 / 255),
        (" 2/255 ", 2 / 255),
    ],
)
def test_fractions(text, value):
    assert fraction(text) == value


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("0.031", "31/1000 is exactly that, or 8/255 if 0.031373 is meant"),
        (".0157", "157/10000 is exactly that, or 4/255 if 0.015686 is meant"),
        ("0.3", "3/10 is exactly that"),
        ("3e-2", "3/100 is exactly that"),
    ],
)
def test_a_decimal_number_is_refused_with_the_fraction_that_may_have_been_meant(text, advice):
    with pytest.raises(ValueError) as error:
        fraction(text)
    assert str(error.value).startswith(f"eps is {text!r}; expected a fraction such as 8/255")
    assert str(error.value).endswith(advice)


@pytest.mark.parametrize(
    "text", ["", "8/", "/255", "-8/255", "8/255/2", "eight", "8.0/255", "nan", "-0.1", "1/0.5"]
)
def test_what_is_no_fraction_is_refused(text):
    with pytest.raises(ValueError, match="expected a fraction such as 8/255"):
        fraction(text)


@pytest.mark.parametrize("text", ["0/255", "8/0", "0"])
def test_nothing_and_infinity_are_refused(text):
    with pytest.raises(ValueError, match="above 0"):
        fraction(text)


@pytest.mark.parametrize("value", [0.031, 8 / 255, 1, None])
def test_numbers_are_refused_because_they_no_longer_say_what_was_written(value):
    with pytest.raises(ValueError, match="expected text"):
        fraction(value)
