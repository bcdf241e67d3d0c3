"""A tiny network, tiny images and whole trainings of them, also in processes that kill themselves."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from advtransfer.data.natural.memory import MemoryImages
from advtransfer.data.natural.orders import Layout
from advtransfer.models.deep.build import build
from advtransfer.objectives.deep.make import make_objective
from advtransfer.seeding import stream
from advtransfer.training.deep import checkpoint as checkpoint_module
from advtransfer.training.deep.checkpoint import Checkpoint
from advtransfer.training.deep.loop import Recipe, fit
from advtransfer.training.deep.optimisation import Optimisation
from advtransfer.training.deep.preparation import Preparation
from advtransfer.training.deep.randomness import Randomness
from advtransfer.training.deep.sampling import ALONE, Pool, labelled_and_pseudo, mixed

COUNT, CLASSES, SIDE = 60, 4, 8
SGD = Optimisation(name="sgd", learning_rate=0.1, weight_decay=0.01, warmup=0.2)
ADAMW = Optimisation(name="adamw", learning_rate=0.01, weight_decay=0.1, warmup=0.2)
SEED = Randomness(5, 2)


def images(count=COUNT):
    """uint8 [N, 3, 8, 8] whose brightest corner is the label."""
    rng = stream(0, "images")
    y = rng.integers(0, CLASSES, count)
    x = rng.integers(0, 120, (count, 3, SIDE, SIDE), dtype=np.uint8)
    for image, label in zip(x, y, strict=True):
        top, left = 4 * (label // 2), 4 * (label % 2)
        image[:, top : top + 4, left : left + 4] += 80
    return torch.from_numpy(x), torch.from_numpy(y)


class Tiny(nn.Module):
    """A convolution, a norm, perhaps dropout, and a head: some 300 parameters."""

    def __init__(self, norm="group", dropout=0.0, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8) if norm == "batch" else nn.GroupNorm(2, 8)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(8 * 16, CLASSES)
        with torch.no_grad():
            for layer in (self.conv, self.head):
                weight = layer.weight
                weight.copy_(torch.randn(weight.shape, generator=generator) * weight[0].numel() ** -0.5)
            self.head.bias.zero_()

    def forward(self, x):
        return self.head(self.drop(self.norm(self.conv(x - 0.5)).relu()).flatten(1))


def stored():
    """The images of ``images`` as a training job holds them."""
    x, y = images()
    return MemoryImages(
        stored=x.permute(0, 2, 3, 1),
        labels=y.numpy(),
        shape=(3, SIDE, SIDE),
        class_names=tuple("abcd"),
        device=torch.device("cpu"),
        layout=Layout.of([COUNT]),
        buffer_images=None,
    )


def loader(pools=None, world=ALONE, randomness=SEED):
    """``batches`` for fit, of one process of a world; batches of 12 unless the pools say otherwise."""
    return mixed(stored(), pools or whole(), steps=10**6, randomness=randomness, world=world)


def whole(size=12):
    return [Pool(np.arange(COUNT), size)]


def shifted(x, rng):
    """A stand-in for an augmentation: each image rolled by its own draw, flipped by chance."""
    rolled = [image.roll(int(rng.integers(-1, 2)), 2) for image in x]
    flips = torch.from_numpy(rng.random(len(x)) < 0.5)
    moved = torch.stack(rolled).float() / 255
    return torch.where(flips[:, None, None, None], moved.flip(3), moved)


def train(model=None, spec=None, *, steps=10, optimisation=SGD, size=12, recipe=(), **arguments):
    """``fit`` with defaults for all that a test does not care for."""
    model = model or Tiny()
    objective = spec if callable(spec) else make_objective(spec)
    settings = Recipe(steps=steps, optimisation=optimisation, **dict(recipe))
    batches = arguments.pop("batches", None) or loader(whole(size))
    return fit(model, objective, batches, settings, **({"randomness": SEED} | arguments))


# -- trainings that are killed -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One training, as plain values, so that another process can run it."""

    spec: dict[str, Any] | None = None
    network: str = "batch"
    optimisation: Optimisation = SGD
    recipe: dict[str, Any] = field(default_factory=dict)
    ratio: float | None = None
    every_steps: int | None = 4
    every_seconds: float | None = None
    steps: int = 17

    def model(self):
        if self.network == "wide":
            return build(
                "wide_resnet", CLASSES, image_size=SIDE, rng=stream(0, "i"), depth=10, width=1, dropout=0.4
            )
        return Tiny(self.network)

    def batches(self):
        if self.ratio is None:
            return loader()
        pools = labelled_and_pseudo(np.arange(8), np.arange(8, COUNT), size=12, ratio=self.ratio)
        return loader(pools)

    def preparation(self, augment):
        if self.ratio is None:
            return Preparation(augment=augment)
        rng = stream(1, "pseudo")
        soft = torch.from_numpy(rng.dirichlet([0.3] * CLASSES, COUNT)).float()
        return Preparation(augment=augment, targets=soft)


def run_case(case: Case, folder: Path, kill: tuple[str, int] | None) -> None:
    """Trains, and writes weights, average and curves; ``kill`` = (moment, step) ends the process there by SIGKILL."""
    torch.set_num_threads(1)
    model, seen = case.model(), {"augmented": 0}
    start_file = folder / "checkpoint"

    def augment(x, rng):
        seen["augmented"] += 1
        _kill_at(kill, "augment", seen["augmented"])
        return shifted(x, rng)

    if kill and kill[0] == "backward":
        _count_calls(model, lambda number: _kill_at(kill, "backward", number))
    if kill and kill[0] == "write":
        checkpoint_module.save_file = _killed_while_writing(kill[1])
    trained = fit(
        model,
        make_objective(case.spec),
        case.batches(),
        Recipe(steps=case.steps, optimisation=case.optimisation, **case.recipe),
        randomness=SEED,
        preparation=case.preparation(augment),
        checkpoint=Checkpoint(start_file, case.every_seconds, case.every_steps),
    )
    save_file({name: t.contiguous() for name, t in trained.weights.items()}, folder / "weights")
    save_file({name: t.contiguous() for name, t in (trained.averaged or {}).items()}, folder / "averaged")
    save_file(trained.curves, folder / "curves")


def _kill_at(kill, moment, number):
    if kill == (moment, number):
        os.kill(os.getpid(), signal.SIGKILL)


def _count_calls(model: nn.Module, act: Callable[[int], None]) -> None:
    """``act(n)`` in the middle of the n-th backward pass through the head's weights."""
    calls = iter(range(1, 10**9))
    model.head.weight.register_hook(lambda gradient: act(next(calls)))


def _killed_while_writing(number):
    """safetensors' save_file, that leaves half a file and dies the ``number``-th time."""
    real, calls = save_file, iter(range(1, 10**9))

    def save(tensors, path, metadata=None):
        real(tensors, path, metadata=metadata)
        if next(calls) == number:
            content = Path(path).read_bytes()
            Path(path).write_bytes(content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    return save
