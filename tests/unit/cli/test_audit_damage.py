"""Published artifacts that are missing or damaged are failed checks that name the file, never a traceback."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advtransfer.cli.audit import require_number
from advtransfer.cli.audited import Published
from advtransfer.cli.commands import app
from advtransfer.cli.judged import Judge
from advtransfer.cli.published import read_artifact, shown_of
from advtransfer.cli.records import StudyRecord, check_records, load_records
from advtransfer.cli.standing import Standing
from advtransfer.evaluation import table
from advtransfer.evaluation.tolerance import Tolerances
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.lineage import broken, describe
from advtransfer.reporting import picture

CHECKOUT = Path(__file__).parents[3]
APART = "tiny-imagenet-cifar10-cpu"
METRICS = "results/metrics.parquet"


@pytest.fixture
def project(tmp_path):
    """What a fresh clone holds, without any artifact."""
    shutil.copytree(CHECKOUT / "reports/published", tmp_path / "reports/published")
    shutil.copyfile(CHECKOUT / "reports/published.json", tmp_path / "reports/published.json")
    shutil.copyfile(CHECKOUT / "reports/published.svg", tmp_path / "reports/published.svg")
    return tmp_path


def published(root):
    return Published.load(Evidence.gather(root, ["results"]), Tolerances(metrics={}, other=0.001))


def judge(root):
    found = published(root)
    return Judge(found, Standing(found.file, found.evidence, ()))


@pytest.mark.parametrize(
    ("content", "words"), [(None, "missing; `dvc pull` or `advtransfer run`"), (b"garbage", "damaged (")]
)
def test_the_picture_that_cannot_be_drawn_fails_and_names_the_artifact(project, content, words):
    if content:
        (project / "results").mkdir()
        (project / METRICS).write_bytes(content)
    check = judge(project).picture()
    assert check.verdict == "fail"
    assert f"{METRICS}: {words}" in check.reason and str(project) not in check.reason


@pytest.mark.parametrize("content", [None, "[", "[{}]", "{}", "7"])
def test_claims_that_are_missing_or_damaged_fail_the_picture(project, content):
    (project / "results/claims").mkdir(parents=True)
    rows = table.read(CHECKOUT / f"reports/published/{APART}/metrics.parquet")
    table.write(rows, project / METRICS)
    claims = project / f"results/claims/{APART}.json"
    if content is not None:
        claims.write_text(content)
    check = judge(project).picture()
    if content == "{}":  # nothing claimed: every variant is drawn
        assert check.reason.startswith("it is not the one drawn anew")
        return
    state = "missing" if content is None else "damaged"
    assert check.verdict == "fail" and f"results/claims/{APART}.json: {state}" in check.reason


def test_numbers_that_cannot_be_computed_anew_fail_and_are_no_number(project):
    found = judge(project)
    assert found.recomputed().verdict == "fail"
    assert "results/summary.json: no readable seal names it" in found.recomputed().reason
    chains = found.told(found.published.number_chains())
    assert {(about["anew"], about["stands"]) for about in chains.values()} == {(None, False)}
    told = found.claims_told()
    assert {(about["anew"], about["stands"]) for about in told.values()} == {(None, False)}
    assert found.borderline == []


def test_whatever_a_parser_raises_is_one_line(tmp_path):
    (tmp_path / "a.bin").touch()

    def parse(path):
        raise RuntimeError(f"{path}: two\nlines")

    with pytest.raises(ValueError, match=r"^a\.bin: damaged \(a\.bin: two\); `dvc checkout`"):
        read_artifact(tmp_path, "a.bin", parse)


def test_a_link_into_an_emptied_cache_counts_as_missing(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/a").symlink_to(tmp_path / "gone")
    evidence = Evidence.gather(tmp_path, ["results"])
    assert evidence.files == {} and evidence.sha256("results/a") is None


@pytest.mark.parametrize(
    "name", ["results/a", "data/prepared/a", "data/pseudo_labels/a", "reports/rendered/a"]
)
def test_an_artifact_without_seal_breaks_a_chain_and_is_no_raw_file(tmp_path, name):
    for path in (name, "data/raw/b"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    evidence = Evidence.gather(tmp_path, [])
    assert broken([name, "data/raw/b"], evidence) == [name]
    assert "unsealed" in describe(name, evidence) and "raw" in describe("data/raw/b", evidence)


@pytest.mark.parametrize("numbers", [[], {"a/b": "x"}, {"a/b": 1.0}, 3])
def test_a_damaged_list_of_published_numbers_is_one_line(project, numbers):
    file = project / "reports/published.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"numbers": numbers}))
    with pytest.raises(ValueError, match=r"^reports/published\.json: damaged \(.*restore it from git$"):
        published(project)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("metrics.parquet", None, "metrics.parquet: missing"),
        ("metrics.parquet", b"PAR1", "metrics.parquet: damaged"),
        ("page.html", None, "page.html: missing"),
        ("record.json", b"[", "record.json: damaged"),
        ("record.json", b'{"numbers": []}', "record.json: damaged"),
    ],
)
def test_a_damaged_record_fails_its_check(project, name, content, words):
    path = project / "reports/published" / APART / name
    path.write_bytes(content) if content else path.unlink()
    (check,) = check_records(project, load_records(project), {})
    assert check.verdict == "fail" and words in " ".join([check.reason, *check.findings])
    assert str(project) not in check.reason


def test_a_number_of_a_record_is_traced_through_the_seals_of_the_record_to_its_variant_alone(project):
    record = load_records(project)[APART]
    assert isinstance(record, StudyRecord)
    chains = record.chains(project)
    assert chains["numbers"].keys() == record.numbers.keys()
    about = chains["numbers"][f"{APART}/cifar10/gaussian/linear/accuracy/10"]
    assert about["stands"] and about["rows"] > 0
    steps = [step for step in about["chain"] if step.startswith(f"results/transfer/{APART}/cifar10/")]
    assert [step for step in steps if "/gaussian/" in step]
    assert not [step for step in steps if "/adversarial-linf/" in step]
    raw = [step for step in chains["steps"].values() if "raw" in step]
    assert not [step for step in chains["steps"].values() if "unsealed" in step]
    assert all(step["sha256"] for step in raw)


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_an_unknown_number_is_one_line_before_anything_is_checked(project, monkeypatch, json_):
    monkeypatch.chdir(project)
    (project / "params.yaml").write_text("nonsense")  # of which a check would complain
    done = CliRunner().invoke(app, ["audit", "--number", "nope", *json_])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "--number: no published number has the key 'nope' or one that goes on from it"
    )
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "key", ["digits/low-contrast/clea", "digits/low-contrast/clean/linear/accuracy/", "digit"]
)
def test_a_key_is_asked_for_to_the_end_of_a_part_of_it(project, key):
    if key.endswith("/"):
        require_number(project, key)
        require_number(project, key + "5")
        return
    with pytest.raises(ValueError, match=f"no published number has the key '{key}'"):
        require_number(project, key)


def test_a_picture_of_a_record_that_shows_other_numbers_fails_its_check(project):
    folder = project / "reports/published" / APART
    record = load_records(project)[APART]
    shown = shown_of(APART, table.read(folder / "metrics.parquet"), record.computed[1])
    (folder / "accuracy.svg").write_text(picture.draw(shown))
    (check,) = check_records(project, load_records(project), {})
    assert not [line for line in check.findings if "accuracy.svg" in line]
    (folder / "accuracy.svg").write_text(picture.draw(shown.assign(mean=shown["mean"] + 0.001)))
    (check,) = check_records(project, load_records(project), {})
    assert check.verdict == "fail"
    assert "accuracy.svg: shows other numbers than the measurements give" in check.findings
