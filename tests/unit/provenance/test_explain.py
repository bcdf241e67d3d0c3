import pytest

from advtransfer.provenance.explain import GONE, explain
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import read_seal, seal_path, write_seal

MADE = ("out/model", "out/score1", "out/score2", "report")
GIT = {"git": {"commit": "abcdef0123456789", "dirty": True}, "started": "2026-05-04T03:02:01+00:00"}


@pytest.fixture
def root(tmp_path, make_spec):
    """raw -> model and log -> two scores -> report."""
    model = {"model": "out/model", "log": "out/log"}
    jobs = [
        ("train", {"raw": "raw/x"}, model),
        ("score", model, {"score": "out/score1"}),
        ("score", model, {"score": "out/score2"}),
        ("report", {"scores": ["out/score1", "out/score2"]}, {"report": "report"}),
    ]
    for folder in ("raw", "out"):
        (tmp_path / folder).mkdir()
    (tmp_path / "raw/x").write_text("raw/x")
    for rule, inputs, outputs in jobs:
        spec = make_spec(rule=rule, inputs=inputs, outputs=outputs)
        for path in spec.output_paths:
            (tmp_path / path).write_text(path)
        hashes = {path: Hasher(None).sha256(tmp_path / path) for path in spec.input_paths + spec.output_paths}
        write_seal(spec, hashes, GIT if rule == "train" else {}, tmp_path / seal_path(spec.primary))
    return tmp_path


def sha256(path):
    return Hasher(None).sha256(path)


def why(path, root):
    return explain(path, root).text()


def outline(text):
    """The tree without what is in brackets."""
    return [
        line.split(" (")[0] + (" (above)" if line.endswith("(above)") else "") for line in text.splitlines()
    ]


def test_lineage_explains_each_file_once(root):
    text = why("report", root)
    assert outline(text) == [
        "report",
        "  out/score1",
        "    out/model",
        "      raw/x",
        "    out/log",
        "      raw/x (above)",
        "  out/score2",
        "    out/model (above)",
        "    out/log (above)",
    ]
    assert "rule train, abcdef012345+edits, 2026-05-04)" in text
    assert "rule report, no commit, no date)" in text
    assert "raw/x (raw, sha256 " + Hasher(None).sha256(root / "raw/x")[:12] in text


def test_secondary_outputs_and_absolute_paths_are_found(root):
    assert outline(why(root / "out" / "log", root)) == ["out/log", "  raw/x"]
    assert outline(why("./out/../out/log", root)) == ["out/log", "  raw/x"]


def test_a_seal_stands_for_what_it_was_written_for(root):
    assert why("out/model.seal", root) == why("out/model", root)


def test_the_lineage_is_a_tree_of_data(root):
    raw = {"path": "raw/x", "sha256": sha256(root / "raw/x"), "stale": None, "inputs": []}
    model = {
        "path": "out/log",
        "sha256": sha256(root / "out/log"),
        "stage": "pkg.train",
        "rule": "train",
        "seal": read_seal(root / "out/model.seal").id,
        "stale": None,
        "inputs": [raw],
    }
    found = explain("out/log", root).to_dict()
    assert found == {
        "path": "out/log",
        "state": "fresh",
        "reason": None,
        "primary": "out/model",
        "lineage": model,
    }
    scores = explain("report", root).to_dict()["lineage"]["inputs"]
    assert [score["path"] for score in scores] == ["out/score1", "out/score2"]
    assert scores[0]["inputs"][1]["inputs"] == [{"path": "raw/x", "above": True}]
    assert scores[1]["inputs"] == [{"path": path, "above": True} for path in ("out/model", "out/log")]


def test_what_is_not_fresh_is_data_with_a_reason(root):
    (root / "out/log").write_text("altered")
    reason = "output out/log altered since it was sealed"
    stale = {"path": "out/log", "state": "stale", "reason": reason, "primary": "out/model", "lineage": None}
    assert explain("out/log", root).to_dict() == stale
    downstream = explain("out/score1", root).to_dict()
    assert (downstream["state"], downstream["reason"]) == ("stale", "inputs changed: out/log")
    for path, state in {"raw/x": "raw", "gone": "unknown"}.items():
        found = explain(path, root, plan_of(root)).to_dict()
        assert (found["state"], found["primary"], found["lineage"]) == (state, None, None)


def test_stale_artifacts_give_their_reason_in_one_line(root, make_spec):
    file = root / ".snakemake/spec/out/score1/spec.json"
    file.parent.mkdir(parents=True)
    asked = make_spec(
        rule="score", inputs={"model": "out/model", "log": "out/log"}, outputs={"score": "out/score1"}
    )
    params = {"attack": {"eps": 1.0, "steps": 7}, "layers": [1, 2]}
    changed = type(asked).from_dict(asked.to_dict() | {"params": params})
    file.write_text(f'{{"spec": {changed.to_json()}}}')
    assert why("out/score1", root) == "out/score1: params changed: attack.eps 0.5 -> 1.0"
    (root / "out/log").write_text("altered")
    assert why("out/log", root) == "out/model: output out/log altered since it was sealed"


