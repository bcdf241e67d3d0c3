"""The training loop for one network of any size: resumable, on one or several devices, blind to what is minimised.

(``training/loop.py`` trains stacks of small networks side by side.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from advtransfer.objectives.deep.batch import Batch, Objective
from advtransfer.training.deep.average import Average
from advtransfer.training.deep.checkpoint import Checkpoint
from advtransfer.training.deep.curves import Curves
from advtransfer.training.deep.distributed import World
from advtransfer.training.deep.execution import Execution
from advtransfer.training.deep.optimisation import Optimisation, Optimiser
from advtransfer.training.deep.preparation import Images, Preparation
from advtransfer.training.deep.progress import Progress
from advtransfer.training.deep.randomness import Randomness
from advtransfer.training.deep.state import State

Batches = Callable[[int], Iterator[Images]]
Outputs = dict[str, Tensor]
UNCHANGED, PLAIN, ALONE = Preparation(), Execution(), World()
CLOCK_STEPS = 16  # how often several processes agree on whether a checkpoint is due


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training does beside its objective.

    steps: number of batches; with an objective of m replays each is good for m updates. accumulate: parts of equal
    size into which a batch is cut to save memory; the gradient is that of the whole batch within rounding, but
    BatchNorm sees the parts one by one and each part has random numbers of its own. average: decay of an exponential
    moving average of the weights, which is returned beside them.
    """

    steps: int
    optimisation: Optimisation
    accumulate: int = 1
    average: float | None = None


@dataclass(frozen=True)
class Trained:
    """State dicts of the last weights and of their average, on the device; curves by name, float32 [updates]."""

    weights: dict[str, Tensor]
    averaged: dict[str, Tensor] | None
    curves: dict[str, Tensor]


