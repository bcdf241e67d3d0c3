"""How far a hidden unit has picked a single atom of the dictionary."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from advtransfer.theory.sparse_coding.net import Net

TINY = 1e-12


@dataclass(frozen=True)
class Purity:
    """Alignment and importance of every hidden unit; float32 [R, m]."""

    alignment: Tensor  # max over atoms of |cos(w_i, M_j)|: 1 for a pure unit, .43 for a random one (d = 30)
    importance: Tensor  # |w_i| |a_i|, scaled to sum to 1 over the units of a replica

    def max_cos(self) -> Tensor:
        """Importance-weighted mean alignment [R]."""
        return (self.importance * self.alignment).sum(dim=1)

    def share_cos2(self) -> Tensor:
        """Importance-weighted share of |w_i|^2 along the best atom [R]; the cos^2 of a unit sum to 1."""
        return (self.importance * self.alignment**2).sum(dim=1)


def purity(net: Net, dictionary: Tensor) -> Purity:
    """Purity of each hidden unit with respect to a dictionary [R, d, d] of orthonormal columns."""
    length = net.weight.norm(dim=1).clamp_min(TINY)
    alignment = (dictionary.mT @ net.weight).abs().amax(dim=1) / length
    importance = length * net.top.norm(dim=2)
    return Purity(alignment, importance / importance.sum(dim=1, keepdim=True).clamp_min(TINY))
