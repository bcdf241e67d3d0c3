"""A study published apart: git holds its numbers and seals, and an auditor without its artifacts can check them."""

import json
import shutil
import sys

import pytest

RECORD = "reports/published/other"


@pytest.fixture(scope="module")
def recorded(built, tmp_path_factory):
    """The computed project with a record of its other study, whose artifacts are gone again: not to be changed."""
    project = built.copy_to(tmp_path_factory.mktemp("records") / "project")
    assert project.advtransfer("publish", "--yes").returncode == 0
    said = project.advtransfer("publish", "--study", "other", "--yes")
    assert said.returncode == 0, said.stderr
    for folder in ("results/transfer", "results/pretrain", "data/prepared/splits", "data/pseudo_labels"):
        shutil.rmtree(project.path(f"{folder}/other"), ignore_errors=True)
    for name in ("results/claims/other.json", "reports/rendered/other.html"):
        project.path(name).unlink()
        project.path(f"{name}.seal").unlink(missing_ok=True)
    project.commit("Published")
    return project


@pytest.fixture
def copy(recorded, tmp_path):
    return recorded.copy_to(tmp_path / "copy")


def told(project):
    """The audit's word on the record."""
    checks = json.loads(project.advtransfer("audit", "--json").stdout)["checks"]
    return next(check for check in checks if check["name"] == "published apart: other")


def test_the_record_stands_without_the_artifacts(recorded):
    found = told(recorded)
    assert found["verdict"] == "pass", found
    assert "are those of params.yaml and the code as they are" in found["reason"]
    content = json.loads(recorded.path(f"{RECORD}/record.json").read_text())
    assert any(key.startswith("other/claims/") or "/accuracy/" in key for key in content["numbers"])
    assert {seal["spec"]["rule"] for seal in content["seals"]} >= {
        "prepare",
        "pretrain",
        "transfer",
        "report",
    }
    assert sys.executable not in recorded.path(f"{RECORD}/record.json").read_text()
    assert {path.name for path in recorded.path(RECORD).iterdir()} == {
        "accuracy.svg",
        "claims.json",
        "metrics.parquet",
        "page.html",
        "record.json",
    }


def number(content):
    content["numbers"][min(content["numbers"])] += 0.01


def hash_of_input(content):
    seal = next(seal for seal in content["seals"] if seal["spec"]["rule"] == "transfer")
    seal["sha256"] = dict.fromkeys(seal["sha256"], "0" * 64)


def param(content):
    next(seal for seal in content["seals"] if seal["spec"]["rule"] == "split")["spec"]["params"]["seed"] = 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [(number, "published as"), (hash_of_input, "seal altered"), (param, "seal altered")],
)
def test_an_edited_record_is_found(copy, change, expected):
    path = copy.path(f"{RECORD}/record.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    found = told(copy)
    assert found["verdict"] == "fail"
    assert expected in " ".join([found["reason"], *found["findings"]])


def test_another_table_or_page_is_found(copy):
    shutil.copyfile(
        copy.path("results/transfer/tiny/metrics.parquet"), copy.path(f"{RECORD}/metrics.parquet")
    )
    with copy.path(f"{RECORD}/page.html").open("a") as page:
        page.write(" ")
    found = told(copy)
    assert found["verdict"] == "fail"
    assert any(line.startswith("metrics.parquet: not results/transfer/other") for line in found["findings"])
    assert any(line.startswith("page.html: not reports/rendered/other.html") for line in found["findings"])


def test_a_record_that_is_not_that_of_params_any_more_is_called_stale(copy):
    copy.edit("params.yaml", "seed: 8", "seed: 88")
    found = told(copy)
    assert found["verdict"] == "pass"
    assert "STALE since" in found["reason"] and "advtransfer run --study other" in found["reason"]
    assert any("seed 8 -> 88" in line for line in found["findings"])


def test_a_study_that_is_not_fresh_is_not_published(copied):
    copied.edit("params.yaml", "seed: 8", "seed: 88")
    done = copied.advtransfer("publish", "--study", "other", "--yes")
    assert done.returncode == 1 and done.stderr.strip().endswith("`advtransfer run --study other` first")
    assert not copied.path(RECORD).exists()


@pytest.mark.parametrize("study", ["nowhere", "tiny"])
def test_a_study_that_has_no_record_is_one_line(recorded, study):
    done = recorded.advtransfer("publish", "--study", study)
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        == f"--study: found {study!r}, expected an image study that is no default one: other"
    )
