"""Linear probes of every stage of a network (Alain and Bengio 2016): how early its features separate the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advtransfer.transfer.deep.features import evaluate
from advtransfer.transfer.deep.standardise import Standardiser
from advtransfer.transfer.heads import correct, fit_grid

Named = Sequence[tuple[str, nn.Module]]


@dataclass(frozen=True)
class Split:
    """uint8 ``images`` [N, C, H, W] and ``labels`` [N] (int64)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Probe:
    """Accuracy on the test split and the l2 strength that the validation split chose, of one stage."""

    stage: str
    width: int
    strength: float
    accuracy: float


def probe_stages(
    model: nn.Module,
    stages: Named,
    *,
    train: Split,
    validation: Split,
    test: Split,
    classes: int,
    strengths: Sequence[float],
    batch_size: int,
) -> Iterator[Probe]:
    """One probe a stage of ``stages`` (name, module of ``model``), in their order.

    Logistic heads on pooled activations, standardised by those of ``train``; the network stays fixed.
    """
    splits = (train, validation, test)
    pooled = [pooled_activations(model, stages, split.images, batch_size=batch_size) for split in splits]
    for name, _ in stages:
        standardise = Standardiser.of(pooled[0][name])
        x = [standardise(activations[name]) for activations in pooled]
        y = [split.labels.to(x[0].device) for split in splits]
        grid = fit_grid(x[0][None], y[0][None], classes=classes, strengths=strengths)
        chosen = grid.choose(x[1], y[1])
        right = correct(grid.pick(chosen), x[2], y[2])
        yield Probe(name, x[0].shape[1], strengths[int(chosen)], right.float().mean().item())


def pooled_activations(
    model: nn.Module, stages: Named, images: Tensor, *, batch_size: int
) -> dict[str, Tensor]:
    """What leaves each stage, averaged over positions: name -> [N, width] float32.

    Feature maps [B, C, H, W] (channels first) and tokens [B, T, C] become [B, C]; [B, C] stays. RuntimeError if a
    stage is not run exactly once in a forward pass.
    """
    with _recorded(stages) as seen:

        def together(x: Tensor) -> Tensor:
            seen.clear()
            model(x)
            missing = [name for name, _ in stages if len(seen.get(name, ())) != 1]
            if missing:
                raise RuntimeError(f"stages not run exactly once in a forward pass: {', '.join(missing)}")
            widths[:] = [seen[name][0].shape[1] for name, _ in stages]
            return torch.cat([seen[name][0] for name, _ in stages], dim=1)

        widths: list[int] = []
        joined = evaluate(model, together, images, batch_size=batch_size)
    return dict(zip([name for name, _ in stages], joined.split(widths, dim=1), strict=True))


@contextmanager
def _recorded(stages: Named) -> Iterator[dict[str, list[Tensor]]]:
    """The pooled outputs of the stages of each forward pass made inside, by name."""
    seen: dict[str, list[Tensor]] = {}

    def keep(name: str, output: Tensor) -> None:
        seen.setdefault(name, []).append(_pool(output))

    handles = [
        module.register_forward_hook(lambda module, x, output, name=name: keep(name, output))
        for name, module in stages
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _pool(x: Tensor) -> Tensor:
    if x.dim() == 4:
        return x.mean((2, 3))
    return x.mean(1) if x.dim() == 3 else x