def test_artifacts_without_seal_are_found_by_their_spec(root, make_spec):
    file = root / ".snakemake/spec/new/model/spec.json"
    file.parent.mkdir(parents=True)
    file.write_text(f'{{"spec": {make_spec(outputs={"model": "new/model", "log": "new/log"}).to_json()}}}')
    assert why("new/log", root) == "new/model: not computed yet"
    (root / "new").mkdir()
    (root / "new/model").write_text("unsealed")
    assert why("new/log", root) == "new/model: no seal"


def test_files_that_no_job_makes(root):
    (root / "notes.txt").write_text("mine")
    told = {
        "raw/x": ("raw", "a raw file, made by no job"),
        "notes.txt": ("unused", "no job makes it, and none has it as an input"),
        "gone": ("unknown", "no such file, and no job makes it"),
        "out": ("unknown", "a folder; expected a file"),
        "": ("unknown", "a folder; expected a file"),
        "/etc/passwd": ("unknown", "outside of this project"),
        "../x": ("unknown", "outside of this project"),
        "..": ("unknown", "outside of this project"),
    }
    found = {path: explain(path, root, plan_of(root)) for path in told}
    assert {path: (one.state, one.reason) for path, one in found.items()} == told
    assert found["/etc/passwd"].text() == "/etc/passwd: outside of this project"


def plan_of(root, *left_out):
    """The jobs as they were sealed, but for some that params.yaml does not declare any more."""
    made = {path: read_seal(root / seal_path(path)).spec for path in MADE}
    return {path: spec for path, spec in made.items() if path not in left_out}


def test_what_no_job_of_the_plan_makes_is_not_fresh(root):
    plan = plan_of(root, "out/score2")
    left = root / ".snakemake/spec/out/score2/spec.json"
    left.parent.mkdir(parents=True)
    left.write_text(f'{{"spec": {read_seal(root / "out/score2.seal").spec.to_json()}}}')
    assert explain("out/score2", root).state == "fresh"
    found = explain("out/score2", root, plan)
    assert (found.state, found.reason, found.primary) == ("stale", GONE, "out/score2")
    assert found.text() == f"out/score2: {GONE}"
    assert explain("out/score1", root, plan).state == "fresh"
    (root / "out/score2").unlink()
    (root / "out/score2.seal").unlink()
    assert explain("out/score2", root, plan).reason == "no such file, and no job makes it"


def test_what_a_sealed_job_read_is_raw_without_a_plan_too(root, make_spec):
    assert explain("raw/x", root).state == "unused"
    spec = make_spec(inputs={"raw": "raw/x"}, outputs={"table": "results/table"})
    (root / "results").mkdir()
    write_seal(spec, {"raw/x": sha256(root / "raw/x"), "results/table": "0"}, {}, root / "results/table.seal")
    assert explain("raw/x", root).state == "raw"


def test_what_only_a_job_of_the_plan_reads_is_raw(root, make_spec):
    (root / "raw/new").write_text("new")
    assert explain("raw/new", root, plan_of(root)).state == "unused"
    later = make_spec(inputs={"raw": "raw/new"}, outputs={"model": "later"})
    assert explain("raw/new", root, plan_of(root) | {"later": later}).state == "raw"


def test_what_is_made_from_stale_files_is_stale_and_says_from_which(root, make_spec):
    model = make_spec(rule="train", inputs={"raw": "raw/x"}, outputs={"model": "out/model", "log": "out/log"})
    changed = type(model).from_dict(model.to_dict() | {"params": {"attack": {"eps": 1.0}}})
    plan = plan_of(root) | {"out/model": changed}
    reason = explain("out/model", root, plan).reason
    assert reason.startswith("params changed: attack.eps 0.5 -> 1.0")
    for path in ("report", "out/score2"):
        found = explain(path, root, plan)
        assert (found.state, found.primary) == ("stale", path)
        assert found.reason == f"made from out/model, which is stale: {reason}"
        first, *tree = found.text().splitlines()
        assert first == f"{path}: {found.reason}"
        assert tree[0].startswith(f"{path} (seal ")
        assert any(f"STALE: {reason}" in line for line in tree)
        assert found.to_dict()["lineage"]["path"] == path
    (root / "raw/x").write_text("altered")  # where it begins is named, not what follows from it
    assert "made from out/model, which is stale: inputs changed: raw/x" in why("report", root)
