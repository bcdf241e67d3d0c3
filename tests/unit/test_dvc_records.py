"""Which MD5 DVC has on record for which file."""

import hashlib
import json
import subprocess

import pytest
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from advtransfer.cli.crate import stored
from advtransfer.provenance.audit import unrecorded
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.recorded import leave, lock_against_seals, made_anew, recorded_paths
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


# -- results made anew that dvc.lock does not record ------------------------------------------------------------------


def evidence(root):
    return Evidence.gather(root, ["results"])


def test_what_was_made_anew_and_left_out_of_the_record_does_not_contradict_it(recorded):
    (recorded / "results/relu/metrics").write_text("made anew")
    assert lock_against_seals(evidence(recorded)).verdict == FAIL
    leave(evidence(recorded))
    check = lock_against_seals(evidence(recorded))
    assert check.verdict == PASS and "the other 1 were made anew and are left out of it" in check.reason


def test_what_changes_after_it_was_left_out_is_found_and_named(recorded):
    (recorded / "results/relu/metrics").write_text("made anew")
    leave(evidence(recorded))
    (recorded / "results/relu.json").write_text("tampered with")
    check = lock_against_seals(evidence(recorded))
    assert check.verdict == FAIL
    assert check.findings == ("results/relu.json: another content was recorded",)


def test_a_note_counts_for_the_lock_that_it_was_written_beside_and_can_be_damaged(recorded):
    (recorded / "results/relu/metrics").write_text("made anew")
    leave(evidence(recorded))
    note = (recorded / unrecorded.FILE).read_text()
    for text in ("{", "[]", '{"lock": 1}'):
        (recorded / unrecorded.FILE).write_text(text)
        assert lock_against_seals(evidence(recorded)).verdict == FAIL
    (recorded / unrecorded.FILE).write_text(note)
    assert lock_against_seals(evidence(recorded)).verdict == PASS
    lock = recorded / "dvc.lock"
    lock.write_text(lock.read_text() + "\n")
    assert lock_against_seals(evidence(recorded)).verdict == FAIL


def test_which_files_are_the_recorded_ones_is_known_without_dvcs_cache_as_long_as_all_are(recorded):
    everything = {
        f"results/{name}" for name in ("relu/metrics", "relu-no-bias/metrics", "relu.json", "INDEX")
    }
    assert recorded_paths(evidence(recorded)) == everything
    (recorded / "results/INDEX").write_text("another")
    assert recorded_paths(evidence(recorded)) == set()


def test_with_dvcs_listing_each_file_is_known(recorded):
    md5 = json.loads((recorded / "dvc.lock").read_text())["stages"]["phase"]["outs"][0]["md5"]
    here = evidence(recorded).below("results")
    entries = [{"md5": value, "relpath": path.removeprefix("results/")} for path, value in here.items()]
    listing = recorded / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    listing.parent.mkdir(parents=True)
    listing.write_text(json.dumps(entries))
    (recorded / "results/INDEX").write_text("another")
    assert recorded_paths(evidence(recorded)) == here.keys() - {"results/INDEX"}


def test_the_record_is_that_of_the_commit_not_what_was_recorded_since(recorded):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *identity, *arguments], cwd=recorded, check=True, capture_output=True)

    git("init")
    git("add", "dvc.lock")
    git("commit", "--message", "Recorded")
    (recorded / "dvc.lock").write_text(LOCK)
    assert "results/INDEX" in recorded_paths(evidence(recorded))


@pytest.mark.parametrize("text", [None, "{", "stages: []"])
def test_without_a_readable_lock_nothing_is_recorded(tmp_path, text):
    if text:
        (tmp_path / "dvc.lock").write_text(text)
    assert recorded_paths(evidence(tmp_path)) == set() and not made_anew(evidence(tmp_path))


def test_a_file_that_the_lock_does_not_count_is_news(recorded):
    content = json.loads((recorded / "dvc.lock").read_text())
    content["stages"]["phase"]["outs"][0]["nfiles"] = 4
    (recorded / "dvc.lock").write_text(json.dumps(content))
    (recorded / "results/relu/metrics").write_text("made anew")
    assert made_anew(evidence(recorded))
    (recorded / "results/more").write_text("of another study")
    assert not made_anew(evidence(recorded))
