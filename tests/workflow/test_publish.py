"""Only fresh results are published, and what is published is what their seals say."""

import json


def test_fresh_results_are_published_with_their_artifacts(copied):
    done = copied.advtransfer("publish", "--yes")
    assert done.returncode == 0, done.stderr
    published = json.loads(copied.path("reports/published.json").read_text())
    assert not any("/other" in path for path in published["sha256"]), "a study that is no default one"
    assert set(published["artifacts"].values()) <= set(published["sha256"])
    assert {"specs", "machines", "drawn"} <= published.keys()
    (claim,) = {frozenset(claim) for claim in published["claims"].values()}
    assert claim == {"estimate", "ci_low", "ci_high", "p_holm", "n", "verdict"}
    assert all(machine["processor"] and machine["torch"] for machine in published["machines"])
    said = copied.run().stdout
    assert "same bytes as published: all 2 claims have the published verdicts; all " in said
    assert "dvc.lock stays" not in said, "DVC records what was published"


def test_stale_or_altered_results_are_not_published(copied):
    before = copied.path("params.yaml").read_text()
    copied.edit("params.yaml", "seed: 7", "seed: 70")
    stale = copied.advtransfer("publish", "--yes")
    copied.path("params.yaml").write_text(before)
    summary = copied.path("results/summary.json")
    summary.write_text(summary.read_text().replace("0.", "0.9", 1))
    altered = copied.advtransfer("publish", "--yes")
    for refused in (stale, altered):
        assert refused.returncode == 1
        assert refused.stderr.strip().endswith("`advtransfer run` first")
    assert not copied.path("reports/published.json").exists()


def test_a_published_file_that_is_not_whole_does_not_fail_the_run(copied):
    copied.path("reports/published.json").write_text("{")
    assert "nothing was compared: reports/published.json: damaged" in copied.run().stdout


def test_why_knows_a_study_that_is_not_a_default_one(copied):
    copied.edit("params.yaml", "seed: 8", "seed: 88")
    said = copied.advtransfer("why", "results/transfer/other/metrics.parquet").stdout
    assert "STALE: params changed: seed 8 -> 88" in said
    assert copied.advtransfer("why", "results/nowhere.parquet").returncode == 2


def test_a_script_reads_what_was_published(copied):
    done = copied.advtransfer("publish", "--yes", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    published = json.loads(copied.path("reports/published.json").read_text())
    told = json.loads(done.stdout)
    changes = told.pop("changes")
    assert changes["first"] and len(changes["artifacts"]) == len(published["sha256"])
    assert told == {
        "published": "reports/published.json",
        "numbers": len(published["numbers"]),
        "artifacts": len(published["sha256"]),
        "files": ["reports/published.json", "reports/published-seals.json", "reports/published.svg"],
    }
    done = copied.advtransfer("publish", "--study", "other", "--yes", "--json")
    record = json.loads(copied.path("reports/published/other/record.json").read_text())
    told = json.loads(done.stdout)
    assert (told["numbers"], told["sealed_jobs"]) == (len(record["numbers"]), len(record["seals"]))
    assert {copied.path(file) for file in told["files"]} == set(
        copied.path("reports/published/other").iterdir()
    )
