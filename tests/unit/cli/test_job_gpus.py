"""`advtransfer job` gives a stage the GPUs that its rule asked for and no others, or says in one line why not."""

import contextlib
import os
import subprocess
import sys

import pytest
import torch

from advtransfer.cli import gpu_leases, job, kernels
from advtransfer.provenance.job_code import RUNNER

VARIABLES = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
VARIABLES += (*kernels.PORTABLE, "CUBLAS_WORKSPACE_CONFIG")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a job whose stage only notes what it can see; returns that, or None if it did not run."""
    for name in VARIABLES:
        monkeypatch.setenv(name, os.environ.get(name, ""))  # restored after the test
    monkeypatch.setattr(gpu_leases, "LEASES", tmp_path / "leases")
    monkeypatch.setattr(gpu_leases, "WAIT_SECONDS", 0.0)
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi
    seen = []
    monkeypatch.setattr(
        job, "run_job", lambda *args, **kwargs: seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    )

    def call(pool, *arguments, usable=0):
        if pool is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", pool)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: usable)
        job.run([*arguments, "out", "out.seal", "--", "spec.json"])
        return seen.pop() if seen else None

    return call


@pytest.mark.parametrize(
    ("pool", "arguments", "usable", "visible"),
    [
        ("4,7", ["--gpus", "1"], 1, "4"),
        ("GPU-a,GPU-b,GPU-c", ["--gpus", "2"], 2, "GPU-a,GPU-b"),
        ("4,7", ["--gpus", "0"], 0, ""),
        ("4,7", [], 0, ""),
        (None, ["--gpus", "1", "--least-gpus", "0"], 0, ""),
        ("4", ["--gpus", "2", "--least-gpus", "0"], 0, ""),
        ("4", ["--gpus", "0", "--least-gpus", "0"], 0, ""),
    ],
)
def test_a_stage_sees_what_its_rule_asked_for(run, pool, arguments, usable, visible):
    assert run(pool, *arguments, usable=usable) == visible


@pytest.mark.parametrize(
    ("pool", "arguments", "words"),
    [
        (None, ["--gpus", "1"], "out: asks for 1 GPU, this machine or CUDA_VISIBLE_DEVICES has none"),
        ("4", ["--gpus", "2"], "out: asks for 2 GPUs, this machine or CUDA_VISIBLE_DEVICES has only 1 (4)"),
        ("4,7", ["--gpus", "1", "--least-gpus", "2"], "out: needs 2 GPUs, `snakemake --resources` allows 1"),
        ("4,7", ["--gpus", "0", "--least-gpus", "1"], "out: needs 1 GPU, `snakemake --resources` allows 0"),
        ("4,4", ["--gpus", "1"], "out: CUDA_VISIBLE_DEVICES: found '4,4', expected each device once"),
        ("4,7", ["--gpus", "1"], "out: was given 4, of which PyTorch"),  # none is usable
    ],
)
def test_no_stage_starts_without_the_gpus_that_it_cannot_do_without(run, capsys, pool, arguments, words):
    with pytest.raises(SystemExit) as caught:
        run(pool, *arguments)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(words)


def test_a_device_that_another_job_holds_is_not_given_again(run, tmp_path, capsys):
    with contextlib.ExitStack() as held:
        held.enter_context(
            gpu_leases.lease(1, 1, ["4"], folder=tmp_path / "leases", wait_seconds=0),
        )
        assert run("4,7", "--gpus", "1", usable=1) == "7"
        with pytest.raises(SystemExit) as caught:
            run("4", "--gpus", "1", usable=1)
        assert caught.value.code == 1
    assert run("4", "--gpus", "1", usable=1) == "4"
    assert "out: no GPU became free" in capsys.readouterr().err


def test_a_job_on_the_cpu_by_permission_says_so(run, capsys):
    run(None, "--gpus", "1", "--least-gpus", "0")
    assert capsys.readouterr().err == "out: fewer than 1 GPU here: computing on the CPU\n"


def test_what_finds_the_gpus_of_a_job_is_no_code_that_its_spec_has_to_know():
    """A job refuses first-party code that is neither its spec's nor the runner's."""
    code = "import sys, advtransfer.cli.job, advtransfer.cli.gpu_leases; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = [name.split(".") for name in done.stdout.split() if name.startswith("advtransfer.")]
    assert "cli" in {name[1] for name in loaded}
    assert [name for name in loaded if name[1] not in RUNNER] == []
