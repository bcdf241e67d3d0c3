"""Which MD5 DVC has on record for which file."""

import json

import pytest

from advtransfer.cli.crate import stored

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
