"""Run one scenario: every estimator on the same draws, one number per trial and metric.

The work is batches of small matrices: give it one BLAS thread (OMP_NUM_THREADS=1), more only wait for
each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.linear.estimators import SOURCE_TRAINING, USES_PSEUDO
from advtransfer.theory.linear.model import Draw, Floats, draw, unit
from advtransfer.theory.linear.risk import head, split_excess, target_metrics
from advtransfer.theory.linear.scenario import Scenario, make_scenario
from advtransfer.theory.linear.subspace import sin_theta, top_directions

Metrics = dict[str, Floats]
REFERENCES = ("no_transfer", "oracle")
VARIANTS = (*SOURCE_TRAINING, *REFERENCES)
CHUNK = 2**20  # numbers per array of task means worked on at once: bounds memory, does not change results


def run_scenario(
    block: Mapping[str, Any] | Scenario,
    *,
    trials: int = 200,
    seed: int = 0,
    variants: Sequence[str] = VARIANTS,
    first: int = 0,
) -> dict[str, Metrics]:
    """Simulate trials first .. first + trials - 1 and return {variant: {metric: float64 [trials]}}.

    Metrics: sin_theta_op, sin_theta_fro, excess_risk, representation_excess, head_excess, error.
    `no_transfer` (a target classifier without a representation) has excess_risk and error alone. All variants
    of a trial share its draw, so differences between variants are paired. A trial's numbers depend on the
    scenario, the seed and its index.
    """
    scenario = block if isinstance(block, Scenario) else make_scenario(block)
    _check_run(trials, variants)
    size = max(1, CHUNK // (scenario.T * scenario.p))
    starts = range(first, first + trials, size)
    chunks = [range(start, min(start + size, first + trials)) for start in starts]
    return _join(_run_chunk(scenario, chunk, seed, variants) for chunk in chunks)


def _run_chunk(s: Scenario, trials: Sequence[int], seed: int, variants: Sequence[str]) -> dict[str, Metrics]:
    sample = draw(s, trials, seed, pseudo=any(v in USES_PSEUDO for v in variants))
    return {variant: _measure(variant, sample, s) for variant in variants}


def _measure(variant: str, sample: Draw, s: Scenario) -> Metrics:
    if variant == "no_transfer":
        return target_metrics(unit(sample.target_mean), sample.target, s.rho)
    features = _features(variant, sample, s)
    operator, frobenius = sin_theta(features, sample.basis)
    beta = head(features, sample.target_mean)
    return {
        "sin_theta_op": operator,
        "sin_theta_fro": frobenius,
        **target_metrics(beta, sample.target, s.rho),
        **split_excess(features, beta, sample.target),
    }


def _features(variant: str, sample: Draw, s: Scenario) -> Floats:
    if variant == "oracle":
        return sample.basis
    return top_directions(SOURCE_TRAINING[variant](sample, s), s.r)


def _join(parts: Iterable[dict[str, Metrics]]) -> dict[str, Metrics]:
    done = list(parts)
    return {
        variant: {metric: np.concatenate([part[variant][metric] for part in done]) for metric in metrics}
        for variant, metrics in done[0].items()
    }


def _check_run(trials: int, variants: Sequence[str]) -> None:
    if trials < 1:
        raise InvalidScenario(f"trials = {trials}: expected at least 1")
    unknown = [v for v in variants if v not in VARIANTS]
    if unknown:
        raise InvalidScenario(
            f"variants: unknown {', '.join(unknown)}, expected some of {', '.join(VARIANTS)}"
        )
