"""The one error of the theory studies."""


class InvalidScenario(ValueError):
    """A scenario that cannot be simulated; the message is one line: key, value found, value expected."""
