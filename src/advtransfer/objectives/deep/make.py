"""Objectives by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from advtransfer.objectives.deep import kinds
from advtransfer.objectives.deep.batch import Objective
from advtransfer.objectives.deep.perturbed import Perturbed


def make_objective(spec: Mapping[str, Any] | None, *, smoothing: float = 0.0) -> Objective:
    """From params: None (clean) or {NAME: arguments}, of ``make`` in the file ``kinds/NAME.py``.

    A job's code holds the file of its own objective and no other's, so it is imported by its name. ``smoothing`` is
    that of the labels. ModuleNotFoundError for a name without a file.
    """
    if spec is None:
        return Perturbed(perturbation=None, smoothing=smoothing)
    (name, arguments), *_ = spec.items()
    return import_module(f"{kinds.__name__}.{name}").make(**arguments, smoothing=smoothing)
