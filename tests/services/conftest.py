"""The servers of these tests, started when the first test asks."""

import os
import sys
from pathlib import Path

import pytest
import servers
import tiny_project

source = tiny_project.source


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """The environment in which a client finds the object store."""
    with servers.s3(tmp_path_factory.mktemp("s3")) as environment:
        yield environment


@pytest.fixture(scope="session")
def environment(s3, tmp_path_factory):
    """What leads Git, DVC and S3's client to this test's servers and settings alone."""
    folder = tmp_path_factory.mktemp("dvc")
    own = {
        f"DVC_{name}": str(folder / name)
        for name in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR")
    }
    people = {
        f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # the user's images are elsewhere than those of the tests
    inherited = {name: value for name, value in os.environ.items() if name != "ADVTRANSFER_DATA"}
    return inherited | s3 | own | people | {"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull}
