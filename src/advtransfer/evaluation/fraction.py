"""The size of a perturbation as a fraction, "8/255": .031 is another number, and was once reported as if it were not.

(fra31/auto-attack, issue 54: results at .031 beside results at 8/255 = .03137 in one table.)
"""

from __future__ import annotations

import re
from fractions import Fraction

_FRACTION = re.compile(r"\s*(\d+)\s*(?:/\s*(\d+)\s*)?")
LEVELS = 255  # of an 8-bit image


def fraction(text: str) -> float:
    """The value of "8/255", "1/2" or "3", above 0, in units of the examples.

    ValueError for anything else; for a decimal number it names the fraction meant and, where one is near, the one
    over 255 that may have been meant.
    """
    if not isinstance(text, str):
        raise ValueError(f'eps is {text!r}; expected text that holds a fraction, such as "8/255"')
    match = _FRACTION.fullmatch(text)
    if match is None:
        raise ValueError(f"eps is {text!r}; expected a fraction such as 8/255{_advice(text)}")
    above, below = int(match[1]), int(match[2] or 1)
    if above == 0 or below == 0:
        raise ValueError(f"eps is {text!r}; expected a fraction above 0 such as 8/255")
    return above / below


def _advice(text: str) -> str:
    try:
        exact = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        return ""
    if exact <= 0:
        return ""
    level = round(exact * LEVELS)
    near = level > 0 and abs(exact * LEVELS - level) < Fraction(1, 10)
    meant = f", or {level}/{LEVELS} if {level / LEVELS:.6f} is meant" if near else ""
    return f": {exact} is exactly that{meant}"
