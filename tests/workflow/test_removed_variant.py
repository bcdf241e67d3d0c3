"""A variant that leaves params.yaml leaves the results, the report and DVC's record; nothing else goes."""

import json

import pyarrow.parquet as pq
import pytest

GONE = "adversarial-l2"


@pytest.fixture(scope="module")
def thinned(built, tmp_path_factory):
    project = built.copy_to(tmp_path_factory.mktemp("workflow") / "thinned")
    lines = project.path("params.yaml").read_text().splitlines(keepends=True)
    project.path("params.yaml").write_text("".join(line for line in lines if GONE not in line))
    claims = project.path("reports/claims.yaml").read_text()
    start, end = claims.index("  - id: C1"), claims.index("  - id: C2")
    project.path("reports/claims.yaml").write_text(claims[:start] + claims[end:])
    project.said["run"] = project.run().stdout
    return project


def test_its_files_leave_and_those_of_the_rest_stay(built, thinned):
    gone = {name for name in built.files() if GONE in name}
    assert len(gone) == 3 + 2  # weights, curves, seal; metrics, seal
    assert thinned.files() == built.files() - gone
    assert not any(GONE in str(path) for path in thinned.path("results").rglob("*"))


def test_the_index_and_the_results_no_longer_know_it(thinned):
    for phase in ("results/pretrain", "results/transfer", "reports/rendered"):
        assert GONE not in thinned.path(f"{phase}/INDEX").read_text()
    rows = pq.read_table(thinned.path("results/metrics.parquet")).to_pandas()
    assert set(rows["variant"]) == {"raw", "clean", "pseudo-label"}
    for page in ("tiny.html", "tiny.ipynb", "index.html", "artifacts.html"):
        text = thinned.path(f"reports/rendered/{page}").read_text()
        assert GONE not in text
        assert "C1-linear" not in text
    assert "C1-linear" not in thinned.said["run"]


def test_only_what_summed_it_up_was_made_again(built, thinned):
    made_again = {
        name
        for name, seal in thinned.seals().items()
        if seal.made["started"] != built.seals()[name].made["started"]
    }
    assert made_again == {
        f"{name}.seal"
        for name in (
            "results/pretrain/INDEX",
            "results/transfer/tiny/metrics.parquet",
            "results/transfer/INDEX",
            "results/claims/tiny.json",
            "results/metrics.parquet",
            "reports/rendered/tiny.html",
            "reports/rendered/index.html",
            "reports/rendered/INDEX",
        )
    }
    assert "8 jobs ran" in thinned.said["run"]


def test_dvc_records_that_and_shows_the_difference_to_the_last_commit(thinned):
    assert thinned.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    changes = json.loads(thinned.tool("dvc", "metrics", "diff", "--json", "HEAD"))["results/summary.json"]
    gone = {key: change for key, change in changes.items() if GONE in key}
    assert gone
    assert all(change["new"] is None and change["old"] is not None for change in gone.values())
    (plot,) = json.loads(thinned.tool("dvc", "plots", "diff", "HEAD", "--json"))["data"]["accuracy_by_shots"]
    points = {(point["rev"], point["variant"]) for point in plot["content"]["data"]["values"]}
    assert ("HEAD", GONE) in points
    assert ("workspace", GONE) not in points
    assert ("workspace", "clean") in points
