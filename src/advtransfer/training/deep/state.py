"""Everything that changes during a training, to and from a checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from advtransfer.objectives.deep.batch import Objective
from advtransfer.training.deep.average import Average
from advtransfer.training.deep.checkpoint import Checkpoint, Found, Unusable
from advtransfer.training.deep.curves import Curves
from advtransfer.training.deep.distributed import World
from advtransfer.training.deep.optimisation import Layout, Optimiser


@dataclass(frozen=True)
class State:
    """The parts of a training that change; ``identity`` says (as JSON) which training it is."""

    model: nn.Module
    optimiser: Optimiser
    average: Average | None
    objective: Objective
    curves: Curves
    world: World
    identity: Mapping[str, Any]

    def save(self, checkpoint: Checkpoint, step: int) -> None:
        """Writes down that ``step`` steps are done; every process must call it, the first one writes."""
        carried = self.world.gather({name: t.cpu() for name, t in self.objective.state().items()})
        if not self.world.leads:
            return
        done = step * self.objective.replays
        tensors = {
            "curves": self.curves.rows(done),
            **_under("model", self.model.state_dict()),
            **_under("optimiser", self.optimiser.tensors()),
            **_under("average", self.average.weights if self.average else {}),
        }
        for rank, own in enumerate(carried):
            tensors |= _under(f"objective{rank}", own)
        facts = {"step": step, "curves": self.curves.names, "identity": self._identity(checkpoint)}
        checkpoint.write(tensors, facts)

    def restore(self, checkpoint: Checkpoint, steps: int) -> int:
        """Takes the state of the checkpoint, if there is one, into a training of ``steps``; number of steps done.

        A checkpoint that is damaged, another training's, or not of this model is told of in one line and not used:
        it must neither change a result nor fail, for ever, a job that is tried again. All processes read the file, so
        it has to be on a file system that they share, else none of them uses it.
        """
        found, reason = self._usable(checkpoint, steps)
        views = self.world.gather((found.digest if found else "", reason))
        if any(view != views[0] for view in views):
            reason = "the processes that share the training do not read the same one"
        if reason and self.world.leads:
            print(
                f"checkpoint {checkpoint.path} is not used, training starts anew: {reason}",
                file=sys.stderr,
                flush=True,
            )
        if found is None or reason:
            return 0
        self._take(found)
        return int(found.facts["step"])

    def _usable(self, checkpoint: Checkpoint, steps: int) -> tuple[Found | None, str]:
        """What the checkpoint holds, if this training can go on from it, else why not."""
        try:
            if found := checkpoint.read():
                self._refuse_other(found.facts, self._identity(checkpoint), steps)
                self._refuse_misfit(found)
            return found, ""
        except Unusable as error:
            return None, str(error)

    def _take(self, found: Found) -> None:
        tensors, facts, _ = found
        self.model.load_state_dict(_within("model", tensors))
        self.optimiser.load(_within("optimiser", tensors))
        if self.average:
            self.average.load(_within("average", tensors))
        self.objective.load_state(_within(f"objective{self.world.rank}", tensors))
        self.curves.load(facts["curves"], tensors["curves"])

    def _identity(self, checkpoint: Checkpoint) -> dict[str, Any]:
        return {**self.identity, "owner": checkpoint.owner}

    def _refuse_other(self, facts: Any, identity: Mapping[str, Any], steps: int) -> None:
        """Raises Unusable unless the facts are those of this training, at one of its steps."""
        if not isinstance(facts, dict) or not isinstance(facts.get("identity"), dict):
            raise Unusable("it does not say which training it is of")
        if difference := next(_differences(facts["identity"], dict(identity)), ""):
            raise Unusable(f"it is of another training: {difference}")
        step, names = facts.get("step"), facts.get("curves")
        if type(step) is not int or not 0 < step <= steps:
            raise Unusable(f"it is of step {step!r}, expected one of 1 to {steps}")
        if not isinstance(names, list) or "loss" not in names or not all(type(n) is str for n in names):
            raise Unusable(f"its curves are {names!r}, expected names with loss among them")

    def _refuse_misfit(self, found: Found) -> None:
        """Raises Unusable unless every tensor has a place in this training, of its shape and dtype."""
        tensors, facts, _ = found
        rows = [facts["step"] * self.objective.replays, len(facts["curves"])]
        expected = {
            "curves": (rows, torch.float32),
            **_layout("model", self.model.state_dict()),
            **_layout("average", self.average.weights if self.average else {}),
        }
        momenta = _within("optimiser", tensors)
        expected |= {f"optimiser.{name}": layout for name, layout in self.optimiser.layout(momenta).items()}
        present = {
            name: (list(t.shape), t.dtype)
            for name, t in tensors.items()
            if not name.startswith("objective")  # the objective knows its own, and refuses what is none
        }
        for name in sorted({*expected, *present}):
            if expected.get(name) != present.get(name):
                shown = [_shown(layouts.get(name)) for layouts in (present, expected)]
                raise Unusable(f"it does not fit: {name} is {shown[0]}, expected {shown[1]}")


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")
    }


def _differences(found: Any, expected: Any, where: str = "") -> Iterator[str]:
    """Each leaf in which two JSON values differ, under its dotted name."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in expected:
            yield from _differences(found.get(key), expected[key], f"{where}.{key}".lstrip("."))
    elif found != expected:
        yield f"{where} is {found!r}, expected {expected!r}"


def _layout(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Layout]:
    return {f"{prefix}.{name}": (list(t.shape), t.dtype) for name, t in tensors.items()}


def _shown(layout: Layout | None) -> str:
    return f"{layout[1]} {layout[0]}" if layout else "absent"
