"""What the index of a phase removes: what its jobs made for what is no longer declared, and never anything else."""

import json

from advtransfer.stages import index


def test_a_seal_that_names_files_elsewhere_removes_none_of_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    phase = tmp_path / "out/model"
    phase.mkdir(parents=True)
    for name in ("params.json", "out/model/kept", "out/model/old", "out/other"):
        (tmp_path / name).write_text(name)
    outside = tmp_path.parent / f"{tmp_path.name}.precious"
    outside.write_text("mine")
    named = [
        "out/model/old",
        "params.json",
        "out/other",
        "out/model/../../params.json",
        f"../{outside.name}",
        str(outside),
    ]
    seal = {"spec": {"outputs": [[str(number), path] for number, path in enumerate(named)]}}
    (phase / "old.seal").write_text(json.dumps(seal))
    params = {"roots": ["out/model"], "declared": ["out/model/kept"]}
    told = index.main(params, {"artifacts": ["out/model/kept"]}, {"index": phase / "INDEX"})
    assert told == {"removed": ["out/model/old", "out/model/old.seal"]}
    assert sorted(path.name for path in phase.iterdir()) == ["INDEX", "kept"]
    assert (tmp_path / "params.json").exists() and (tmp_path / "out/other").exists() and outside.exists()


def test_every_folder_of_a_phase_is_there_to_be_recorded(tmp_path, monkeypatch):
    """No study has pseudo-labels: DVC would miss their folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    params = {"roots": ["models", "labels/pseudo"], "declared": []}
    index.main(params, {"artifacts": []}, {"index": tmp_path / "models/INDEX"})
    assert (tmp_path / "labels/pseudo").is_dir()
