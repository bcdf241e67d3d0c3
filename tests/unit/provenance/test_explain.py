import pytest

from advtransfer.provenance.explain import explain
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import read_seal, seal_path, write_seal

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
        found = explain(path, root).to_dict()
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
    assert "  out/score1 (seal" in why("report", root)
    assert "STALE: params changed: attack.eps 0.5 -> 1.0" in why("report", root)
    (root / "out/log").write_text("altered")
    assert why("out/log", root) == "out/model: output out/log altered since it was sealed"


def test_artifacts_without_seal_are_found_by_their_spec(root, make_spec):
    file = root / ".snakemake/spec/new/model/spec.json"
    file.parent.mkdir(parents=True)
    file.write_text(f'{{"spec": {make_spec(outputs={"model": "new/model", "log": "new/log"}).to_json()}}}')
    assert why("new/log", root) == "new/model: no seal"


def test_files_that_no_job_makes(root):
    assert why("raw/x", root) == "raw/x: a raw file, made by no job"
    assert why("gone", root) == "gone: no such file, and no job makes it"
