"""Linear heads on frozen features for all draws and all l2 strengths at once, and the choice of the strength.

The objective is that of ``advtransfer.transfer.heads`` and of scikit-learn's ``LogisticRegression(C=1/strength)``:
the sum of the cross entropies plus strength/2 |W|^2, the bias free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advtransfer.transfer.deep.descent import minimise
from advtransfer.transfer.deep.spans import span_of
from advtransfer.transfer.deep.standardise import Standardiser
from advtransfer.transfer.heads import Heads


@dataclass(frozen=True)
class HeadGrid:
    """Heads of P problems at S strengths: ``weight`` [P, S, d, C], ``bias`` [P, S, 1, C], ``strengths`` [S]."""

    weight: Tensor
    bias: Tensor
    strengths: Tensor

    def pick(self, choice: Tensor) -> Heads:
        """One head a problem: ``choice`` [P] (int64) holds positions in ``strengths``."""
        rows = torch.arange(len(choice), device=self.weight.device)
        return Heads(weight=self.weight[rows, choice], bias=self.bias[rows, choice])

    def choose(self, x: Tensor, y: Tensor) -> Tensor:
        """The position [P] of the strength with the highest accuracy on validation examples.

        ``x`` [M, d] and ``y`` [M] (int64) are shared by all problems. Of equally good strengths the largest wins.
        """
        right = torch.stack([self._right(x, y, s) for s in range(len(self.strengths))], dim=1)
        rank = self.strengths.argsort().argsort()
        return (right * len(rank) + rank).argmax(1)

    def _right(self, x: Tensor, y: Tensor, position: int) -> Tensor:
        heads = Heads(weight=self.weight[:, position], bias=self.bias[:, position])
        return correct(heads, x, y).sum(1)


def fit_grid(
    x: Tensor,
    y: Tensor,
    *,
    classes: int,
    strengths: Sequence[float],
    tolerance: float = 1e-5,
    max_steps: int = 1000,
) -> HeadGrid:
    """Heads for features x [P, n, d] (float32 or float64, standardised) and labels y [P, n] (int64).

    ``tolerance`` is about the relative excess of the objective over its minimum (see ``descent``); float32 reaches
    1e-6. RuntimeError if a head is further away after ``max_steps``, ValueError for a strength that is not above 0
    or features that are not finite.
    """
    if not strengths or min(strengths) <= 0:
        raise ValueError(f"l2 strengths must be above 0, found {list(strengths)}")
    if not x.isfinite().all():
        raise ValueError("the features hold values that are not finite")
    mean = x.mean(1, keepdim=True)
    span = span_of(x - mean)  # the bias makes up for the mean, and centred examples converge in fewer steps
    levels = x.new_tensor(strengths)
    found = minimise(span, y, levels, classes=classes, tolerance=tolerance, max_steps=max_steps)
    if not found.converged.all():
        late = sorted({strengths[s] for s in (~found.converged).nonzero()[:, 1].tolist()})
        raise RuntimeError(
            f"l2 strengths {late}: no minimum in {max_steps} steps; are the features standardised?"
        )
    weight = span.weights(found.coordinates)
    bias = found.bias - (weight @ mean[:, None].mT)[..., 0]
    return HeadGrid(weight=weight.mT, bias=bias[:, :, None], strengths=levels)


def correct(heads: Heads, x: Tensor, y: Tensor) -> Tensor:
    """Which examples x [M, d] with labels y [M] each of P heads gets right: [P, M] bool."""
    problems, _, classes = heads.weight.shape
    # one product for all heads: the examples are read once
    scores = (x @ heads.weight.permute(1, 0, 2).flatten(1)).unflatten(1, (problems, classes))
    predicted = (scores + heads.bias[:, 0]).argmax(2)
    return y == predicted.T


def linear_layer(heads: Heads, problem: int, standardiser: Standardiser) -> nn.Linear:
    """One fitted head as a layer on features that are not standardised: what an attack sees as the model's head."""
    weight = heads.weight[problem] / standardiser.scale[:, None]
    layer = nn.Linear(weight.shape[0], weight.shape[1], device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight.T)
        layer.bias.copy_(heads.bias[problem, 0] - standardiser.mean @ weight)
    return layer
