"""One question without Snakemake: do representations that were trained under attack transfer better than clean ones?

    python examples/one_study.py

prepares scikit-learn's digits, trains forty clean and forty adversarial networks on a tenth of their labels, fits
linear heads on five labelled images per class of a darker, flatter, noisier target, and prints the difference of the
accuracies, paired by replica, with its interval. It calls the stages that the workflow's rules call: functions of
parameters, input files and output files. What it prints is the published number of the claim C1-linear-l2, since all
chance comes from the seed.
"""

import tempfile
from pathlib import Path

from advtransfer.cli.job import prepare_environment

# before NumPy and PyTorch are loaded: the same bits everywhere
prepare_environment(threads=1, gpus=[], portable=True)

from advtransfer.evaluation import table  # noqa: E402
from advtransfer.evaluation.statistics import paired_differences  # noqa: E402
from advtransfer.stages import prepare, pretrain, split, transfer  # noqa: E402

COMMON = {"seed": 20210618, "replicas": list(range(40))}
CLASSES = list(range(10))
NOISE = {"noise": {"sigma": 0.2}}  # standard deviation, of intensities in 0..1
DARKER = {"contrast": {"gain": 0.5, "offset": 0.2}}
SOURCE = {"classes": CLASSES, "shift": [NOISE]}
TARGET = {"name": "low-contrast", "classes": CLASSES, "shift": [DARKER, NOISE]}
SPLITS = {
    "source_classes": CLASSES,
    "target_classes": CLASSES,
    "labelled_fraction": 0.1,
    "test_fraction": 0.5,
}
ATTACK = {"norm": "l2", "eps": 0.5, "steps": 5, "relative_step": 2.5, "random_start": True, "restarts": 1}
VARIANTS = {"clean": None, "adversarial-l2": {"attack": ATTACK}}
TRAINING = {
    "model": {"name": "mlp", "hidden": [128, 64]},
    "optimiser": {"steps": 200, "batch_size": 64, "learning_rate": 3e-3, "weight_decay": 0.01},
}
HEADS = {"linear": {"l2_strength": 10.0, "shots": [1, 2, 5, 10]}, "robust": None, "finetune": None}
ROW = {"study": "example", "kind": "image", "source": "digits", "target": "low-contrast"}


def study(folder: Path) -> None:
    """Writes all files of the study into a folder; metrics-VARIANT.parquet holds the accuracies."""
    images, splits = folder / "images.parquet", folder / "splits.parquet"
    data = {"images": images, "splits": splits}
    prepare.main({"dataset": "digits"}, {}, {"images": images})
    split.main(COMMON | SPLITS, {"images": images}, {"splits": splits})
    for variant, perturbation in VARIANTS.items():
        weights = folder / f"{variant}.safetensors"
        trained = {"weights": weights, "curves": folder / f"{variant}.curves.parquet"}
        how = {"source": SOURCE, "labels": "labelled", "perturbation": perturbation}
        pretrain.main(COMMON | TRAINING | how, data, trained)
        measured = {"metrics": folder / f"metrics-{variant}.parquet"}
        how = {"target": TARGET, "representation": "pretrained", "draws": 4, "protocols": HEADS}
        transfer.main(
            COMMON | how | {"row": ROW | {"variant": variant}}, data | {"weights": weights}, measured
        )


def main() -> None:
    """Computes the study in a folder that is removed again, and prints its answer."""
    with tempfile.TemporaryDirectory() as name:
        study(Path(name))
        rows = table.join(sorted(Path(name).glob("metrics-*.parquet")))
    (found,) = paired_differences(rows[rows["shots"] == 5], baseline="clean").itertuples()
    interval = f"[{found.low:+.4f}, {found.high:+.4f}]"
    print(f"adversarial minus clean, 5 shots: {found.mean:+.4f} {interval}, p {found.p:.2g}, n {found.n}")


if __name__ == "__main__":
    main()
