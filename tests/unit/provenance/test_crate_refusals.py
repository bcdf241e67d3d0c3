"""A crate claims nothing that does not hold, and is written whole or not at all."""

import json
import shutil

import pytest
from crate_project import DATA, MODELS, SUMMARY, Toy, model
from rocrate.rocrate import ROCrate

from advtransfer.provenance.closure import forget
from advtransfer.provenance.crate import gather
from advtransfer.provenance.crate.project import CrateError, TargetError
from advtransfer.provenance.seal import read_seal
from advtransfer.provenance.spec import spec_path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return Toy(tmp_path_factory.mktemp("toy") / "built").build()


@pytest.fixture
def toy(built, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(built.root, tmp_path / "toy", symlinks=True)
    return Toy(tmp_path / "toy", dict(built.made))


@pytest.fixture
def refused(toy, tmp_path):
    """The reasons for which an export is refused; it must leave nothing behind."""

    def reasons():
        place = tmp_path / "place"
        place.mkdir()
        with pytest.raises(CrateError) as caught:
            toy.export(place / "crate")
        assert list(place.iterdir()) == []
        return caught.value.reasons

    return reasons


def flip(path):
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def test_a_flipped_byte_of_a_file_that_would_be_copied_is_refused(toy, refused):
    flip(toy.root / SUMMARY)
    assert refused() == [f"{SUMMARY}: output {SUMMARY} altered since it was sealed"]


def test_a_flipped_byte_of_a_file_that_would_only_be_named_is_refused_in_all_it_concerns(toy, refused):
    flip(toy.root / MODELS[1])
    assert refused() == [
        f"{SUMMARY}: inputs changed: {MODELS[1]}",
        f"{MODELS[1]}: output {MODELS[1]} altered since it was sealed",
    ]


def test_a_changed_raw_file_is_refused(toy, refused):
    toy.write("raw/data.txt", "other\n")
    assert refused() == [f"{DATA}: inputs changed: raw/data.txt"]


def test_a_missing_output_is_refused(toy, refused):
    (toy.root / model(0)["log"]).unlink()
    assert refused() == [f"{MODELS[0]}: output {model(0)['log']} missing"]


def test_changed_code_is_refused_and_a_comment_is_not(toy, refused, tmp_path):
    toy.write("src/pkg/text.py", "# a comment\n" + (toy.root / "src/pkg/text.py").read_text())
    crate = toy.crate(tmp_path / "commented")
    assert (crate.folder / "src/pkg/text.py").read_text().startswith("# a comment")
    toy.write("src/pkg/text.py", "def upper(x):\n    return x\n")
    forget()
    assert refused() == [f"{DATA}: code changed: pkg.text"]


def test_an_edited_seal_is_refused(toy, refused):
    seal = toy.root / f"{MODELS[0]}.seal"
    seal.write_text(seal.read_text().replace('"eps": 0.5', '"eps": 0.25'))
    assert f"{MODELS[0]}: seal altered" in refused()


def test_a_seal_beside_another_artifact_is_refused(toy, refused):
    shutil.copyfile(toy.root / f"{MODELS[0]}.seal", toy.root / "results/elsewhere.seal")
    assert refused() == [f"results/elsewhere: its seal is that of {MODELS[0]}"]


def test_what_the_last_plan_asks_for_differently_is_refused(toy, refused):
    spec = read_seal(toy.root / f"{MODELS[0]}.seal").spec.to_dict()
    spec["params"]["attack"]["eps"] = 1.0
    toy.write(str(spec_path(MODELS[0])), json.dumps({"spec": spec}))
    assert refused() == [f"{MODELS[0]}: params changed: attack.eps 0.5 -> 1.0"]


def test_what_a_job_makes_does_not_pass_for_a_raw_file_when_its_seal_is_gone(toy, refused):
    seal = toy.root / f"{DATA}.seal"
    toy.write(str(spec_path(DATA)), json.dumps({"spec": read_seal(seal).spec.to_dict()}))
    seal.unlink()
    assert refused() == [f"{DATA}: no seal was found, and a job makes it"]


def test_a_damaged_spec_file_asks_for_nothing(toy, tmp_path):
    toy.write(str(spec_path(DATA)), "{")
    toy.write(".snakemake/spec/elsewhere/spec.json", json.dumps({"spec": {}}))
    assert toy.export(tmp_path / "crate").jobs == 4


def test_nothing_computed_is_refused(toy, refused):
    for seal in toy.root.rglob("*.seal"):
        seal.unlink()
    assert refused() == ["no seals: nothing was computed here"]


def test_the_message_names_the_first_reasons_and_counts_the_rest():
    lines = str(CrateError([f"reason {number}" for number in range(8)])).splitlines()
    assert [line.strip() for line in lines[1:]] == [
        *(f"reason {number}" for number in range(5)),
        "and 3 more",
    ]
    assert "more" not in str(CrateError(["reason"] * 5))


@pytest.mark.parametrize("path", [SUMMARY, f"{DATA}.seal", f"{MODELS[0]}.seal"])
def test_a_file_that_changes_while_it_is_copied_is_refused(refused, monkeypatch, path):
    original = shutil.copyfile

    def copy(source, target):
        original(source, target)
        if str(source).endswith(path):
            flip(target)

    monkeypatch.setattr(gather.shutil, "copyfile", copy)
    assert refused() == [f"{path}: changed while it was copied"]


def test_a_failed_write_leaves_nothing(toy, tmp_path, monkeypatch):
    def fail(crate, folder):
        raise OSError("disk full")

    monkeypatch.setattr(ROCrate, "write", fail)
    (tmp_path / "place").mkdir()
    with pytest.raises(OSError, match="disk full"):
        toy.export(tmp_path / "place/crate")
    assert list((tmp_path / "place").iterdir()) == []


def test_whatever_is_at_the_target_stays(toy, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_text("mine")
    for target in (taken, taken / "file"):
        with pytest.raises(TargetError, match=r"found something there, expected an empty folder or none$"):
            toy.export(target)
    assert (taken / "file").read_text() == "mine"


@pytest.mark.parametrize("target", ["results/crate", "data", "src/pkg/crate", "workflow/crate"])
def test_a_crate_does_not_go_where_it_would_count_as_part_of_the_project(toy, target):
    with pytest.raises(TargetError, match=r"which the crate describes|found something there"):
        toy.export(toy.root / target)
    assert not (toy.root / "results/crate").exists()


def test_an_empty_folder_is_filled_and_parents_are_made(toy, tmp_path):
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "a/b/crate"):
        summary = toy.export(target)
        written = [path for path in target.rglob("*") if path.is_file()]
        assert (summary.jobs, summary.files) == (4, len(written))
        assert summary.size == sum(path.stat().st_size for path in written)
        assert [path.name for path in target.parent.iterdir() if path.name.startswith(".tmp")] == []


def test_byte_code_stays_behind(toy, tmp_path):
    toy.write("src/pkg/__pycache__/text.cpython-311.pyc", "")
    assert not any("pyc" in name for name in toy.crate(tmp_path / "crate").entities)


def test_equal_results_give_equal_bytes_wherever_they_lie(toy, tmp_path):
    toy.export(tmp_path / "first")
    shutil.copytree(toy.root, tmp_path / "elsewhere/of another name", copy_function=shutil.copyfile)
    Toy(tmp_path / "elsewhere/of another name").export(tmp_path / "second")
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "first", tmp_path / "second")
    )
    assert first == second


