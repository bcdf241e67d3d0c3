"""Run the sparse-coding study: every variant on the same problems, one number per replica and metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from advtransfer.seeding import Streams
from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.sparse_coding.config import Scenario, make_scenario
from advtransfer.theory.sparse_coding.data import Problem, make_problem, sample
from advtransfer.theory.sparse_coding.downstream import fit_margin, robustness, zero_gradient_share
from advtransfer.theory.sparse_coding.net import Net
from advtransfer.theory.sparse_coding.pretrain import pretrain
from advtransfer.theory.sparse_coding.purity import purity

Arrays = dict[str, NDArray[np.float32]]


def run_scenario(
    block: Mapping[str, Any] | Scenario, *, replicas: int = 10, seed: int = 0, first: int = 0
) -> dict[str, tuple[Arrays, Arrays]]:
    """Train and measure replicas first .. first + replicas - 1: {variant: (metrics, units)}, float32.

    metrics, each [replicas]: purity_max_cos, purity_cos2, source_accuracy, downstream_accuracy,
    zero_gradient_share, and for each attack radius e (`{e:g}`) robust_accuracy_l2_e and
    robust_one_start_l2_e. units, each [replicas, units]: alignment and importance of every hidden unit, for
    histograms. Variants are paired: same problem, same initial weights, same points. A replica's random
    numbers do not depend on which others run with it.
    """
    s = block if isinstance(block, Scenario) else make_scenario(block)
    if replicas < 1:
        raise InvalidScenario(f"replicas = {replicas}: expected at least 1")
    chosen = range(first, first + replicas)
    problem = make_problem(s, chosen, seed)
    nets = pretrain(s, problem, chosen, seed)
    return {variant: _measure(s, problem, net, chosen, seed) for variant, net in nets.items()}


def _measure(s: Scenario, problem: Problem, net: Net, replicas: range, seed: int) -> tuple[Arrays, Arrays]:
    units = purity(net, problem.dictionary)
    metrics = {
        "purity_max_cos": units.max_cos(),
        "purity_cos2": units.share_cos2(),
        "source_accuracy": _source_accuracy(s, problem, net, replicas, seed),
        **_downstream(s, problem, net, replicas, seed),
    }
    arrays = {"alignment": units.alignment, "importance": units.importance}
    return _numpy(metrics), _numpy(arrays)


def _source_accuracy(s: Scenario, problem: Problem, net: Net, replicas: range, seed: int) -> Tensor:
    streams = Streams.of(seed, replicas, "sparse_coding", "source_test")
    x, y = sample(s, problem, problem.source, s.test_points, streams)
    return (y * net.outputs(x) > 0).float().mean(dim=(1, 2))


def _downstream(s: Scenario, problem: Problem, net: Net, replicas: range, seed: int) -> dict[str, Tensor]:
    fit = Streams.of(seed, replicas, "sparse_coding", "head")
    test = Streams.of(seed, replicas, "sparse_coding", "test")
    margin = fit_margin(s, net, *sample(s, problem, problem.downstream, s.head_points, fit))
    x, y = sample(s, problem, problem.downstream, s.test_points, test)
    out = {
        "downstream_accuracy": (margin(x, y) > 0).float().mean(dim=1),
        "zero_gradient_share": zero_gradient_share(lambda q: margin(q, y), x),
    }
    for eps in s.attack_eps:
        streams = Streams.of(seed, replicas, "sparse_coding", "attack", f"{eps:g}")
        result = robustness(s, lambda q: margin(q, y), x, eps, streams)
        out[f"robust_accuracy_l2_{eps:g}"] = result.accuracy
        out[f"robust_one_start_l2_{eps:g}"] = result.one_start
    return out


def _numpy(tensors: dict[str, Tensor]) -> Arrays:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
