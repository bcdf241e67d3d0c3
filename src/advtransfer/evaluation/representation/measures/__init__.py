"""One measure of a representation a file; its name is what ``measures`` of a study may list.

``measure(x, y)`` gives a number for standardised features x [n, d] (float32) of n images and their labels y [n]
(int64). It raises Undefined, with the reason, where these images give none: the measure is then left out.
"""


class Undefined(ValueError):
    """A measure that these features and labels have no value of."""