def fit(
    model: nn.Module,
    objective: Objective,
    batches: Batches,
    recipe: Recipe,
    *,
    randomness: Randomness,
    preparation: Preparation = UNCHANGED,
    execution: Execution = PLAIN,
    world: World = ALONE,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Trains ``model`` in place, on the device where it lies; it ends in eval mode.

    A function of its arguments, random numbers included: a run that is killed and goes on from its checkpoint gives
    the same bytes as one that is not. ``batches(s)`` yields the images of this process for step s, s + 1, ..; with
    several processes (``world``) each is given its rows of every batch, and the step is that of the whole batch.

    A checkpoint that is damaged or another training's is told of on stderr and not used.

    Raises FloatingPointError when the loss is no longer finite, ValueError when the batches end early or cannot be cut
    into equal parts.
    """
    with execution.active(next(model.parameters()).device):
        run = _Run(model, objective, recipe, randomness, preparation, execution, world)
        start = run.state.restore(checkpoint, recipe.steps) if checkpoint else 0
        run.watch(start, progress if world.leads else None)
        source = batches(start) if start < recipe.steps else iter(())
        for step in range(start, recipe.steps):
            images = next(source, None)
            if images is None:
                raise ValueError(f"the batches ended at step {step} of {recipe.steps}")
            run.step(step, images)
            run.after(step + 1, checkpoint)
        return run.result()


class _Run:
    """One training and what changes in it."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        recipe: Recipe,
        randomness: Randomness,
        preparation: Preparation,
        execution: Execution,
        world: World,
    ) -> None:
        _learn(model)
        execution.arrange(model)
        self.model = world.share_statistics(model)
        self.objective = objective
        self.recipe = recipe
        self.randomness = randomness
        self.preparation = preparation
        self.execution = execution
        self.world = world
        self.device = next(model.parameters()).device
        self.updates = recipe.steps * objective.replays
        self.computed: nn.Module | None = None  # the model, or its compiled form
        average = None if recipe.average is None else Average(self.model, recipe.average)
        self.optimiser = Optimiser(self.model, recipe.optimisation)
        self.curves = Curves(self.updates, self.device)
        self.state = State(
            self.model, self.optimiser, average, objective, self.curves, world, self._identity()
        )

    def watch(self, start: int, progress: Progress | None) -> None:
        """Lets ``progress`` tell of the training from step ``start`` on."""
        self.progress, self.told = progress, start * self.objective.replays
        if progress:
            progress.begin(start)

    def step(self, step: int, images: Images) -> None:
        """Learns from one batch."""
        parts = self._parts(step, images)
        if self.computed is None:
            self.computed = self.execution.compiled(self.model, parts[0].x)
        self.randomness.seed_modules(step, self.world.rank)
        rounds = [self.objective.replay(self.computed, part) for part in parts]
        for replay in range(self.objective.replays):
            self._update(step * self.objective.replays + replay, rounds)
        if any(next(iterator, None) is not None for iterator in rounds):
            self._refuse_replays("more")

    def after(self, done: int, checkpoint: Checkpoint | None) -> None:
        """Reports and writes down that ``done`` steps are done."""
        if self.progress:
            self.progress.report(done, lambda: self._measured(done))
        if checkpoint and self._due(done, checkpoint):
            self.curves.refuse_nonsense(done * self.objective.replays)
            self.state.save(checkpoint, done)

    def result(self) -> Trained:
        self.curves.refuse_nonsense(self.updates)
        self.model.eval()
        average = self.state.average
        return Trained(self.model.state_dict(), average.weights if average else None, self.curves.all())

    def _parts(self, step: int, images: Images) -> list[Batch]:
        """Every part takes each so-manieth row, so all hold what the batch mixes."""
        pieces = self.recipe.accumulate
        if len(images.y) % pieces:
            raise ValueError(f"a batch of {len(images.y)} cannot be cut into {pieces} parts of equal size")
        layout = torch.channels_last if self.execution.channels_last else torch.contiguous_format
        return [
            self.preparation(
                images, slice(number, None, pieces), self.randomness, step, self.world.part(number), layout
            )
            for number in range(pieces)
        ]

    def _update(self, update: int, rounds: list[Iterator[Outputs]]) -> None:
        """One gradient step from the next losses of all parts."""
        totals: Outputs = {}
        for iterator in rounds:
            with self.execution.autocast(self.device):
                outputs = next(iterator, None) or self._refuse_replays("less")
            (outputs["loss"] / len(rounds)).backward()
            for name, value in outputs.items():
                totals[name] = totals.get(name, 0.0) + value.detach() / len(rounds)
        gradients = [p.grad for p in self.optimiser.parameters.values() if p.grad is not None]
        self.world.average([*gradients, *totals.values()])
        self.optimiser.step(update, self.updates)
        if self.state.average:
            self.state.average.update(update)
        self.curves.record(update, totals)

    def _refuse_replays(self, than: str) -> NoReturn:
        name, replays = type(self.objective).__name__, self.objective.replays
        raise RuntimeError(f"{name} yields {than} often than its {replays} replays")

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must agree with to be this training's, as far as the loop knows.

        Torch and device among it: what was begun by one and ended by another has the bytes of neither.
        """
        on_gpu = self.device.type == "cuda"
        facts = {
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name(self.device) if on_gpu else self.device.type,
            "recipe": asdict(self.recipe),
            "randomness": asdict(self.randomness),
            "objective": [type(self.objective).__name__, self.objective.replays],
            "processes": self.world.size,
        }
        return json.loads(json.dumps(facts))

    def _measured(self, done: int) -> dict[str, float]:
        """Means since the last report."""
        begin, self.told = self.told, done * self.objective.replays
        self.curves.refuse_nonsense(self.told)
        return self.curves.mean(begin, self.told)

    def _due(self, done: int, checkpoint: Checkpoint) -> bool:
        """Whether to write a checkpoint: the same answer in every process."""
        if done == self.recipe.steps or checkpoint.due_by_count(done):
            return True
        if self.world.size > 1:
            return done % CLOCK_STEPS == 0 and self.world.gather(checkpoint.due_by_clock())[0]
        return checkpoint.due_by_clock()


def _learn(model: nn.Module) -> None:
    """Train mode, but for BatchNorm whose parameters are frozen: its statistics belong to the frozen part."""
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not any(p.requires_grad for p in module.parameters()):
            module.eval()