def test_files_with_odd_names_keep_them(toy, tmp_path):
    outputs = {"out": "results/100% ü #1.json", "more": "results/train/odd one.bin"}
    toy.run("odd", {}, outputs, None, stage="pkg.text")
    crate = toy.crate(tmp_path / "crate")
    entity = crate["results/100%25%20%C3%BC%20%231.json"]
    assert entity["name"] == "results/100% ü #1.json"
    assert (crate.folder / entity["name"]).is_file()
    assert crate["#file/results/train/odd%20one.bin"]["name"] == "results/train/odd one.bin"
    assert not crate.dangling()


def test_a_crate_needs_the_workflow_and_what_it_is_built_from(toy, refused):
    for path in ("Snakefile", "requirements.lock", "params.yaml", "README.md"):
        (toy.root / path).unlink()
    expected = ("README.md", "Snakefile", "params.yaml", "requirements.lock")
    assert refused() == [f"{path}: not found, and a crate needs it" for path in expected]


def test_a_file_that_a_link_brings_from_elsewhere_is_refused(toy, refused, tmp_path):
    """A crate is given away."""
    (tmp_path / "secret").write_text("secret")
    (toy.root / "src/secret.txt").symlink_to(tmp_path / "secret")
    assert refused() == ["src/secret.txt: a link that leads out of the project"]
