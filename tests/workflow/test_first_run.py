"""After `advtransfer run`: every artifact is sealed, recorded with DVC, tracked and shown."""

import json
import sqlite3

import pyarrow.parquet as pq

from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import content_hash

PHASES = {"data/prepared", "results/pretrain", "results/transfer", "results/theory", "reports/rendered"}
COLUMNS = [
    "study", "kind", "source", "target", "variant", "replica", "protocol", "shots", "draw", "metric", "value",
]  # fmt: skip
CLAIM_KEYS = {"id", "statement", "study", "estimate", "ci_low", "ci_high", "n", "verdict"}


def test_every_file_is_vouched_for_by_one_seal_that_holds(built):
    vouched = {}
    for file, seal in built.seals().items():
        assert file == f"{seal.spec.primary}.seal"
        for path in seal.spec.output_paths:
            assert path not in vouched, f"{path} has two seals"
            vouched[path] = seal.sha256[path]
        for path in seal.spec.input_paths:
            assert content_hash(built.path(path), Hasher(None)) == seal.sha256[path], f"{path} of {file}"
    assert built.artifacts() == vouched


def test_the_index_of_each_phase_lists_the_artifacts_of_the_default_study(built):
    listed = set()
    for phase in PHASES:
        listed |= set(
            built.path(
                phase,
            )
            .joinpath("INDEX")
            .read_text()
            .split()
        )
    indices = {f"{phase}/INDEX" for phase in PHASES}
    of_the_other = {path for path in built.artifacts() if "/other" in path}
    assert of_the_other
    assert listed == set(built.artifacts()) - indices - of_the_other


def test_one_study_alone_computes_that_study_only(built):
    alone = built.after["other"]
    assert {path for path in alone if "/other" not in path} == {"data/prepared/images/digits.parquet"}
    assert {
        "data/prepared/splits/other/r000-001.parquet",
        "results/pretrain/other/plain/r000-001.safetensors",
        "results/transfer/other/other-digits/plain/r000-001.parquet",
        "results/claims/other.json",
        "reports/rendered/other.html",
    } < set(alone)
    assert {path: built.after["default"][path] for path in alone} == alone
    assert "7 jobs ran" in built.said["other"]
    assert "not recorded with DVC" in built.said["other"]
    assert "19 jobs ran" in built.said["default"]  # the data set was there


def test_metrics_keep_their_contract(built):
    table = pq.read_table(built.path("results/metrics.parquet"))
    assert table.column_names == COLUMNS
    rows = table.to_pandas()
    assert not rows.isna().any(axis=None)
    assert not rows.duplicated(COLUMNS[:-1]).any()
    assert rows["value"].between(0, 1).all()
    counts = rows.groupby(["protocol", "metric", "shots"]).size().to_dict()
    assert counts == {
        ("linear", "accuracy", 1): 4 * 3 * 2,  # representations x replicas x draws
        ("linear", "accuracy", 2): 4 * 3 * 2,
        ("linear", "robust_accuracy", 2): 4 * 3,  # of the first draw
        ("finetune", "accuracy", 1): 3 * 3 * 2,  # raw pixels have no weights to move
    }
    about = rows[["study", "kind", "source", "target"]].drop_duplicates().to_numpy().tolist()
    assert about == [["tiny", "image", "digits", "low-contrast"]]
    assert set(rows["variant"]) == {"raw", "clean", "adversarial-l2", "pseudo-label"}


def test_claims_keep_their_contract_and_are_shown(built):
    claims = json.loads(built.path("results/claims.json").read_text())
    assert [claim["id"] for claim in claims] == ["C1-linear", "C2-linear"]
    for claim in claims:
        assert claim.keys() >= CLAIM_KEYS
        assert claim["study"] == "tiny"
        assert claim["verdict"] in ("supported", "refuted", "inconclusive")
        assert claim["ci_low"] <= claim["estimate"] <= claim["ci_high"]
        assert claim["n"] == 3
        assert f"{claim['id']}  {claim['verdict']:12}  {claim['estimate']:+.3f}" in built.said["default"]


