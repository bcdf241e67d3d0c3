"""The GPUs of a machine, by whatever name the environment calls them; nvidia-smi is played by a script."""

import os

import pytest

from advtransfer.cli import gpu_plan, gpus

TWO = """GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa1111-0000)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa2222-0000)
"""
DIVIDED = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa1111-0000)
  MIG 1g.10gb     Device  0: (UUID: MIG-5555)
  MIG 1g.10gb     Device  1: (UUID: MIG-6666)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb2222-0000)
"""
FIRST, SECOND = "GPU-aaaa1111-0000", "GPU-aaaa2222-0000"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes nvidia-smi list this, fail, or be absent."""

    def has(listed, *, code=0):
        if listed is None:
            monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
            return
        script = tmp_path / "nvidia-smi"
        script.write_text(f"#!/bin/sh\n[ \"$1\" = -L ] || exit 9\ncat <<'END'\n{listed}END\nexit {code}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return has


@pytest.mark.parametrize(
    ("listed", "visible", "expected"),
    [
        (TWO, None, [FIRST, SECOND]),
        (TWO, "1,0", [SECOND, FIRST]),
        (TWO, f" {SECOND} ", [SECOND]),
        (TWO, "GPU-aaaa2", [SECOND]),
        (TWO, "", []),
        (TWO, "NoDevFiles", []),
        (TWO, "1,-1,0", [SECOND]),
        (DIVIDED, None, ["MIG-5555", "MIG-6666", "GPU-bbbb2222-0000"]),
        (DIVIDED, "MIG-6666,1", ["MIG-6666", "GPU-bbbb2222-0000"]),
        (DIVIDED, "0", ["MIG-5555"]),
        (DIVIDED, "GPU-aaaa1111-0000", ["MIG-5555"]),
        (None, None, []),
        (None, "0,3", ["0", "3"]),
    ],
)
def test_the_pool(machine, listed, visible, expected):
    machine(listed)
    assert gpus.pool({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) == expected


def test_a_driver_that_does_not_answer_is_a_machine_without_gpus(machine):
    machine(TWO, code=9)
    assert gpus.pool({}) == []


@pytest.mark.parametrize(
    ("visible", "words"),
    [
        ("0,7", "found '7', expected one of the 2 GPUs of this machine"),
        ("GPU-aaaa", "found 'GPU-aaaa', expected one of"),  # the beginning of both
        ("0,GPU-aaaa1", "expected each device once"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(machine, visible, words):
    machine(TWO)
    with pytest.raises(gpus.GpuError, match=words) as caught:
        gpus.pool({"CUDA_VISIBLE_DEVICES": visible})
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ((1, 1), None),
        ((2, 2), None),
        ((3, 0), None),  # optional: the job decides when it starts
        ((3, 3), "key studies.a.resources.pretrain.gpu: found 3, expected at most 2: the GPUs of this"),
        ((1, 2), "found 2, expected at most 1: Snakemake was told"),
        ((0, 1), "gpu_optional: true"),
    ],
)
def test_a_plan_is_refused_before_it_runs(machine, needs, words):
    machine(TWO)
    plan = {"studies.a.resources.pretrain.gpu": needs}
    if words is None:
        gpu_plan.check_plan(plan, {})
    else:
        with pytest.raises(gpus.GpuError, match=words):
            gpu_plan.check_plan(plan, {})


@pytest.mark.parametrize(
    ("profile", "visible", "expected"),
    [
        ("cores: all\n", "a,b,c", ["--resources", "gpu=3"]),
        ("cores: all\n", "", []),
        ("cores: all\nresources: gpu=1\n", "a,b,c", []),
        ("executor: slurm\njobs: 100\n", "a,b,c", []),
    ],
)
def test_a_run_on_this_machine_starts_no_more_gpu_jobs_than_it_has_gpus(
    machine, tmp_path, profile, visible, expected
):
    machine(None)
    file = tmp_path / "config.yaml"
    file.write_text(profile)
    assert gpu_plan.limit(file, {"CUDA_VISIBLE_DEVICES": visible}) == expected


@pytest.mark.parametrize(
    ("content", "said"), [("cores: [1\n", "not YAML"), ("- cores\n", "found list, expected")]
)
def test_a_profile_that_cannot_be_read_is_one_line(tmp_path, content, said):
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with pytest.raises(gpus.GpuError, match=said) as raised:
        gpu_plan.limit(file, {})
    assert str(raised.value).startswith(f"{file}: ") and "\n" not in str(raised.value)
