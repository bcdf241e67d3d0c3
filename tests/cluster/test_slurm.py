"""A study on Slurm: what its jobs ask for, what survives a lost job and Ctrl-C, and that the bytes are the same.

And the jobs of tests/cluster/rough, which end badly: Snakemake goes on. One file, since a machine has one Slurm.
"""

import pytest

from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import content_hash

# Wall times are theirs to show, or in what they list.
TIMINGS = "reports/rendered/artifacts.html"
SEALS_WITH_TIMINGS = {"reports/rendered/index.html.seal", "reports/rendered/INDEX.seal"}


def named(study, comment):
    """The jobs that Slurm ran of one rule, or one job and its repetitions, in the order of submission."""
    jobs = sorted(study.jobs[-1].values(), key=lambda job: int(job["JobId"]))
    return [job for job in jobs if job["Comment"].startswith(comment)]


def test_the_last_two_runs_end_well(study):
    assert study.exit_codes[1:] == [0, 0], study.said[1:]


@pytest.mark.parametrize(
    ("comment", "partition", "gres", "cpus", "memory", "limit"),
    [
        ("rule_pretrain_wildcards_tiny_clean", "gpu", "gres:gpu:1", "1", "mem=2000M", "00:10:00"),
        ("rule_transfer_wildcards_tiny_low-contrast_raw", "cpu", None, "1", "mem=2500M", "00:20:00"),
        ("rule_closing", "cpu", None, "3", "mem=6000M", "00:50:00"),
    ],
)
def test_a_job_asks_for_what_params_yaml_states(study, comment, partition, gres, cpus, memory, limit):
    job = named(study, comment)[0]
    assert job["Account"] == "lab"
    assert job["Partition"] == partition
    assert job.get("TresPerJob") == gres
    assert job["NumCPUs"] == cpus
    assert memory in job["TRES"].split(",")
    assert job["TimeLimit"] == limit


def test_a_cancelled_job_is_submitted_again_with_more_memory_and_time(study):
    first, second = named(study, study.cancelled)[:2]
    assert first["JobState"] == "CANCELLED"
    assert "mem=2000M" in first["TRES"] and "mem=4000M" in second["TRES"]
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:10:00", "00:20:00")


def test_an_interrupt_cancels_what_is_in_the_queue(study):
    assert study.exit_codes[0] == 130, study.said[0]  # the shell's code for it
    ended = {job["JobState"] for job in study.jobs[0].values()}
    assert ended == {"COMPLETED", "CANCELLED"}
    assert [job["JobState"] for job in named(study, study.interrupted)] == ["CANCELLED", "COMPLETED"]


def test_a_resumed_run_submits_only_what_is_missing(study):
    before = {job["Comment"] for job in study.jobs[0].values() if job["JobState"] == "COMPLETED"}
    after = [job["Comment"] for number, job in study.jobs[1].items() if number not in study.jobs[0]]
    assert "rule_pretrain_wildcards_tiny_clean_r000-002" in before
    assert not before & set(after)
    assert len(after) == len(set(after))


def test_status_tells_of_jobs_on_the_cluster_single_or_in_groups(study):
    at_work, interrupted, whole, again = study.told
    assert at_work["state"] == "running"
    assert "results/transfer/tiny/low-contrast/clean/r000-002.parquet" in {
        job["output"] for job in at_work["running"]
    }
    assert interrupted["state"] in ("stopped", "failed") and not interrupted["running"]
    jobs = whole["jobs"]
    assert whole["state"] == "finished" and jobs["done"] == jobs["planned"] and not jobs["failed"]
    assert again["jobs"] == jobs  # nothing ran since


def test_what_ends_a_study_is_one_job_of_the_cluster(study):
    assert len(named(study, "rule_closing")) == 1
    assert not named(study, "rule_report")
    assert not [
        job
        for job in study.jobs[-1].values()
        if "index" in job["Comment"] and "closing" not in job["Comment"]
    ]


def test_another_run_submits_nothing(study):
    assert study.jobs[2] == study.jobs[1]
    assert "Nothing to be done" in study.said[2]


def test_the_bytes_are_those_of_a_run_without_the_cluster(study):
    there, here = study.project.artifacts(), study.local.artifacts()
    assert there.pop(TIMINGS) and here.pop(TIMINGS)
    assert there == here


def test_the_seals_are_those_of_a_run_without_the_cluster_and_hold(study):
    there, here = study.project.seals(), study.local.seals()
    assert there.keys() == here.keys()
    assert {name for name in here if here[name].id != there[name].id} <= SEALS_WITH_TIMINGS
    for name, seal in there.items():
        for path in (*seal.spec.input_paths, *seal.spec.output_paths):
            assert content_hash(study.project.path(path), Hasher(None)) == seal.sha256[path], (
                f"{path} of {name}"
            )
    assert study.project.pending() == set()


# ---- jobs that end badly --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(slurm, rough):
    """Rule -> what Slurm says of its jobs, in the order of submission."""
    assert rough.finish(slurm) == 0, (rough.folder / "said").read_text()
    jobs: dict[str, list[dict[str, str]]] = {}
    for job in sorted(slurm.jobs().values(), key=lambda job: int(job["JobId"])):
        if job["WorkDir"] == str(rough.folder):
            jobs.setdefault(job["Comment"].split("_")[1], []).append(job)
    return jobs


def test_two_jobs_at_once_have_a_gpu_each(rough, finished):
    """Each waited until the other was at work."""
    assert [job["TresPerJob"] for job in finished["gpu"]] == ["gres:gpu:1"] * 2
    seen = {(rough.folder / name).read_text().strip() for name in ("gpu-a", "gpu-b")}
    assert seen == {"0", "1"}


def test_a_job_over_its_time_limit_is_run_again_with_more_time(rough, finished):
    assert [job["JobState"] for job in finished["late"]] == ["TIMEOUT", "COMPLETED"]
    assert [job["TimeLimit"] for job in finished["late"]] == ["00:01:00", "00:02:00"]
    assert (rough.folder / "late").read_text() == "2\n"


def test_a_job_over_its_memory_is_run_again_with_more(rough, finished):
    assert [job["JobState"] for job in finished["hungry"]] == ["FAILED", "COMPLETED"]
    assert "exceeded memory limit" in (rough.folder / "said").read_text()
    assert (rough.folder / "hungry").read_text() == "2\n"
