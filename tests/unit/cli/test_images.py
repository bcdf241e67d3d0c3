"""Raw images that are missing are refused before anything runs; those of torchvision are fetched on purpose."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advtransfer.cli.commands import app
from advtransfer.cli.images import refuse_missing
from advtransfer.data.natural import fetch as fetching
from advtransfer.params import ParamsError, load_params

CHECKOUT = Path(__file__).parents[3]
STUDY = "tiny-imagenet-cifar10"
FLOWERS = "\n  flowers: {torchvision: {name: Flowers102, splits: [train, test]}, resolution: 32}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params.yaml, whose target is a set of torchvision, and data/raw with the source's images."""
    content = (CHECKOUT / "params.yaml").read_text() + FLOWERS
    (tmp_path / "params.yaml").write_text(content.replace("dataset: cifar10,", "dataset: flowers,"))
    for name in ("n01", "n02"):
        (tmp_path / "data/raw/tiny-imagenet/train" / name).mkdir(parents=True)
        (tmp_path / "data/raw/tiny-imagenet/train" / name / "0.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ADVTRANSFER_DATA", raising=False)
    return tmp_path


def refused(project, *studies):
    with pytest.raises(ParamsError) as caught:
        refuse_missing(project, load_params("params.yaml"), studies)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_set_of_torchvision_is_to_be_fetched(project):
    told = refused(project, "digits", STUDY)
    assert told.startswith("datasets.flowers: ") and told.endswith("`advtransfer fetch flowers` downloads it")


def test_a_missing_folder_is_named_with_the_variable(project, monkeypatch):
    monkeypatch.setenv("ADVTRANSFER_DATA", "/nowhere")
    told = refused(project, STUDY)
    assert "/nowhere/tiny-imagenet/train does not exist; set ADVTRANSFER_DATA to the folder" in told


@pytest.mark.parametrize("name", ["flowers.parquet", "flowers.parquet.seal"])
def test_prepared_images_need_no_raw_ones(project, name):
    (project / "data/prepared/images").mkdir(parents=True)
    (project / "data/prepared/images" / name).touch()
    refuse_missing(project, load_params("params.yaml"), [STUDY])


def test_folders_that_are_no_classes_are_refused_before_anything_starts(project):
    (project / "data/raw/Flowers102").mkdir()
    (project / "data/raw/tiny-imagenet/train/n02/0.png").unlink()
    told = refused(project, STUDY)
    assert told.startswith("datasets.tiny-imagenet: ") and "train/n02: no image in this class" in told


def test_studies_without_images_and_present_images_pass(project):
    (project / "data/raw/Flowers102").mkdir()
    refuse_missing(project, load_params("params.yaml"), ["digits", STUDY, "linear-theory"])


def test_run_refuses_before_anything_starts(project):
    (project / "reports").mkdir()
    (project / "reports/claims.yaml").write_text((CHECKOUT / "reports/claims.yaml").read_text())
    done = CliRunner().invoke(app, ["run", "--study", STUDY])
    assert done.exit_code == 2 and "advtransfer fetch flowers" in done.output
    assert not (project / ".snakemake").exists()


@pytest.mark.parametrize("names", [[], ["flowers"]])
def test_fetch_downloads_what_params_name(project, monkeypatch, names):
    asked = []
    monkeypatch.setattr(fetching, "fetch", lambda name, root, **more: asked.append((name, root, more)))
    assert CliRunner().invoke(app, ["fetch", *names]).exit_code == 0
    assert asked == [("Flowers102", Path("data/raw"), {"splits": ("train", "test"), "options": {}})]


def test_what_was_fetched_is_one_document_for_a_script(project, monkeypatch):
    def fetch(name, root, **more):
        print(f"{name}: downloading")  # as it and torchvision do
        return root / name

    monkeypatch.setattr(fetching, "fetch", fetch)
    done = CliRunner().invoke(app, ["fetch", "--json"])
    sets = [{"name": "flowers", "torchvision": "Flowers102", "folder": "data/raw/Flowers102"}]
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"fetched": sets})
    assert done.stderr == "Flowers102: downloading\n"
    assert CliRunner().invoke(app, ["fetch"]).stdout == "Flowers102: downloading\n"


def test_fetch_of_another_set_is_one_line(project):
    done = CliRunner().invoke(app, ["fetch", "flowers", "cifar10", "--json"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "fetch: found 'cifar10', expected a torchvision set of `datasets` (flowers)\n"
    assert not list((project / "data/raw").glob("Flowers*"))


def test_a_download_that_fails_is_one_line(project, monkeypatch):
    def fail(name, root, **more):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(fetching, "fetch", fail)
    done = CliRunner().invoke(app, ["fetch"])
    assert done.exit_code == 1 and done.output == "the network is unreachable\n"
