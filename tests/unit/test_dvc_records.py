"""Which MD5 DVC has on record for which file."""

import hashlib
import json

import pytest
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from advtransfer.cli.crate import stored
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.recorded import lock_against_seals
from advtransfer.provenance.audit.verdict import FAIL, PASS

LOCK = """\
schema: '2.0'
stages:
  phase:
    cmd: make
    outs:
    - {path: results/one.json, hash: md5, md5: 11aa}
    - {path: results/many, hash: md5, md5: 22bb.dir, nfiles: 2}
    - {path: results/elsewhere, hash: md5, md5: 33cc.dir}
    - {path: results/cloud, cloud: {}}
"""


def test_files_and_the_listed_files_of_folders_are_known(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    listing = tmp_path / ".dvc/cache/files/md5/22/bb.dir"
    listing.parent.mkdir(parents=True)
    listing.write_text(json.dumps([{"md5": "44", "relpath": "a"}, {"md5": "55", "relpath": "b/c"}]))
    assert stored(tmp_path) == {"results/one.json": "11aa", "results/many/a": "44", "results/many/b/c": "55"}


@pytest.mark.parametrize(
    "text", [None, "", "stages: []", "stages: {phase: {}}", "{", "stages: {phase: {outs: [a]}}"]
)
def test_without_a_readable_record_nothing_is_known(tmp_path, text):
    if text is not None:
        (tmp_path / "dvc.lock").write_text(text)
    assert stored(tmp_path) == {}


def test_a_damaged_listing_leaves_the_rest(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    listing = tmp_path / ".dvc/cache/files/md5/22/bb.dir"
    listing.parent.mkdir(parents=True)
    listing.write_text("[")
    assert stored(tmp_path) == {"results/one.json": "11aa"}


@pytest.fixture
def recorded(tmp_path):
    """A folder that DVC has recorded, without DVC's own list of its files: its cache may lie elsewhere."""
    tree = Tree()
    for name in ("relu/metrics", "relu-no-bias/metrics", "relu.json", "INDEX"):
        file = tmp_path / "results" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        tree.add(tuple(name.split("/")), None, HashInfo("md5", hashlib.md5(name.encode()).hexdigest()))
    tree.digest()
    out = {"path": "results", "hash": "md5", "md5": tree.hash_info.value}
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / "dvc.lock").write_text(json.dumps({"stages": {"phase": {"outs": [out]}}}))
    return tmp_path


def test_a_recorded_folder_is_known_by_its_files_alone(recorded):
    """Where one name begins another (relu, relu-no-bias) too."""
    assert lock_against_seals(Evidence.gather(recorded, ["results"])).verdict == PASS


def test_another_file_in_a_recorded_folder_is_found_by_the_files_alone(recorded):
    (recorded / "results/relu/metrics").write_text("another")
    assert lock_against_seals(Evidence.gather(recorded, ["results"])).verdict == FAIL
