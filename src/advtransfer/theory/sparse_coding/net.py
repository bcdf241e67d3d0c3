"""The two-layer network, one per replica along the leading axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from advtransfer.seeding import Streams
from advtransfer.theory.sparse_coding.config import Scenario


@dataclass(frozen=True)
class Net:
    """f(x) = sum_i a_i h(<w_i, x>) + c with m hidden units; float32.

    h is one of
      soft_threshold  relu(t - b) - relu(-t - b): a pair of ReLUs that share the bias b
      relu            relu(t - b)
      relu_no_bias    relu(t)
    """

    activation: str
    weight: Tensor  # [R, d, m]  columns w_i
    bias: Tensor  # [R, 1, m]  b, unused by relu_no_bias
    top: Tensor  # [R, m, K]  rows a_i
    offset: Tensor  # [R, 1, K]  c

    def trainable(self) -> dict[str, Tensor]:
        """The tensors that training changes."""
        names = ["weight", "top", "offset"] + ([] if self.activation == "relu_no_bias" else ["bias"])
        return {name: getattr(self, name) for name in names}

    def hidden(self, x: Tensor) -> Tensor:
        """Features [R, N, m] of points [R, N, d]."""
        t = x @ self.weight
        if self.activation == "relu_no_bias":
            return t.relu()
        if self.activation == "relu":
            return (t - self.bias).relu()
        return (t - self.bias).relu() - (-t - self.bias).relu()

    def outputs(self, x: Tensor) -> Tensor:
        """Scores [R, N, K] of points [R, N, d]."""
        return torch.baddbmm(self.offset, self.hidden(x), self.top)


def make_net(s: Scenario, replicas: Sequence[int], seed: int) -> Net:
    """Untrained networks: Gaussian layers of standard deviation `init`, zero biases."""
    streams = Streams.of(seed, replicas, "sparse_coding", "init")
    weight = s.init * streams.normal(s.d, s.units)
    top = s.init * streams.normal(s.units, s.labels)
    rows = len(replicas)
    return Net(
        s.activation, weight, weight.new_zeros(rows, 1, s.units), top, top.new_zeros(rows, 1, s.labels)
    )
