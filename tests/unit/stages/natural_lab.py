"""The stages of a study of natural images on pictures painted for the purpose.

``python natural_lab.py JOB [PROCESSES]`` trains.
"""

import json
import os
import signal
import sys
from itertools import count
from pathlib import Path

from pictures import SIDE

from advtransfer.params.measures import NAMES as MEASURES
from advtransfer.params.model import Params
from advtransfer.stages import ingest, pretrain_natural, pseudo_label_natural, split_natural
from advtransfer.training.deep import checkpoint

BLOCK = "r001-001"
TRAINING = {"updates": 24, "batch_size": 12, "learning_rate": 0.05, "average": 0.9}
ATTACK = {"attack": {"norm": "linf", "eps": "8/255", "steps": 2}}
VARIANTS = {
    "clean": {"labels": "labelled"},
    "adversarial": {"labels": "labelled", "perturbation": ATTACK},
    "pseudo": {"labels": "pseudo"},
    "oracle": {"labels": "oracle"},
}


def study(**changes):
    """A study on the painted images, as params.yaml would state it."""
    block = {
        "kind": "natural_image",
        "title": "Painted",
        "seed": 5,
        "replicas": 2,
        "source": {"dataset": "painted", "labelled_fraction": 0.3, "validation_fraction": 0.2},
        "targets": {"sketched": {"dataset": "sketched"}},
        "model": {"name": "small_cnn", "arguments": {"norm": "group"}},
        "training": TRAINING,
        "variants": VARIANTS,
        "pseudo_labels": {"teacher": "clean", "labelled_ratio": 0.25},
        "transfer": {"draws": 2, "linear": {"shots": [2], "strengths": [1.0, 10.0]}, "measures": [*MEASURES]},
    } | changes
    datasets = {
        name: {"folder": {"path": name, "splits": ["train", "test"]}, "resolution": SIDE}
        for name in ("painted", "sketched")
    }
    content = {"default_studies": ["s"], "studies": {"s": block}, "datasets": datasets}
    return Params.model_validate(content)


def prepare(folder, params):
    """Inputs of the training stage: images and splits; beside them the target's images."""
    inputs = {"images": folder / "painted.parquet", "splits": folder / "splits.parquet"}
    for name in ("painted", "sketched"):
        outputs = {"images": folder / f"{name}.parquet", "rejects": folder / f"{name}-rejects.parquet"}
        ingest.main(params.datasets[name].prepare(), {}, outputs)
    split(params, inputs["images"], target_of(inputs), inputs["splits"])
    return inputs


def target_of(inputs):
    return inputs["images"].with_name("sketched.parquet")


def split(params, source, target, path):
    """What the stage says that it left out of each target's test images."""
    asked = params.studies["s"].split(BLOCK)
    told = split_natural.main(asked, {"images": source, "targets": [target]}, {"splits": path})
    return told["test_images_left_out"]


def label(folder, params, inputs, teacher):
    """The inputs with the teacher's labels among them."""
    made = {"pseudo_labels": folder / "pseudo_labels.parquet"}
    asked = inputs | {"teacher": teacher}
    pseudo_label_natural.main(params.studies["s"].pseudo_label(BLOCK), asked, made)
    return inputs | made


def job(params, variant, inputs, folder):
    """A training as the processes that share it are told of it."""
    return {
        "params": params.studies["s"].pretrain(variant, BLOCK),
        "inputs": {name: str(path) for name, path in inputs.items()},
        "outputs": {name: str(folder / name) for name in ("weights", "curves")},
        "scratch": str(folder / "scratch"),
    }


def killed_behind(write, times=3):
    """In the place of `write`: the same, and behind the call of that number nothing more, as after SIGKILL."""
    calls = count(1)

    def instead(*arguments):
        write(*arguments)
        if next(calls) == times:
            os.kill(os.getpid(), signal.SIGKILL)

    return instead


if __name__ == "__main__":
    # as the job's process runs it, but for checkpoints at every step rather than every five minutes
    checkpoint.Checkpoint.due_by_count = lambda self, done: True
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    asked = json.loads(Path(sys.argv[1]).read_text())
    if sys.argv[2:] == ["killed"]:
        checkpoint.Checkpoint.write = killed_behind(checkpoint.Checkpoint.write)
        pretrain_natural.train(asked)
    elif len(sys.argv) > 2:
        pretrain_natural.train_together(asked, int(sys.argv[2]))
    else:
        pretrain_natural.train(asked)
