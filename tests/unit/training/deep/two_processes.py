"""What test_deep_distributed.py starts by torchrun: trainings shared by two processes, their results in a folder."""

import shutil
import sys
from contextlib import suppress
from pathlib import Path

import torch
from deep_lab import SGD, Tiny, loader, shifted
from safetensors.torch import save_file

from advtransfer.objectives.deep.make import make_objective
from advtransfer.training.deep.checkpoint import Checkpoint
from advtransfer.training.deep.distributed import connected
from advtransfer.training.deep.loop import CLOCK_STEPS, Recipe, fit
from advtransfer.training.deep.preparation import Preparation
from advtransfer.training.deep.randomness import Randomness

STEPS, SEED = 8, Randomness(5, 2)
SPECS = {
    "clean": None,
    "pgd": {"attack": {"norm": "linf", "eps": 0.05, "steps": 2}},
    "free": {"free": {"eps": 0.05, "replays": 2}},
    "trades": {"trades": {"beta": 2.0, "norm": "l2", "eps": 0.3, "steps": 1}},
}


class Crash(Exception):
    pass


def trained(name, world, *, steps=STEPS, parts=1, model=None, checkpoint=None, crash=None):
    """One of the trainings, on its own or shared."""

    def batches(start):
        for step, stored in enumerate(loader(world=world)(start), start):
            if step == crash:
                raise Crash
            yield stored

    recipe = Recipe(steps=steps, optimisation=SGD, accumulate=parts, average=0.9)
    preparation = Preparation() if name == "clean" else Preparation(augment=shifted)
    return fit(
        model or Tiny("group", dropout=0.0),
        make_objective(SPECS[name]),
        batches,
        recipe,
        randomness=SEED,
        preparation=preparation,
        world=world,
        checkpoint=checkpoint,
    )


def write(path, result):
    tensors = {f"weights.{name}": t for name, t in result.weights.items()}
    tensors |= {f"averaged.{name}": t for name, t in result.averaged.items()}
    tensors |= {f"curves.{name}": t for name, t in result.curves.items()}
    save_file({name: t.contiguous() for name, t in tensors.items()}, path)


def damage(folder, world):
    """A checkpoint with one flipped bit, and one that only the first process finds."""
    content = bytearray((folder / "checkpoint").read_bytes())
    content[-1] ^= 1
    if world.leads:
        shutil.copyfile(folder / "checkpoint", folder / "own.0")
        (folder / "damaged").write_bytes(content)
    world.gather(None)


def main(folder):
    torch.set_num_threads(1)
    with connected() as (world, device):
        assert device.type == "cpu" and world.size == 2
        for name in SPECS:
            write(folder / f"{name}.{world.rank}", trained(name, world))
        write(folder / f"parts.{world.rank}", trained("pgd", world, parts=2))
        with suppress(Crash):
            trained("free", world, checkpoint=Checkpoint(folder / "checkpoint", None, 3), crash=5)
        resumed = trained("free", world, checkpoint=Checkpoint(folder / "checkpoint", None, 3))
        write(folder / f"resumed.{world.rank}", resumed)
        damage(folder, world)
        for name in ("damaged", f"own.{world.rank}"):
            anew = trained("free", world, checkpoint=Checkpoint(folder / name, None, 3))
            write(folder / f"anew-{name.split('.')[0]}.{world.rank}", anew)
        by_clock = Checkpoint(folder / "clock", every_seconds=0.0 if world.leads else 1e9)
        with suppress(Crash):
            trained("clean", world, steps=CLOCK_STEPS + 4, checkpoint=by_clock, crash=CLOCK_STEPS + 2)
        try:
            trained("clean", world, model=Tiny("batch"))
        except ValueError as error:
            (folder / f"refused.{world.rank}").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
