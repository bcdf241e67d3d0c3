"""``advtransfer job``: what a rule runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from advtransfer.provenance.job import run_job
from advtransfer.provenance.seal import seal_path
from advtransfer.provenance.spec import SpecError, load_spec

SOURCE = Path(__file__).resolve().parents[2]


def run(arguments: Sequence[str]) -> None:
    """``job [--threads N] [--gpus N] OUT.. SEAL -- SPEC IN..``: computes the outputs of a spec and seals them."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        prog="advtransfer job", usage="%(prog)s [--threads N] [--gpus N] OUT.. SEAL -- SPEC IN.."
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("outputs", nargs="+")
    options = parser.parse_args(arguments[:cut])
    inputs = list(arguments[cut + 1 :])
    if not inputs or len(options.outputs) < 2:
        parser.error("expected at least one output and its seal, then -- and the spec")
    *outputs, seal = options.outputs
    if seal != str(seal_path(outputs[0])):
        parser.error(f"found {seal} as the last output, expected {seal_path(outputs[0])}")
    prepare_environment(threads=options.threads, gpus=options.gpus, portable=_portable(Path(inputs[0])))
    run_job(Path(inputs[0]), outputs, inputs[1:], source=SOURCE)
    sys.stdout.flush()


def _portable(spec_file: Path) -> bool:
    """Whether the job's params ask for the same bytes on every processor; a broken spec is run_job's to report."""
    try:
        params = load_spec(spec_file).params
    except (OSError, SpecError):
        return False
    return isinstance(params, dict) and bool(params.get("portable"))


def prepare_environment(*, threads: int, gpus: int, portable: bool) -> None:
    """What the numerical libraries read when they are loaded: thread counts, visible GPUs, instruction sets.

    PyTorch's own kernels are held to AVX2, which costs nothing. MKL's matrix products are held to AVX2 too, or, for
    portable bytes, to the branch that is the same for every maker's processor (docs/reproducibility.md has the
    measurements).
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if gpus == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
    os.environ["MKL_CBWR"] = "COMPATIBLE" if portable else "AVX2"
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
