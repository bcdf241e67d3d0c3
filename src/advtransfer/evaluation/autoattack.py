"""Robust accuracy of image networks: PGD while a study is developed, AutoAttack for what is reported.

AutoAttack (Croce and Hein 2020) counts an image as robust if it is right without attack and under each of four:
APGD on the cross entropy, APGD on the targeted DLR loss, targeted FAB, Square. The attacks are those of torchattacks
with the settings of the paper's standard version, which its own ``AutoAttack`` has not: there the first three take 10
steps instead of 100 and as many targets as there are wrong classes instead of 9, and Square's schedule is another
(Harry24k/adversarial-attacks-pytorch, issues 188 and 196).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from advtransfer.attacks.pgd import PGD
from advtransfer.evaluation.limits import AUTOATTACK_CLASSES
from advtransfer.evaluation.robustness import robust_correct
from advtransfer.seeding import Streams
from advtransfer.transfer.deep.features import frozen

NAMES = {"l2": "L2", "linf": "Linf"}  # as torchattacks writes them
STAGES = ("clean", "apgd-ce", "apgd-t", "fab-t", "square")
_SLACK = 1e-4  # relative: float32's rounding of a point on the sphere


@dataclass(frozen=True, kw_only=True)
class AutoAttack:
    """The standard version for ``norm`` l2 or linf; ``eps`` in units of pixels in [0, 1] (see ``fraction``).

    Fewer ``steps``, ``targets`` or ``queries`` make it weaker and another measurement; they are for tests. An image's
    random start depends on its place in a batch, so ``batch_size`` belongs to what is reported.
    """

    norm: str
    eps: float
    seed: int
    batch_size: int
    steps: int = 100
    targets: int = 9
    queries: int = 5000

    def __post_init__(self) -> None:
        if self.norm not in NAMES:
            raise ValueError(f"norm is {self.norm!r}; expected one of {', '.join(NAMES)}")

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Which images are right after each of ``STAGES`` and all before: name -> [N] bool, on the CPU.

        Args:
            model: scores (no probabilities) of images in [0, 1]; normalisation is inside.
            x, y: float images [N, C, H, W] in [0, 1] and labels [N] (int64).

        Raises ValueError for images outside of [0, 1], fewer than 4 classes, a model that gives probabilities, or
        one whose scores change from call to call (AutoAttack's standard version would overestimate it).
        """
        if x.min() < 0 or x.max() > 1:
            raise ValueError(f"images must lie in [0, 1], found {x.min():.3g} to {x.max():.3g}")
        device = next(model.parameters()).device
        with frozen(model), torch.random.fork_rng([device] if device.type == "cuda" else []):
            scores = _Scores(model).eval()  # torchattacks puts back the mode that it found after each attack
            classes = _check(scores, x[: self.batch_size].to(device))
            attacks = self._attacks(scores, classes)
            right = torch.zeros(len(x), dtype=torch.bool)
            for rows in torch.arange(len(x)).split(self.batch_size):
                right[rows] = _right(scores, x[rows].to(device), y[rows].to(device))
            after = {STAGES[0]: right}
            for name, attack in zip(STAGES[1:], attacks, strict=True):
                right = right.clone()
                left = right.nonzero()[:, 0]
                for rows in left.split(self.batch_size) if len(left) else ():
                    # FAB takes views that images which lie channels last do not have
                    images, labels = x[rows].to(device).contiguous(), y[rows].to(device)
                    moved = attack(images, labels).detach()
                    self._check_inside(name, images, moved)
                    right[rows] = _right(scores, moved, labels)
                after[name] = right
        scores.model = nn.Identity()  # torchattacks keeps a reference to every model it has seen
        return after

    def _attacks(self, scores: nn.Module, classes: int) -> list[Callable[[Tensor, Tensor], Tensor]]:
        import torchattacks  # 1.5 s, which only those who attack should pay

        common: dict[str, Any] = {"norm": NAMES[self.norm], "eps": self.eps, "seed": self.seed}
        # Those with targets take one less than ``n_classes``: the likeliest wrong classes of each image. (APGDT steps
        # with the first image's step size for all images where the norm is l2; no image's outcome was seen to change.)
        targeted = common | {"steps": self.steps, "n_classes": min(self.targets, classes - 1) + 1}
        return [
            torchattacks.APGD(scores, steps=self.steps, loss="ce", **common),
            torchattacks.APGDT(scores, **targeted),
            torchattacks.FAB(scores, multi_targeted=True, **targeted),
            torchattacks.Square(scores, n_queries=self.queries, resc_schedule=False, **common),
        ]

    def _check_inside(self, name: str, images: Tensor, moved: Tensor) -> None:
        order = torch.inf if self.norm == "linf" else 2
        size = torch.linalg.vector_norm((moved - images).flatten(1), ord=order, dim=1).max()
        if not (size <= self.eps * (1 + _SLACK) and moved.min() >= 0 and moved.max() <= 1):
            raise RuntimeError(f"{name} left the ball or [0, 1]: {self.norm} {size:.6g}, eps {self.eps:.6g}")


def pgd_correct(
    model: nn.Module, x: Tensor, y: Tensor, attack: PGD, streams: Streams, *, batch_size: int
) -> Tensor:
    """Which images stay right without attack and under every start of ``attack``: [N] bool, on the CPU.

    Args:
        x, y: float images [N, C, H, W] in [0, 1] and labels [N] (int64).
        attack: ValueError if its ``clip`` is not (0, 1): AutoAttack stays among the images too.
        streams: of one replica.
    """
    if attack.clip != (0, 1):
        raise ValueError(f"an attack on images needs clip (0, 1), found {attack.clip}")
    device = next(model.parameters()).device
    kept = []
    with frozen(model):
        for images, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
            stack = images.to(device)[None], labels.to(device)[None]
            kept.append(robust_correct(lambda z: model(z[0])[None], *stack, attack, streams)[0].cpu())
    return torch.cat(kept)


class _Scores(nn.Module):
    """What the attacks hold instead of the model, in float32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x).float()


@torch.no_grad()
def _right(scores: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return (scores(x).argmax(1) == y).cpu()


@torch.no_grad()
def _check(scores: nn.Module, x: Tensor) -> int:
    """The number of classes of a model that AutoAttack can judge."""
    first, again = scores(x), scores(x)
    if not torch.allclose(first, again, rtol=_SLACK, atol=_SLACK):
        raise ValueError("the model gives the same image different scores: AutoAttack needs its version rand")
    if first.shape[1] < AUTOATTACK_CLASSES:
        raise ValueError(f"AutoAttack needs at least {AUTOATTACK_CLASSES} classes, found {first.shape[1]}")
    if first.min() >= 0 and torch.allclose(first.sum(1), first.new_ones(len(first)), atol=_SLACK):
        raise ValueError("the model gives probabilities, AutoAttack needs scores before the softmax")
    return first.shape[1]
