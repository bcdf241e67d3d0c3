"""How the recipes of the natural-image studies were chosen: accuracy on labelled source images that were set aside.

    ADVTRANSFER_DATA=... python benchmarks/tune_natural.py STUDY --learning-rates .05 .1 .2 --updates 500 1000

The variant ``clean`` of the study is trained with every learning rate and number of updates. Neither the target nor
the study's own seed is looked at: the exploration seed below is used nowhere else.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import torch

from advtransfer.params import load_params
from advtransfer.params.natural_blocks import TrainingChange
from advtransfer.stages import ingest, pretrain_natural, split_natural

SEED, BLOCK = 777, "r000-000"


def main() -> None:
    """Prints the validation accuracy of each setting."""
    arguments = _arguments()
    params = load_params("params.yaml")
    study = params.studies[arguments.study].model_copy(update={"seed": SEED})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = {"images": folder / "images.parquet", "splits": folder / "splits.parquet"}
        rejects = {"images": inputs["images"], "rejects": folder / "rejects.parquet"}
        ingest.main(params.datasets[study.source.dataset].prepare(), {}, rejects)
        source_alone = study.split(BLOCK) | {"targets": {}}
        split_natural.main(source_alone, inputs | {"targets": []}, {"splits": inputs["splits"]})
        for updates, rate in itertools.product(arguments.updates, arguments.learning_rates):
            change = TrainingChange(updates=updates, learning_rate=rate)
            clean = study.variants["clean"].model_copy(update={"training": change})
            tried = study.model_copy(update={"variants": study.variants | {"clean": clean}})
            outputs = {"weights": folder / "weights", "curves": folder / "curves"}
            scratch = folder / f"{updates}-{rate}"
            told = pretrain_natural.main(tried.pretrain("clean", BLOCK), inputs, outputs, scratch)
            accuracy = told["validation_accuracy"]
            print(f"{updates} updates, learning rate {rate}: validation accuracy {accuracy:.4f}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("study")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    parser.add_argument("--updates", type=int, nargs="+", default=[1000])
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
