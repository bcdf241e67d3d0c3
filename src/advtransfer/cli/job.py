"""``advtransfer job``: what a rule runs."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from advtransfer.cli import causes, kernels
from advtransfer.provenance.job import run_job
from advtransfer.provenance.seal import seal_path
from advtransfer.provenance.spec import SpecError, load_spec

SOURCE = Path(__file__).resolve().parents[2]


def run(arguments: Sequence[str]) -> None:
    """``job [--threads N] [--gpus N [--least-gpus N]] OUT.. SEAL -- SPEC IN..``: computes a spec's outputs, seals them.

    ``--least-gpus`` is what the job cannot do without, by default all that it asks for; 0 lets it run on the CPU of a
    machine that has fewer. ``@FILE`` instead of ``SPEC IN..`` names a file with one of them a line.
    """
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        prog="advtransfer job",
        usage="%(prog)s [--threads N] [--gpus N [--least-gpus N]] OUT.. SEAL -- SPEC IN..",
        epilog="Example: advtransfer job a.txt a.txt.seal -- .snakemake/spec/a.txt/spec.json",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("--least-gpus", type=int)
    parser.add_argument("outputs", nargs="+")
    options = parser.parse_args(arguments[:cut])
    inputs = _named(arguments[cut + 1 :])
    if not inputs or len(options.outputs) < 2:
        parser.error("expected at least one output and its seal, then -- and the spec")
    if refused := causes.raise_open_files():
        print(refused, file=sys.stderr)
        raise SystemExit(2)
    *outputs, seal = options.outputs
    if seal != str(seal_path(outputs[0])):
        parser.error(f"found {seal} as the last output, expected {seal_path(outputs[0])}")
    least = options.gpus if options.least_gpus is None else options.least_gpus
    with _leased(outputs[0], options.gpus, least) as devices:
        prepare_environment(threads=options.threads, gpus=devices, portable=_portable(Path(inputs[0])))
        if least:
            _refuse_unusable(outputs[0], devices)
        with _plain_causes(outputs[0]):
            run_job(Path(inputs[0]), outputs, inputs[1:], source=SOURCE)
            sys.stdout.flush()


@contextlib.contextmanager
def _plain_causes(primary: str) -> Iterator[None]:
    """Ends the job with one line instead of a traceback if its code is not what failed."""
    try:
        yield
    except Exception as error:
        if cause := causes.told(error):
            print(f"{primary}: {cause}", file=sys.stderr)
            raise SystemExit(1) from None
        raise


def _named(inputs: Sequence[str]) -> list[str]:
    """The spec and the inputs, which ``@FILE`` stands for where they are too many for a command line."""
    if len(inputs) == 1 and inputs[0].startswith("@"):
        return Path(inputs[0][1:]).read_text(encoding="utf-8").splitlines()
    return list(inputs)


@contextlib.contextmanager
def _leased(primary: str, asked: int, least: int) -> Iterator[list[str]]:
    """The GPUs of a job, held until it ends. Exits with one line if it cannot have them."""
    if not asked and not least:
        yield []
        return
    from advtransfer.cli import gpu_leases, gpus

    try:
        if asked < least:  # Snakemake cuts a request down to what it was told there is, and says nothing
            raise gpus.GpuError(f"needs {gpus.number(least)}, `snakemake --resources` allows {asked}", 2)
        lease = partial(gpu_leases.lease, folder=gpu_leases.LEASES, wait_seconds=gpu_leases.WAIT_SECONDS)
        with lease(asked, least, gpus.pool(os.environ)) as devices:
            if not devices:
                print(
                    f"{primary}: fewer than {gpus.number(asked)} here: computing on the CPU", file=sys.stderr
                )
            yield devices
    except gpus.GpuError as error:
        print(f"{primary}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _refuse_unusable(primary: str, devices: list[str]) -> None:
    """Exits if PyTorch cannot use the GPUs that the job was given: the stage would compute on the CPU unasked."""
    import torch

    if torch.cuda.device_count() < len(devices):
        print(
            f"{primary}: was given {', '.join(devices)}, of which PyTorch {torch.__version__} can use "
            f"{torch.cuda.device_count()} (driver, or a build of PyTorch without CUDA?)",
            file=sys.stderr,
        )
        raise SystemExit(2)


def _portable(spec_file: Path) -> bool:
    """Whether the job's params ask for the same bytes on every processor; a broken spec is run_job's to report."""
    try:
        params = load_spec(spec_file).params
    except (OSError, SpecError):
        return False
    return not isinstance(params, dict) or params.get("portable", True)


def prepare_environment(*, threads: int, gpus: Sequence[str], portable: bool) -> None:
    """What the numerical libraries read when they are loaded: thread counts, visible GPUs, instruction sets."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["HF_HUB_OFFLINE"] = "1"  # a hub of weights is no place that a job reads from
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    if portable and kernels.available():
        os.environ.update(kernels.PORTABLE)