def test_every_job_has_a_log_and_a_benchmark(built):
    for seal in built.seals().values():
        assert built.path(f"logs/{seal.spec.primary}.log").is_file()
        header, values = built.path(f"logs/{seal.spec.primary}.tsv").read_text().splitlines()
        assert header.startswith("s\t")
        assert float(values.split("\t")[0]) >= 0


def test_pages_are_rendered_and_the_last_line_names_the_start_page(built):
    for name, text in {"tiny": "A tiny study", "other": "Another study"}.items():
        page = built.path(f"reports/rendered/{name}.html").read_text()
        assert text in page
        assert page.rstrip().endswith("</html>")
    index = built.path("reports/rendered/index.html").read_text()
    assert 'href="tiny.html"' in index
    assert "Attacks help" in index
    assert "results/metrics.parquet" not in index
    timings = built.path("reports/rendered/artifacts.html").read_text()
    assert "results/pretrain/tiny/clean/r000-002.safetensors" in timings
    assert built.said["default"].splitlines()[-1] == f"Report: {built.path('reports/rendered/index.html')}"


def test_dvc_has_recorded_it_and_shows_the_figures(built):
    assert built.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    metrics = json.loads(built.tool("dvc", "metrics", "show", "--json"))
    summary = metrics[""]["data"]["results/summary.json"]["data"]
    clean = summary["tiny"]["low-contrast"]["clean"]["linear"]["accuracy"]
    rows = pq.read_table(built.path("results/metrics.parquet")).to_pandas()
    chosen = rows[(rows["variant"] == "clean") & (rows["protocol"] == "linear") & (rows["shots"] == 1)]
    assert clean["1"] == round(chosen["value"].mean(), 6)
    shown = json.loads(built.tool("dvc", "plots", "show", "--json"))
    (plot,) = shown["data"]["accuracy_by_shots"]
    points = plot["content"]["data"]["values"]
    assert (
        len(points) == 4 * 2 + 3
    )  # representations x shots of linear heads, variants x shots of fine-tuning
    assert plot["content"]["facet"]["row"]["field"] == "where"


def test_git_holds_no_artifact_and_the_tree_is_clean(built):
    assert built.tool("git", "status", "--porcelain") == ""
    tracked = set(built.tool("git", "ls-files").split())
    assert not tracked & built.files()
    assert "dvc.lock" in tracked


def test_each_training_job_has_one_finished_run(built):
    jobs = {seal.spec.primary: seal for seal in built.seals().values() if seal.spec.rule == "pretrain"}
    assert len(jobs) == 4
    with sqlite3.connect(built.path("mlflow.db")) as database:
        runs = database.execute("SELECT run_uuid, name, status, end_time FROM runs").fetchall()
        assert len(runs) == len(jobs)
        by_seal = dict(
            database.execute("SELECT value, run_uuid FROM tags WHERE key = 'advtransfer.seal'").fetchall()
        )
        for seal in jobs.values():
            (name, status, end) = next(run[1:] for run in runs if run[0] == by_seal[seal.id])
            wildcards = seal.spec.wildcards
            assert name == f"{wildcards['study']}/{wildcards['variant']}/{wildcards['block']}"
            assert status == "FINISHED"
            assert end
            of_run = (by_seal[seal.id],)
            params = dict(database.execute("SELECT key, value FROM params WHERE run_uuid = ?", of_run))
            assert params["optimiser.learning_rate"] == "0.003"
            assert params["seed"] == str(seal.spec.params["seed"])
            expected = "0.5" if wildcards["variant"] == "adversarial-l2" else None
            assert params.get("perturbation.attack.eps") == expected
            curves = database.execute("SELECT key, step FROM metrics WHERE run_uuid = ?", of_run).fetchall()
            assert sorted(curves) == [(key, step) for key in ("accuracy", "loss") for step in (0, 1, 2)]
