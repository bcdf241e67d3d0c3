"""Images a second of clean and adversarial training: this engine, a plain loop, and what the kernels alone allow.

    python benchmarks/training_speed.py [--model resnet18] [--batch 32] [--image-size 32] [--steps 4] [--rounds 5]

For each of clean and PGD-k training, on one model in one process, interleaved, best of the rounds:

- bare: the forward, backward and optimiser calls that the training cannot do without, on fixed tensors;
- ours: ``fit`` with sampler, augmentation, attack, curves, and a moving average of the weights;
- plain: what one would write first: a DataLoader over images augmented one by one, float32 in the default memory
  format, an attack in train mode that differentiates the loss by the images.

Seconds are the processor's own on a CPU (the machine may be shared) and wall time on a GPU. The goal is ours/bare of
at least 0.9. Ends with the highest memory that the process held.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from advtransfer.data.natural.augment import Augmentation
from advtransfer.data.natural.memory import MemoryImages
from advtransfer.data.natural.orders import Layout
from advtransfer.models.deep.build import build
from advtransfer.models.deep.network import Network
from advtransfer.objectives.deep.make import make_objective
from advtransfer.provenance.environment import peak_memory
from advtransfer.seeding import stream
from advtransfer.training.deep.execution import Execution
from advtransfer.training.deep.loop import Recipe, fit
from advtransfer.training.deep.optimisation import Optimisation
from advtransfer.training.deep.preparation import Preparation
from advtransfer.training.deep.randomness import Randomness
from advtransfer.training.deep.sampling import Pool, mixed

EPS, CLASSES, IMAGES = 8 / 255, 10, 2048
SGD = Optimisation(name="sgd", learning_rate=0.01, weight_decay=5e-4, decay="constant")


@dataclass(frozen=True)
class Task:
    """What is measured."""

    model: str
    image_size: int
    batch: int
    attack_steps: int
    steps: int
    execution: Execution
    device: torch.device

    def network(self) -> Network:
        network = build(self.model, CLASSES, image_size=self.image_size, rng=stream(0, "init"))
        return network.to(self.device)


def main() -> None:
    arguments = _arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    execution = Execution(bf16=arguments.bf16, compile=arguments.compile, deterministic=not arguments.race)
    for attack_steps in (0, arguments.attack_steps):
        task = Task(
            arguments.model,
            arguments.image_size,
            arguments.batch,
            attack_steps,
            arguments.steps,
            execution,
            device,
        )
        contenders = {"bare": bare(task), "ours": ours(task), "plain": plain(task)}
        _report(task, _race(contenders, task, arguments.rounds))
    print(f"highest memory of the process: {peak_memory()} MiB")


def bare(task: Task) -> Callable[[], None]:
    """The calls without which there is no such training, on fixed tensors."""
    network = task.network()
    task.execution.arrange(network)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True)
    x = torch.rand(task.batch, 3, task.image_size, task.image_size, device=task.device)
    x = x.contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, CLASSES, (task.batch,), device=task.device)
    computed = task.execution.compiled(network, x)

    def loss(z: Tensor) -> Tensor:
        with task.execution.autocast(task.device):
            return cross_entropy(computed(z).float(), y)

    def step() -> None:
        network.eval().requires_grad_(False)
        for _ in range(task.attack_steps):
            leaf = x.detach().requires_grad_(True)
            torch.autograd.grad(loss(leaf), leaf)
        network.train().requires_grad_(True)
        loss(x).backward()
        optimiser.step()
        optimiser.zero_grad()

    def run() -> None:
        with task.execution.active(task.device):
            for _ in range(task.steps):
                step()

    return run


def ours(task: Task) -> Callable[[], None]:
    """The engine of this project."""
    network, randomness = task.network(), Randomness(0)
    x, y = (tensor.to(task.device) for tensor in _images(task))
    attack = {"attack": {"norm": "linf", "eps": EPS, "steps": task.attack_steps}}
    objective = make_objective(attack if task.attack_steps else None)
    stored = MemoryImages(
        stored=x.permute(0, 2, 3, 1).contiguous(),
        labels=y.cpu().numpy(),
        shape=(3, task.image_size, task.image_size),
        class_names=tuple(map(str, range(CLASSES))),
        device=x.device,
        layout=Layout.of([IMAGES]),
        buffer_images=None,
    )
    pool = Pool(np.arange(IMAGES), task.batch)
    batches = mixed(stored, [pool], steps=task.steps, randomness=randomness)
    return partial(
        fit,
        network,
        objective,
        batches,
        Recipe(steps=task.steps, optimisation=SGD, average=0.999),
        randomness=randomness,
        preparation=Preparation(augment=Augmentation(mode="zero")),
        execution=task.execution,
    )


class _Plain(Dataset):
    """Images augmented one by one, as tutorials do."""

    def __init__(self, x: Tensor, y: Tensor, image_size: int) -> None:
        self.x, self.y = x, y
        self.augment = v2.Compose(
            [
                v2.RandomCrop(image_size, padding=4),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self.augment(self.x[i]), self.y[i]


def plain(task: Task) -> Callable[[], None]:
    """The loop one would write first."""
    network = task.network().train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    loader = DataLoader(_Plain(*_images(task), task.image_size), task.batch, shuffle=True, drop_last=True)

    def run() -> None:
        for _, (images, labels) in zip(range(task.steps), loader, strict=False):
            x, y = images.to(task.device), labels.to(task.device)
            moved = _plain_attack(network, x, y, task.attack_steps) if task.attack_steps else x
            optimiser.zero_grad()
            cross_entropy(network(moved), y).backward()
            optimiser.step()

    return run


def _plain_attack(network: nn.Module, x: Tensor, y: Tensor, steps: int) -> Tensor:
    moved = (x + torch.empty_like(x).uniform_(-EPS, EPS)).clamp(0, 1)
    for _ in range(steps):
        moved.requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(network(moved), y), moved)
        moved = moved.detach() + 2.5 * EPS / steps * gradient.sign()
        moved = torch.min(torch.max(moved, x - EPS), x + EPS).clamp(0, 1)
    return moved


def _images(task: Task) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    shape = (IMAGES, 3, task.image_size, task.image_size)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    return torch.from_numpy(images), torch.from_numpy(rng.integers(0, CLASSES, IMAGES))


def _race(contenders: dict[str, Callable[[], None]], task: Task, rounds: int) -> dict[str, np.ndarray]:
    """Seconds a step of each in every round, in which all take their turn; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, run in contenders.items():
            began = _clock(task.device)
            run()
            seconds[name].append((_clock(task.device) - began) / task.steps)
    return {name: np.array(taken[1:]) for name, taken in seconds.items()}


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _report(task: Task, seconds: dict[str, np.ndarray]) -> None:
    """Best speeds, and the medians of the ratios within a round, which a busy machine disturbs least."""
    kind = f"PGD-{task.attack_steps}" if task.attack_steps else "clean"
    speeds = "  ".join(f"{name} {task.batch / taken.min():.1f}" for name, taken in seconds.items())
    ratios = {name: np.median(seconds[name] / seconds["ours"]) for name in ("bare", "plain")}
    print(
        f"{task.model} {task.image_size} px, batch {task.batch}, {kind}: images/s {speeds}; "
        f"ours/bare {ratios['bare']:.3f}, ours/plain {ratios['plain']:.2f}",
        flush=True,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--attack-steps", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="of each contender in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--race", action="store_true", help="kernels that need not be deterministic")
    return parser.parse_args()


if __name__ == "__main__":
    main()
