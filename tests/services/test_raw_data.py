"""Raw images that lie on S3: brought in by DVC, shipped with the project, and what is prepared from them."""

import sys

import numpy as np
import pytest
import servers
from dvc_project import Project
from PIL import Image

from advtransfer.data.natural.prepared import read_header

CLASSES, IMAGES = ("cat", "dog"), 6
PREPARE = """
from pathlib import Path
from advtransfer.params.datasets import Dataset
from advtransfer.stages.ingest import main
params = Dataset.model_validate({"folder": {"path": "pets"}, "resolution": 8}).prepare()
main(params, {}, {name: Path(f"{name}.parquet") for name in ("images", "rejects")})
"""


@pytest.fixture(scope="module")
def pets(s3, tmp_path_factory):
    """A bucket with a folder of images of each class: a client, and the images by name."""
    folder, client = tmp_path_factory.mktemp("pets"), servers.bucket(s3, "raw-data")
    stream = np.random.default_rng(3)
    for name in (f"{kind}/{number}.png" for kind in CLASSES for number in range(IMAGES)):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(stream.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(path)
        client.upload_file(str(path), "raw-data", f"sets/pets/{name}")
    return client


@pytest.fixture(scope="module")
def imported(pets, environment, s3, tmp_path_factory):
    """A project that has imported them and pushed them to its own remote, as docs/remotes.md says."""
    project = Project(tmp_path_factory.mktemp("imported"), environment)
    project.tool("git", "init", "--quiet")
    project.tool("dvc", "init", "--quiet")
    (project.root / "data/raw").mkdir(parents=True)
    project.tool("dvc", "import-url", "--quiet", "s3://raw-data/sets/pets", "data/raw/pets")
    servers.bucket(s3, "own-remote")
    project.tool("dvc", "remote", "add", "--default", "store", "s3://own-remote/lab/advtransfer")
    project.tool("dvc", "push", "--quiet")
    project.tool("git", "add", "--all")
    project.tool("git", "commit", "--quiet", "--message", "Raw images")
    return project


def prepared(project):
    """The hash of the pixels and labels that the data phase makes of what lies in data/raw."""
    project.tool(sys.executable, "-c", PREPARE)
    return read_header(project.root / "images.parquet").sha256


def test_a_clone_pulls_and_prepares_the_same_images(imported, environment, pets, tmp_path):
    clone = Project(tmp_path / "clone", environment)
    imported.tool("git", "clone", "--quiet", str(imported.root), str(clone.root))
    clone.tool("dvc", "pull", "--quiet")
    assert sorted(path.name for path in (clone.root / "data/raw/pets").iterdir()) == sorted(CLASSES)
    assert prepared(clone) == prepared(imported)


def test_a_change_at_the_source_is_seen_when_asked_for(imported, pets):
    assert "data/raw/pets.dvc" not in imported.tool("dvc", "status")
    before = prepared(imported)
    pets.delete_object(Bucket="raw-data", Key=f"sets/pets/{CLASSES[0]}/0.png")
    assert prepared(imported) == before, "until then the project keeps its own"
    imported.tool("dvc", "update", "--quiet", "data/raw/pets.dvc")
    assert prepared(imported) != before
