"""What the index of a phase removes: what its jobs made for what is no longer declared, and never anything else."""

import hashlib
import json
import os

import patience
import pytest

from advtransfer.provenance.seal import seal_path, write_seal
from advtransfer.provenance.spec import Spec, canonical
from advtransfer.stages import index

PARAMS = {"roots": ["out/model"], "declared": ["out/model/kept"]}


@pytest.fixture
def phase(tmp_path, monkeypatch):
    """The one root of a phase, below a project that is the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out/model"
    folder.mkdir(parents=True)
    for name in ("params.json", "out/model/kept", "out/model/old", "out/other"):
        (tmp_path / name).write_text(name)
    return folder


@pytest.fixture
def elsewhere(tmp_path):
    """A folder outside of the project, with a file that nobody may touch."""
    folder = tmp_path.parent / f"{tmp_path.name}.elsewhere"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    return folder


def forge(phase, *named, name="old.seal"):
    """A seal whose hashes agree, whatever it names."""
    outputs = [[str(number), str(path)] for number, path in enumerate(named)]
    decisive = {"spec": {"outputs": outputs, "inputs": []}, "sha256": {str(path): "0" * 64 for path in named}}
    identity = hashlib.sha256(canonical(decisive).encode()).hexdigest()
    (phase / name).write_text(json.dumps({**decisive, "id": identity, "made": {}}))


def make_index(phase, **params):
    return index.main(PARAMS | params, {"artifacts": ["out/model/kept"]}, {"index": phase / "INDEX"})


def names(folder):
    return sorted(os.listdir(folder))  # noqa: PTH208


def test_what_a_job_made_and_sealed_is_removed_with_its_seal(phase):
    (phase / "deep/er").mkdir(parents=True)
    outputs = {"model": "out/model/deep/er/old", "log": "out/model/old"}
    (phase / "deep/er/old").write_text("x")
    spec = Spec(
        "train", "pkg.train", {}, {"eps": 0.5}, {"pkg.train": "0" * 16}, {"raw": "params.json"}, outputs
    )
    write_seal(spec, dict.fromkeys((*outputs.values(), "params.json"), "0" * 64), {}, seal_path(spec.primary))
    told = make_index(phase)
    assert told == {"removed": ["out/model/deep/er/old", "out/model/old", "out/model/deep/er/old.seal"]}
    assert names(phase) == ["INDEX", "kept"]


def test_a_seal_that_names_files_elsewhere_removes_none_of_them(tmp_path, phase, elsewhere):
    outside = elsewhere / "thesis.txt"
    forge(
        phase,
        "out/model/old",
        "params.json",
        "out/other",
        "out/model/../../params.json",
        f"../{elsewhere.name}/thesis.txt",
        outside,
    )
    told = make_index(phase)
    assert told == {"removed": ["out/model/old", "out/model/old.seal"]}
    assert names(phase) == ["INDEX", "kept"]
    assert (tmp_path / "params.json").exists() and (tmp_path / "out/other").exists() and outside.exists()


def test_a_link_is_not_followed_to_what_a_seal_names_behind_it(phase, elsewhere):
    (phase / "link").symlink_to(elsewhere)
    forge(phase, "out/model/old", "out/model/link/thesis.txt")
    assert make_index(phase) == {"removed": ["out/model/old", "out/model/old.seal"]}
    assert names(elsewhere) == ["thesis.txt"] and (phase / "link").is_symlink()


def test_a_link_in_the_place_of_an_artifact_is_removed_and_not_what_it_leads_to(phase, elsewhere):
    """DVC may link artifacts into its cache."""
    (phase / "old").unlink()
    (phase / "old").symlink_to(elsewhere / "thesis.txt")
    forge(phase, "out/model/old")
    assert make_index(phase) == {"removed": ["out/model/old", "out/model/old.seal"]}
    assert names(elsewhere) == ["thesis.txt"] and names(phase) == ["INDEX", "kept"]


def test_links_of_every_kind_stay_and_fail_no_job(tmp_path, phase, elsewhere):
    (elsewhere / "empty").mkdir()
    for name, target in {
        "out": elsewhere / "empty",
        "self": phase / "self",
        "dangling": tmp_path / "gone",
        "self.seal": phase / "self.seal",
        "folder.seal": elsewhere,
    }.items():
        (phase / name).symlink_to(target)
    (phase / "empty/er").mkdir(parents=True)
    assert make_index(phase) == {"removed": []}
    assert names(phase) == ["INDEX", "dangling", "folder.seal", "kept", "old", "out", "self", "self.seal"]
    assert names(elsewhere) == ["empty", "thesis.txt"]


def test_a_root_may_be_a_link_to_another_disk(phase, elsewhere):
    phase.rename(elsewhere / "model")
    phase.symlink_to(elsewhere / "model")
    forge(phase, "out/model/old", "out/model/../thesis.txt")
    assert make_index(phase) == {"removed": ["out/model/old", "out/model/old.seal"]}
    assert names(elsewhere) == ["model", "thesis.txt"] and names(phase) == ["INDEX", "kept"]


@pytest.mark.parametrize(
    "content",
    [
        "[" * 5000,
        '{"spec": {"outputs": [["a", "out/model/old"]]}}',  # no hashes, no id
        '{"spec": {"outputs": [["a", "out/model/old"]]}, "sha256": {}, "id": "0"}',
        "7",
        "",
    ],
)
def test_what_is_no_whole_seal_removes_nothing_itself_included(phase, content):
    (phase / "old.seal").write_text(content)
    assert make_index(phase) == {"removed": []}
    assert names(phase) == ["INDEX", "kept", "old", "old.seal"]


def test_a_seal_that_lies_beside_another_file_than_its_own_removes_nothing(phase):
    forge(phase, "out/model/old", name="copied.seal")
    assert make_index(phase) == {"removed": []}
    assert (phase / "old").exists()


@pytest.mark.timeout(patience.limit(1))
def test_a_pipe_named_like_a_seal_keeps_nobody_waiting(phase):
    os.mkfifo(phase / "old.seal")
    assert make_index(phase) == {"removed": []}


def test_a_file_in_the_place_of_a_root_is_one_line(tmp_path, phase):
    (tmp_path / "labels").write_text("a file")
    with pytest.raises(SystemExit, match=r"^labels: file exists, expected a folder$"):
        make_index(phase, roots=["out/model", "labels"])


def test_every_folder_of_a_phase_is_there_to_be_recorded(tmp_path, monkeypatch):
    """No study has pseudo-labels: DVC would miss their folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    params = {"roots": ["models", "labels/pseudo"], "declared": []}
    index.main(params, {"artifacts": []}, {"index": tmp_path / "models/INDEX"})
    assert (tmp_path / "labels/pseudo").is_dir()
