"""An auditor with the repository and the DVC remote finds every way in which what is published does not stand."""

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from advtransfer.evaluation import tolerance
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.recompute import again
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import read_seal, write_seal

WEIGHTS = "results/pretrain/tiny/clean/r000-002.safetensors"
TRANSFERRED = "results/transfer/tiny/low-contrast/clean/r000-002.parquet"


def audit(project, *arguments):
    done = project.advtransfer("audit", "--json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert (report["verdict"] in ("pass", "reproduced")) == (done.returncode == 0)
    return report


def checks(report):
    return {check["name"]: check for check in report["checks"]}


def failed(report):
    return {name: check["findings"] for name, check in checks(report).items() if check["verdict"] == "fail"}


def flip(path: Path, *, keep_time: bool = False) -> None:
    content, times = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.fixture(scope="module")
def published(built, tmp_path_factory):
    """The computed project, published, committed and pushed to a folder: not to be changed."""
    folder = tmp_path_factory.mktemp("audit")
    project = built.copy_to(folder / "published")
    project.tool("dvc", "remote", "add", "--default", "store", str(folder / "store"))
    assert project.advtransfer("publish", "--yes").returncode == 0
    project.commit("Published")
    project.tool("dvc", "push")
    project.store = folder / "store"
    return project


@pytest.fixture
def suspect(published, tmp_path):
    """A copy to tamper with."""
    return published.copy_to(tmp_path / "suspect")


@pytest.fixture(scope="module")
def pulled(published, tmp_path_factory):
    """What an auditor has: a clone, and what DVC pulls into it."""
    clone = published.clone_to(tmp_path_factory.mktemp("audit") / "clone")
    clone.tool("dvc", "pull")
    clone.report = audit(clone, "--recompute", "3", "--seed", "4")
    return clone


def test_all_that_was_published_stands_in_a_pulled_clone(pulled):
    assert failed(pulled.report) == {}
    assert {check["verdict"] for check in pulled.report["checks"]} == {"pass"}
    assert len(checks(pulled.report)) == 12
    again = checks(pulled.report)["recomputed jobs"]["findings"]
    assert len(again) == 3 and all(line.endswith("pass: identical bytes") for line in again)


def test_every_number_is_traced_to_its_own_measurements_and_to_the_data(pulled):
    numbers = json.loads(pulled.path("reports/published.json").read_text())["numbers"]
    assert pulled.report["numbers"].keys() == numbers.keys()
    about = pulled.report["numbers"]["tiny/low-contrast/clean/linear/accuracy/2"]
    measured = pq.read_table(pulled.path(TRANSFERRED)).to_pandas()
    rows = measured.query("protocol == 'linear' and metric == 'accuracy' and shots == 2")
    assert about["rows"] == len(rows) == 3 * 2, "replicas and draws"
    assert {TRANSFERRED, WEIGHTS, "data/prepared/images/digits.parquet"} <= set(about["chain"])
    assert not [path for path in about["chain"] if "adversarial" in path], "another variant's jobs"
    claim = next(value for key, value in pulled.report["numbers"].items() if "/claims/" in key)
    assert claim["rows"] > 0 and "reports/claims.yaml" not in claim["chain"]


def test_each_step_says_what_ran_on_what_where_and_for_how_long(pulled):
    step = pulled.report["steps"][WEIGHTS]
    seal = read_seal(pulled.path(WEIGHTS + ".seal"))
    assert step["params"] == seal.spec.params and step["code"] == seal.spec.code
    assert step["inputs"].keys() == set(seal.spec.input_paths)
    assert {"git", "lock_sha256", "interpreter", "packages", "device", "wall_seconds"} <= step["made"].keys()


def test_every_figure_of_the_pages_is_there_with_its_chain(pulled):
    pages = [path for path in pulled.files() if path.endswith(".html") and "/other" not in path]
    images = sum(pulled.path(page).read_text().count("<img ") for page in pages)
    figures = pulled.report["figures"]
    assert len([f for f in figures if f["page"] in pages]) == images > 0
    of_page = next(f for f in figures if f["page"] == "reports/rendered/tiny.html")
    assert {"reports/image_study.ipynb", TRANSFERRED} <= set(of_page["chain"])


def test_the_page_shows_it_and_the_report_links_to_it(pulled):
    page = pulled.path("reports/audit/index.html").read_text()
    assert "everything published stands" in page and "not everything" not in page
    assert all(key in page for key in pulled.report["numbers"])
    assert f'<details id="{WEIGHTS}">' in page
    assert 'href="../audit/index.html"' in pulled.path("reports/rendered/index.html").read_text()
    assert pulled.tool("git", "status", "--porcelain") == ""


def test_text_for_people(published):
    done = published.advtransfer("audit", "--number", "tiny/low-contrast/clean/linear/accuracy/2")
    assert done.returncode == 0, done.stderr
    assert "rule pretrain, seal " in done.stdout and "params {" in done.stdout
    assert "rule report" not in done.stdout


def test_altered_files_and_records_are_named(suspect):
    flip(suspect.path(WEIGHTS), keep_time=True)
    seal = suspect.path("data/prepared/INDEX.seal")
    seal.write_text(seal.read_text().replace('"rule": "index"', '"rule": "other"'))
    suspect.path("results/notes.txt").write_text("mine")
    lock = suspect.path("reports/published.json")
    content = json.loads(lock.read_text())
    content["numbers"]["tiny/low-contrast/clean/linear/accuracy/2"] += 0.001
    path = max(content["sha256"])
    content["sha256"][path] = "0" * 64
    lock.write_text(json.dumps(content))
    suspect.path("reports/published.svg").write_text("<svg/>")
    suspect.edit("src/advtransfer/attacks/norms.py", "_TINY = 1e-12", "_TINY = 1e-11")
    found = failed(audit(suspect))
    assert any(line.startswith(f"{WEIGHTS}: altered") for line in found["bytes against seals"])
    assert "data/prepared/INDEX.seal: seal altered" in found["bytes against seals"]
    assert found["files nobody made"] == ["results/notes.txt: no seal names it"]
    assert [line.split(":")[0] for line in found["published numbers"]] == [
        "tiny/low-contrast/clean/linear/accuracy/2"
    ]
    assert [line.split(":")[0] for line in found["published artifacts"]] == [path]
    assert found["published picture"] == ["reports/published.svg: another"]
    stale = found["seals against params and code"]
    assert f"{WEIGHTS}: code changed: advtransfer.attacks.norms" in stale
    assert not any("data/prepared/images" in line for line in stale)
    assert {f"{WEIGHTS}: another content was recorded"} <= set(found["dvc.lock against files"])
    assert "code in git" not in found, "the sealed code is that of the commit"


def test_a_damaged_artifact_is_a_failed_check_and_all_others_are_made(suspect):
    suspect.path("results/claims/tiny.json").unlink()
    suspect.path("results/claims/tiny.json").write_text("[")
    report = audit(suspect)
    assert len(report["checks"]) == 11
    picture = checks(report)["published picture"]
    assert picture["verdict"] == "fail" and "results/claims/tiny.json: damaged" in picture["reason"]
    assert "published numbers" not in failed(report), "they are judged again from the measurements"


def test_a_forged_number_is_told_beside_the_one_computed_anew(suspect):
    key, file = "tiny/low-contrast/clean/linear/accuracy/2", suspect.path("reports/published.json")
    content = json.loads(file.read_text())
    true = content["numbers"][key]
    content["numbers"][key] = 0.987654
    file.write_text(json.dumps(content))
    done = suspect.advtransfer("audit", "--number", key)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{key}: published 0.987654, computed anew {str(true)[:6]}")
    assert "\nDoes not stand:\n  published numbers: 1 of " in done.stdout


def test_a_remote_that_lost_or_altered_objects_and_changed_params_are_named(suspect, tmp_path):
    store = tmp_path / "store"
    suspect.tool("dvc", "remote", "modify", "store", "url", str(store))
    suspect.tool("dvc", "push")
    objects = sorted(path for path in (store / "files/md5").rglob("*") if path.is_file())
    of_weights = [path for path in objects if path.read_bytes() == suspect.path(WEIGHTS).read_bytes()]
    of_data = [
        path
        for path in objects
        if path.read_bytes() == suspect.path("data/prepared/images/digits.parquet").read_bytes()
    ]
    flip(of_weights[0])
    of_data[0].unlink()
    suspect.edit("params.yaml", "seed: 7", "seed: 70")
    found = failed(audit(suspect))
    remote = sorted(line.rpartition(" (")[0] for line in found["remote against dvc.lock"])
    assert remote == [
        "data/prepared/images/digits.parquet: not in the remote",
        f"{WEIGHTS}: altered in the remote",
    ]
    assert any("seed 7 -> 70" in line for line in found["seals against params and code"])
    assert any(line.startswith("params.yaml was changed") for line in found["dvc.lock against files"])


def test_a_forged_result_with_a_forged_seal_is_found_by_running_its_job_again(suspect):
    """Seals are no signatures: who edits an artifact can seal it again, and have the rest computed from it."""
    path = suspect.path(TRANSFERRED)
    table = pq.read_table(path)
    better = pc.min_element_wise(pc.add(table["value"], 0.1), 1.0)
    pq.write_table(table.set_column(table.column_names.index("value"), "value", better), path)
    old = read_seal(suspect.path(TRANSFERRED + ".seal"))
    hashes = old.sha256 | {TRANSFERRED: Hasher(None).sha256(path)}
    write_seal(old.spec, hashes, old.made, suspect.path(TRANSFERRED + ".seal"))
    suspect.run()
    assert suspect.advtransfer("publish", "--yes").returncode == 0
    suspect.commit("Improved results")
    suspect.tool("dvc", "push")
    report = audit(suspect, "--recompute", "100")
    (name,) = failed(report)
    assert name == "recomputed jobs"
    (line,) = [line for line in failed(report)[name] if ": fail: " in line]
    assert line == f"{TRANSFERRED}: fail: other bytes on the same kind of machine: {TRANSFERRED}"


def test_nothing_published_and_wrong_tolerances_are_one_line(suspect):
    suspect.path("reports/published.json").unlink()
    nothing = suspect.advtransfer("audit")
    tolerances = suspect.path("reports/tolerances.yaml")
    tolerances.write_text("metrics: {accuracy: -1}\nother: 0.1\n")
    wrong = suspect.advtransfer("audit")
    for done, words in (
        (nothing, "nothing is published"),
        (wrong, "key metrics.accuracy: found -1, expected greater"),
    ):
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert words in line


def test_fields_that_prove_nothing_may_be_missing(suspect):
    """An older release's seals tell less; the audit says so rather than fail."""
    path = suspect.path(WEIGHTS + ".seal")
    old = read_seal(path)
    write_seal(old.spec, old.sha256, {}, path)
    report = audit(suspect)
    assert checks(report)["environments"]["verdict"] == "not checkable"
    assert replace(old, made={}).id == old.id
    assert set(failed(report)) == {"dvc.lock against files"}


@pytest.mark.parametrize(
    ("cpu", "gain", "verdict"),
    [("", 0.0005, "fail"), ("another maker's", 0.0005, "pass"), ("another maker's", 0.05, "fail")],
)
def test_bytes_may_differ_on_another_kind_of_machine_within_the_declared_tolerance(
    suspect, cpu, gain, verdict
):
    path = suspect.path(TRANSFERRED)
    table = pq.read_table(path)
    shifted = pc.add(table["value"], gain)
    pq.write_table(table.set_column(table.column_names.index("value"), "value", shifted), path)
    old = read_seal(suspect.path(TRANSFERRED + ".seal"))
    made = old.made | ({"cpu": cpu} if cpu else {})
    hashes = old.sha256 | {TRANSFERRED: Hasher(None).sha256(path)}
    seal = write_seal(old.spec, hashes, made, suspect.path(TRANSFERRED + ".seal"))
    evidence = Evidence.gather(suspect.root, ["data", "results"])
    tolerances = tolerance.load(suspect.path("reports/tolerances.yaml"))
    found = again(seal, evidence, suspect.path("src"), partial(tolerance.compare, tolerances=tolerances))
    assert found.verdict == verdict, found
    assert ("another kind of machine" in found.reason) == bool(cpu)
