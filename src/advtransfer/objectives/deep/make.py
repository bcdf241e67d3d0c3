"""Objectives by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advtransfer.objectives.classification import Gaussian
from advtransfer.objectives.deep.batch import Objective
from advtransfer.objectives.deep.free import Free
from advtransfer.objectives.deep.perturbed import Perturbed, fgsm, pgd
from advtransfer.objectives.deep.trades import Trades


def make_objective(spec: Mapping[str, Any] | None, *, smoothing: float = 0.0) -> Objective:
    """From params: None (clean) or one of

    {"attack": {norm, eps, steps, ..}}, {"trades": {beta, norm, eps, steps, ..}}, with arguments of PGD,
    {"free": {eps, replays, norm}}, {"fgsm": {eps}}, {"gaussian": {sigma}}.

    ``smoothing`` is that of the labels. ValueError for another name.
    """
    if spec is None:
        return Perturbed(perturbation=None, smoothing=smoothing)
    (kind, arguments), *_ = spec.items()
    match kind:
        case "attack":
            return Perturbed(perturbation=pgd(**arguments), smoothing=smoothing)
        case "gaussian":
            return Perturbed(perturbation=Gaussian(**arguments), smoothing=smoothing)
        case "fgsm":
            return Perturbed(perturbation=fgsm(**arguments), smoothing=smoothing)
        case "free":
            return Free(**arguments, smoothing=smoothing)
        case "trades":
            attack = {name: value for name, value in arguments.items() if name != "beta"}
            return Trades(attack=pgd(**attack), beta=arguments["beta"], smoothing=smoothing)
    raise ValueError(f"objective is {kind!r}; expected attack, gaussian, fgsm, free or trades")
