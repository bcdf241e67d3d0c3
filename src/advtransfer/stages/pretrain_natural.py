"""Source pre-training of one variant of a deep network; on several GPUs as several processes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.natural.augment import Augmentation
from advtransfer.data.natural.images import Images
from advtransfer.data.natural.pseudo_labels import read_pseudo_labels
from advtransfer.data.natural.roles import SOURCE, read_roles
from advtransfer.data.natural.splits import VALIDATION
from advtransfer.data.natural.streaming import open_images
from advtransfer.data.splits import LABELLED, UNLABELLED
from advtransfer.models.deep.network import Network
from advtransfer.models.deep.storage import save_weights
from advtransfer.models.deep.trained import initial
from advtransfer.objectives.deep.make import make_objective
from advtransfer.training.curves import write_curves
from advtransfer.training.deep.checkpoint import Checkpoint
from advtransfer.training.deep.distributed import connected
from advtransfer.training.deep.execution import Execution
from advtransfer.training.deep.loop import Recipe, Trained, fit
from advtransfer.training.deep.optimisation import Optimisation
from advtransfer.training.deep.orphans import die_with_parent
from advtransfer.training.deep.preparation import Preparation
from advtransfer.training.deep.progress import Progress
from advtransfer.training.deep.randomness import Randomness
from advtransfer.training.deep.sampling import Pool, labelled_and_pseudo, mixed
from advtransfer.transfer.deep.features import evaluate

_EVALUATED = 512  # images at a time


def main(
    params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path], scratch: Path
) -> dict[str, Any]:
    """params: seed, replica, model, training, labels, labelled_ratio, perturbation.

    inputs: images, splits and, where ``labels`` is pseudo, pseudo_labels. outputs: weights (safetensors), curves
    (Parquet: loss and accuracy of every update, and the source's validation accuracy at the end in the seal).
    ``scratch`` holds the checkpoint from which a job that was killed goes on.
    """
    job = {
        "params": params,
        "inputs": {name: str(path) for name, path in inputs.items()},
        "outputs": {name: str(path) for name, path in outputs.items()},
        "scratch": str(scratch),
    }
    gpus = torch.cuda.device_count()
    return train_together(job, gpus) if gpus > 1 else train(job)


def train_together(job: dict[str, Any], processes: int) -> dict[str, Any]:
    """The same training by several processes, one a GPU; what ``train`` takes and gives."""
    with tempfile.TemporaryDirectory(dir=Path(job["outputs"]["weights"]).parent) as folder:
        return _told(job, processes, Path(folder))


def _told(job: dict[str, Any], processes: int, folder: Path) -> dict[str, Any]:
    """What the processes told in ``folder``, which nothing of an earlier attempt is in."""
    asked, told = folder / "job.json", folder / "told.json"
    asked.write_text(json.dumps(job | {"told": str(told)}), encoding="utf-8")
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={processes}",
    ]
    command = [*torchrun, "-m", "advtransfer", "process", __name__, str(asked)]
    _run(command)
    return json.loads(told.read_text(encoding="utf-8"))


def _run(command: list[str]) -> None:
    """Runs torchrun, which ends its processes if it is asked to, and leaves them at work if it is killed."""
    with subprocess.Popen(command, preexec_fn=die_with_parent) as torchrun:  # noqa: PLW1509 (a system call)
        try:
            code = torchrun.wait()
        except BaseException:  # this job was told to end
            torchrun.terminate()
            raise
    if code:
        raise SystemExit(code if code > 0 else 128 - code)


def process(asked: str) -> None:
    """One of the processes that ``train_together`` starts; ``asked`` is the file that says what to train."""
    die_with_parent()
    train(json.loads(Path(asked).read_text(encoding="utf-8")))


def train(job: dict[str, Any]) -> dict[str, Any]:
    """What ``main`` does, in each of the processes that share the work; the first of them writes."""
    params, inputs = job["params"], {name: Path(path) for name, path in job["inputs"].items()}
    outputs = {name: Path(path) for name, path in job["outputs"].items()}
    with connected() as (world, device):
        images = open_images(inputs["images"], device)
        roles = read_roles(inputs["splits"], SOURCE)
        randomness = Randomness(params["seed"], params["replica"])
        model = initial(params, len(images.class_names), images.shape[1]).to(device)
        objective = make_objective(params["perturbation"], smoothing=params["training"]["label_smoothing"])
        pools, targets = _lessons(params, inputs, images, roles)
        training = params["training"]
        steps, rest = divmod(training["updates"], objective.replays)
        if rest:
            raise SystemExit(
                f"training.updates: found {training['updates']}, expected a multiple of the {objective.replays} steps "
                "that the objective takes on each batch"
            )
        try:
            batches = mixed(images, pools, steps=steps, randomness=randomness, world=world)
        except ValueError as error:
            raise SystemExit(f"training.batch_size: {error}") from None
        trained = fit(
            model,
            objective,
            batches,
            _recipe(training, steps),
            randomness=randomness,
            preparation=Preparation(
                augment=Augmentation(**training["augmentation"]), targets=targets.to(device)
            ),
            execution=_execution(training, device),
            world=world,
            checkpoint=_checkpoint(Path(job["scratch"])),
            progress=Progress(
                outputs["weights"].stem,
                steps=steps,
                images_per_step=training["batch_size"],
                images_per_epoch=sum(len(pool.members) for pool in pools),
            ),
        )
        told = {"device": str(device), "processes": world.size}
        if world.leads:
            told |= _finish(model, trained, images, roles, params, outputs)
            if "told" in job:
                Path(job["told"]).write_text(json.dumps(told), encoding="utf-8")
        return told


def _lessons(
    params: dict[str, Any], inputs: dict[str, Path], images: Images, roles: dict[str, np.ndarray]
) -> tuple[list[Pool], Tensor]:
    """The pools to learn from, labelled images first, and the targets of all N images."""
    true, size = torch.from_numpy(images.labels.copy()), params["training"]["batch_size"]
    if params["labels"] == "labelled":
        return [Pool(roles[LABELLED], size)], _seen(true, roles[LABELLED])
    if params["labels"] == "oracle":
        known = roles[UNLABELLED][images.labels[roles[UNLABELLED]] >= 0]
        both = np.concatenate([roles[LABELLED], known])
        return [Pool(both, size)], _seen(true, both)
    pseudo = read_pseudo_labels(inputs["pseudo_labels"])
    targets = _seen(true, roles[LABELLED])
    if pseudo.probabilities is not None:
        targets = torch.nn.functional.one_hot(targets.clamp_min(0), len(images.class_names)).float()
        targets[pseudo.index] = torch.from_numpy(pseudo.probabilities)
    else:
        targets[pseudo.index] = torch.from_numpy(pseudo.label)
    ratio = params["labelled_ratio"]
    if ratio is None:
        return [Pool(np.concatenate([roles[LABELLED], pseudo.index]), size)], targets
    return labelled_and_pseudo(roles[LABELLED], pseudo.index, size=size, ratio=ratio), targets


def _seen(labels: Tensor, rows: np.ndarray) -> Tensor:
    """Labels [N] that are -1 but at ``rows``: a label that must not be seen cannot be learned by mistake."""
    seen = torch.full_like(labels, -1)
    seen[rows] = labels[rows]
    return seen


def _checkpoint(scratch: Path) -> Checkpoint:
    """The runner names the folder after all that the job depends on, the content of its inputs included."""
    return Checkpoint(scratch / "checkpoint.safetensors", owner=scratch.name)


def _recipe(training: dict[str, Any], steps: int) -> Recipe:
    optimisation = Optimisation(
        name=training["optimiser"],
        learning_rate=training["learning_rate"],
        weight_decay=training["weight_decay"],
        momentum=training["momentum"],
        decay=training["decay"],
        warmup=training["warmup"],
        clip=training.get("clip"),
    )
    return Recipe(
        steps=steps,
        optimisation=optimisation,
        accumulate=training["accumulate"],
        average=training.get("average"),
    )


def _execution(training: dict[str, Any], device: torch.device) -> Execution:
    precision = training["precision"]
    return Execution(
        bf16=precision == "bfloat16",
        tf32=precision == "tf32",
        channels_last=True,
        compile=training["compile"],
        deterministic=training["deterministic"],
    )


def _finish(
    model: Network,
    trained: Trained,
    images: Images,
    roles: dict[str, np.ndarray],
    params: dict[str, Any],
    outputs: dict[str, Path],
) -> dict[str, Any]:
    """Writes the results and measures the labelled images that were set aside: a recipe is chosen by them."""
    model.load_state_dict(trained.averaged or trained.weights)
    save_weights(outputs["weights"], model)
    write_curves(
        outputs["curves"], {name: c[:, None] for name, c in trained.curves.items()}, [params["replica"]]
    )
    held_out = roles.get(VALIDATION, np.empty(0, dtype=np.int64))
    if not len(held_out):
        return {}
    scores = [
        evaluate(model, model, batch.x, batch_size=_EVALUATED)
        for batch in images.ordered(held_out, size=_EVALUATED)
    ]
    right = torch.cat(scores).argmax(1).cpu() == torch.from_numpy(images.labels[held_out])
    return {"validation_accuracy": round(right.float().mean().item(), 6)}
