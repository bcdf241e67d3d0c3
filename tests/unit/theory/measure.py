"""Prints the figures of docs/theory.md: `python tests/unit/theory/measure.py linear` (or another part)."""

import sys
import time
from collections.abc import Mapping

import numpy as np
from theory_blocks import LARGER, MILD, SCENARIOS, SWEEPS

from advtransfer.theory.linear.comparison import RateRow, compare_rates
from advtransfer.theory.linear.rates import sweep
from advtransfer.theory.linear.study import run_scenario

T_975 = {9: 2.262, 199: 1.972}  # Student's t by degrees of freedom


def interval(values: np.ndarray) -> str:
    """Mean and half-width of its 95 % interval over trials."""
    half = T_975[len(values) - 1] * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.3f} ± {half:.3f}"


def linear() -> None:
    """Every scenario, 200 trials."""
    for name, block in SCENARIOS.items():
        start = time.perf_counter()
        result = run_scenario(block, trials=200, seed=0)
        print(f"\n{name} ({time.perf_counter() - start:.1f} s)")
        for variant, metrics in result.items():
            print(f"  {variant:18}", *(f"{k} {interval(v)}" for k, v in metrics.items()), sep="  ")


def rates(sweeps: Mapping[str, tuple], trials: int) -> None:
    """Fitted exponents and, in brackets, leading / closed form / bound."""
    for name, (block, parameter, values, variants) in sweeps.items():
        start = time.perf_counter()
        curves = sweep(block, parameter=parameter, values=values, variants=variants, trials=trials)
        print(f"\n{name} over {parameter} {values} ({time.perf_counter() - start:.1f} s)")
        for row in compare_rates(block, curves, parameter=parameter, values=values):
            print(f"  {row.variant:17} {row.metric:22}", describe(row))


def describe(row: RateRow) -> str:
    """One line of a rate table; a star marks an interval without the leading exponent."""
    theory = " / ".join("-" if t is None else f"{t:.3f}" for t in (row.leading, row.closed, row.bound))
    star = "*" if row.excludes_leading else ""
    return f"{row.slope:.3f} [{row.low:.3f}, {row.high:.3f}]  ({theory}) {star}"


def radius() -> None:
    """sin Theta of adversarial l2 over its radius under mild heterogeneity, beside clean."""
    values = list(np.arange(0.25, 3.01, 0.25))
    curves = sweep(MILD, parameter="eps_l2", values=values, variants=["clean", "adversarial_l2"], trials=200)
    for k, value in enumerate(values):
        print(f"{value:.2f}", *(f"{v} {interval(m['sin_theta_op'][k])}" for v, m in curves.items()), sep="  ")


def sparse() -> None:
    """Ten replicas of every activation, one core."""
    for activation in ("soft_threshold", "relu", "relu_no_bias"):
        run_sparse(activation)


def attack() -> None:
    """The same under an attack twenty times as strong: 20 starts of 100 steps against 5 of 20."""
    for starts, steps in ((5, 20), (20, 100)):
        run_sparse("soft_threshold", attack_eps=[0.2, 0.3], attack_starts=starts, attack_steps=steps)


def run_sparse(activation: str, **change: object) -> None:
    """Every metric of one run of the sparse-coding study."""
    import torch

    from advtransfer.theory.sparse_coding.study import run_scenario as run

    torch.set_num_threads(1)
    start = time.perf_counter()
    result = run({"activation": activation, **change}, replicas=10, seed=0)
    print(f"\n{activation} {change or ''} ({time.perf_counter() - start:.1f} s)")
    for variant, (metrics, _) in result.items():
        print(f"  {variant:12}", *(f"{k} {interval(v)}" for k, v in metrics.items()), sep="  ")


if __name__ == "__main__":
    start = time.perf_counter()
    {
        "linear": linear,
        "rates": lambda: rates(SWEEPS, 200),
        "larger": lambda: rates(LARGER, 60),
        "radius": radius,
        "sparse": sparse,
        "attack": attack,
    }[sys.argv[1]]()
    print(f"\n{time.perf_counter() - start:.1f} s, {time.process_time():.1f} s of processor time")
