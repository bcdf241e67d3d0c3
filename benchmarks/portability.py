"""What the same bytes on every processor cost: processor seconds of the stages of each study kind.

    python benchmarks/portability.py [--rounds 3] [KIND ..]

For each kind the stages of a part of its default study run in a process of their own under each setting, interleaved,
the least of the rounds counts:

- free: PyTorch, MKL, oneDNN and NumPy choose the fastest kernels of this processor;
- avx2: ``ATEN_CPU_CAPABILITY=avx2`` and ``MKL_CBWR=AVX2``, which fix the bits on one maker's processors;
- compatible: ``MKL_CBWR=COMPATIBLE`` instead, MKL's one branch that is the same for all makers;
- portable: what a job does (``advtransfer.cli.kernels``, ``advtransfer.arithmetic``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from advtransfer.cli import kernels

ROOT = Path(__file__).parents[1]
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
SETTINGS: dict[str, dict[str, str]] = {
    "free": {},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2"},
    "compatible": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "COMPATIBLE"},
    "portable": kernels.PORTABLE,
}


def image(folder: Path) -> None:
    """Two variants of the digits, 40 replicas: training and all protocols of the transfer."""
    from advtransfer.stages import prepare, pretrain, split, transfer

    study = _study("digits")
    (block,) = study.blocks
    data = {name: folder / name for name in ("images", "splits")}
    prepare.main({"dataset": "digits"}, {}, {"images": data["images"]})
    split.main(study.split(block), {"images": data["images"]}, {"splits": data["splits"]})
    for variant in ("clean", "adversarial-l2"):
        weights, out = folder / f"{variant}.safetensors", {"metrics": folder / "metrics"}
        made = {"weights": weights, "curves": folder / "curves"}
        pretrain.main(study.pretrain(variant, block), data, made)
        asked = study.transfer_to("digits", "low-contrast", variant, block)
        transfer.main(asked, data | {"weights": weights}, out)


def linear_theory(folder: Path) -> None:
    """Two scenarios with their sweeps, a fifth of the trials."""
    from advtransfer.stages import linear_theory as stage

    study = _study("linear-theory").model_copy(update={"trials": 40})
    for scenario in ("heterogeneous-dense", "homogeneous-sparse"):
        made = {name: folder / name for name in ("metrics", "rates")}
        stage.main(study.simulation("linear-theory", scenario), {}, made)


def sparse_coding(folder: Path) -> None:
    """One scenario, all replicas."""
    from advtransfer.stages import sparse_coding as stage

    made = {name: folder / name for name in ("metrics", "units")}
    stage.main(_study("sparse-coding").simulation("sparse-coding", "soft-threshold"), {}, made)


def natural_image(folder: Path) -> None:
    """The small CNN on 32x32 noise, 60 clean and 20 attacked updates of 128 images; heads on 512 features."""
    import numpy as np
    import torch

    from advtransfer.devices import pick_device
    from advtransfer.models.deep.build import build
    from advtransfer.transfer.deep.heads import fit_grid

    pick_device()
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((128, 3, 32, 32), dtype=np.float32))
    y = torch.from_numpy(rng.integers(0, 10, 128))
    model = build("small_cnn", 10, image_size=32, rng=rng)
    for passes in [1] * 60 + [4] * 20:
        for _ in range(passes):
            model.zero_grad()
            torch.nn.functional.cross_entropy(model(x.requires_grad_()), y).backward()
    features = torch.from_numpy(rng.standard_normal((8, 100, 512), dtype=np.float32))
    labels = torch.arange(10).repeat(8, 10)
    fit_grid(features, labels, classes=10, strengths=[1.0, 10.0, 100.0, 1000.0])


KINDS: dict[str, Callable[[Path], None]] = {
    function.__name__: function for function in (image, linear_theory, sparse_coding, natural_image)
}


def _study(name: str):
    from advtransfer.params.load import load_params

    return load_params(ROOT / "params.yaml").studies[name]


def child(kind: str, setting: str) -> None:
    """Prints the processor seconds of one kind in this process; imports are not counted."""
    import torch

    from advtransfer import arithmetic

    if setting != "portable":
        arithmetic.hold_products = lambda: None  # before devices and the stages import it
    torch.ones(2, 2) @ torch.ones(2, 2)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        KINDS[kind](Path(folder))
        print(json.dumps(time.process_time() - begun))


def measure(kind: str, setting: str) -> float:
    command = [sys.executable, __file__, "--child", kind, setting]
    kept = {name: value for name, value in os.environ.items() if name not in kernels.PORTABLE}
    environment = kept | THREADS | SETTINGS[setting]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| kind | " + " | ".join(SETTINGS) + " | portable / avx2 |")
    print("|---" * (len(SETTINGS) + 2) + "|")
    for kind in options.kinds:
        seconds = {name: float("inf") for name in SETTINGS}
        for _ in range(options.rounds):
            for name in SETTINGS:
                seconds[name] = min(seconds[name], measure(kind, name))
        cells = " | ".join(f"{seconds[name]:.1f}" for name in SETTINGS)
        print(f"| {kind} | {cells} | {seconds['portable'] / seconds['avx2']:.2f} |", flush=True)


if __name__ == "__main__":
    child(*sys.argv[2:]) if sys.argv[1:2] == ["--child"] else main()
