"""Everything that changes during a training, to and from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from advtransfer.objectives.deep.batch import Objective
from advtransfer.training.deep.average import Average
from advtransfer.training.deep.checkpoint import Checkpoint
from advtransfer.training.deep.curves import Curves
from advtransfer.training.deep.distributed import World
from advtransfer.training.deep.optimisation import Optimiser


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
        facts = {"step": step, "curves": self.curves.names, "identity": self.identity}
        checkpoint.write(tensors, facts)

    def restore(self, checkpoint: Checkpoint) -> int:
        """Takes the state of the checkpoint, if there is one; number of steps that are done.

        All processes read the file, so it has to be on a file system that they share. ValueError if it is another
        training's.
        """
        found = checkpoint.read()
        step = 0 if found is None else found[1]["step"]
        if len(set(steps := self.world.gather(step))) > 1:
            raise RuntimeError(
                f"the processes do not read the same checkpoint {checkpoint.path}: steps {steps}"
            )
        if found is None:
            return 0
        tensors, facts = found
        self._refuse_other(checkpoint, facts["identity"])
        self.model.load_state_dict(_within("model", tensors))
        self.optimiser.load(_within("optimiser", tensors))
        if self.average:
            self.average.load(_within("average", tensors))
        self.objective.load_state(_within(f"objective{self.world.rank}", tensors))
        self.curves.load(facts["curves"], tensors["curves"])
        return step

    def _refuse_other(self, checkpoint: Checkpoint, found: Mapping[str, Any]) -> None:
        for name, expected in self.identity.items():
            if found.get(name) != expected:
                raise ValueError(
                    f"checkpoint {checkpoint.path} is of another training: {name} is {found.get(name)!r}, "
                    f"expected {expected!r}"
                )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")
    }
