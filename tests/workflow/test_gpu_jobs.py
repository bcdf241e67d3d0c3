"""Jobs that ask for GPUs, on a machine that has made-up ones or none."""

import json
import time
from itertools import combinations

import patience
import pytest

from advtransfer.cli import leftovers
from advtransfer.cli.gpu_leases import LEASES

STAGE = "src/advtransfer/stages/pretrain.py"
# In place of the stage: notes what it sees and when, and stays until it has met another.
NOTING = f"""import json, os, time
from pathlib import Path
def main(params, inputs, outputs):
    began = time.time()
    Path(f"at-work-{{os.getpid()}}").touch()
    while len(list(Path().glob("at-work-*"))) < 2 and time.time() < began + {patience.limit(5)}:
        time.sleep(0.02)
    for path in outputs.values():
        path.write_text("nothing")
    seen = {{"devices": os.environ["CUDA_VISIBLE_DEVICES"], "span": [began, time.time()]}}
    Path(f"seen-{{os.getpid()}}.json").write_text(json.dumps(seen))
"""
BLOCKS = "    replicas: 3\n    replicas_per_job: 3\n"


def ask(project, stated):
    """Lets the pre-training jobs of the study ask for GPUs."""
    project.edit("params.yaml", "    seed: 7\n", f"    seed: 7\n    resources: {{pretrain: {stated}}}\n")


@pytest.fixture
def devices():
    """Names that no other test run on this machine uses."""
    names = [f"GPU-test-{time.time_ns()}-{number}" for number in range(2)]
    yield names
    for name in names:
        (LEASES / f"{name}.lock").unlink(missing_ok=True)


@pytest.fixture
def noting(fresh):
    """The same with the noting stage and four pre-training jobs."""
    fresh.path(STAGE).write_text(NOTING)
    fresh.edit("params.yaml", BLOCKS, BLOCKS.replace("job: 3", "job: 2"))
    return fresh


def overlap(one, other):
    return one["span"][0] < other["span"][1] and other["span"][0] < one["span"][1]


def test_jobs_that_run_at_once_have_devices_of_their_own(noting, devices):
    """More cores than devices and no limit: the leases alone keep the jobs apart."""
    ask(noting, "{gpu: 1, gpu_optional: true}")
    weights = "results/pretrain/tiny/{}/{}.safetensors"
    targets = [weights.format(v, b) for v in ("clean", "adversarial-l2") for b in ("r000-001", "r002-002")]
    profile = ["--workflow-profile", "workflow/profiles/default", "--cores", "4"]
    done = noting.call("snakemake", *profile, "--", *targets, CUDA_VISIBLE_DEVICES=",".join(devices))
    assert done.returncode == 0, done.stdout + done.stderr
    seen = [json.loads(path.read_text()) for path in noting.root.glob("seen-*.json")]
    assert len(seen) == 4
    assert {about["devices"] for about in seen} == set(devices)
    met = [pair for pair in combinations(seen, 2) if overlap(*pair)]
    assert met, "no two jobs ran at once"
    assert all(one["devices"] != other["devices"] for one, other in met)


@pytest.mark.parametrize(
    ("stated", "pool", "words"),
    [
        ("{gpu: 1}", "", "found 1, expected at most 0: the GPUs of this machine"),
        ("{gpu: 2}", "one", "found 2, expected at most 1: the GPUs of this machine"),
    ],
)
def test_gpus_that_are_not_there_are_one_line_before_anything_runs(fresh, stated, pool, words):
    ask(fresh, stated)
    done = fresh.advtransfer("run", CUDA_VISIBLE_DEVICES=pool)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("params.yaml")]
    assert line.startswith(f"params.yaml: key studies.tiny.resources.pretrain.gpu: {words}")
    assert "the run failed" not in done.stderr
    assert fresh.files() == set()
    assert not leftovers.locked(fresh.root)


def test_a_data_set_that_asks_for_a_gpu_is_named_by_its_own_key(fresh):
    fresh.append(
        "params.yaml", "datasets: {faces: {folder: {path: faces}, resolution: 8, resources: {gpu: 1}}}"
    )
    target = "data/prepared/images/faces.parquet"
    profile = ["--workflow-profile", "workflow/profiles/default"]
    done = fresh.call("snakemake", *profile, "--", target, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "params.yaml: key datasets.faces.resources.gpu: found 1, expected at most 0" in done.stderr


@pytest.mark.parametrize(
    ("stated", "arguments", "most"),
    [
        ("{gpu: 1}", ["workflow/profiles/default", "--resources", "gpu=0"], 0),
        ("{gpu: 2}", ["workflow/profiles/gpu"], 1),  # which says that there is one
    ],
)
def test_a_limit_below_what_a_job_needs_is_refused_not_obeyed(fresh, stated, arguments, most):
    """Snakemake lowers a job's request to the limit without a word: it would compute on fewer, or on the CPU."""
    ask(fresh, stated)
    done = fresh.call("snakemake", "--workflow-profile", *arguments, CUDA_VISIBLE_DEVICES="one,two")
    assert done.returncode == 2
    assert f"expected at most {most}: Snakemake was told `--resources gpu=..`" in done.stderr
    assert fresh.files() == set()


def test_fresh_results_of_gpu_jobs_need_no_gpu(edited):
    """Who pulls them has the pages made on a laptop."""
    ask(edited, "{gpu: 1}")
    edited.path("reports/rendered/index.html").unlink()
    done = edited.call(
        "snakemake", "--workflow-profile", "workflow/profiles/default", CUDA_VISIBLE_DEVICES=""
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert edited.path("reports/rendered/index.html").exists()
