"""Used by the model stage alone."""

MODEL = 2_000_000
