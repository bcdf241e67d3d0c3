"""What is recorded of raw images: any change of names, sizes, tables or times shows; a copy is told from a change."""

import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from natural_images import plant

from advtransfer.data.natural import raw_files
from advtransfer.data.natural.raw_files import difference, raw_state

FILES = {
    f"pets/{split}/{c}/{i}.png": b"x" * (10 * i + k)
    for split in "ab"
    for k, c in enumerate("cd")
    for i in range(4)
}
WHOLE = {"folder": {"path": "pets", "splits": []}}
SPLITS = {"folder": {"path": "pets", "splits": ["a", "b"]}}


def changed(root, block=WHOLE):
    return difference(BEFORE[root, str(block)], raw_state(block, root))


BEFORE = {}


@pytest.fixture
def pets(tmp_path):
    root = plant(tmp_path / "data", FILES)
    for block in (WHOLE, SPLITS):
        BEFORE[root, str(block)] = raw_state(block, root)
    return root


def test_the_same_files_are_no_change(pets):
    (pets / "pets/a/c/.DS_Store").write_bytes(b"1")  # hidden: no image
    for block in (WHOLE, SPLITS):
        assert changed(pets, block) is None
    assert BEFORE[pets, str(WHOLE)]["files"] == 16 and BEFORE[pets, str(WHOLE)]["bytes"] == sum(
        map(len, FILES.values())
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda root: (root / "pets/a/c/9.png").write_bytes(b""), "17 files, were 16"),
        (lambda root: (root / "pets/a/c/0.png").unlink(), "15 files, were 16"),
        (lambda root: (root / "pets/a/c/0.png").write_bytes(b"12345"), "bytes, were"),
        (lambda root: (root / "pets/a/c/0.png").rename(root / "pets/a/d/9.png"), "other names or sizes"),
        (lambda root: (root / "pets/a/c").rename(root / "pets/a/e"), "other names or sizes"),
        (lambda root: exchange(root / "pets/a/c", root / "pets/a/d"), "other names or sizes"),
        (lambda root: exchange(root / "pets/a/c/1.png", root / "pets/a/c/2.png"), "other names or sizes"),
        (
            lambda root: os.utime(root / "pets/a/c/1.png", (1, 1)),
            "perhaps: the files have other times, newest",
        ),
    ],
)
@pytest.mark.parametrize("block", [WHOLE, SPLITS])
def test_changes_are_told(pets, change, told, block):
    change(pets)
    assert told in changed(pets, block)


def exchange(one, other):
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def test_files_of_equal_size_that_were_exchanged_show_by_their_times(pets):
    one, other = pets / "pets/a/c/1.png", pets / "pets/a/c/2.png"
    other.write_bytes(one.read_bytes())
    os.utime(other, (9, 9))
    before = raw_state(WHOLE, pets)
    exchange(one, other)
    assert "perhaps" in difference(before, raw_state(WHOLE, pets))


def test_a_copy_elsewhere_is_the_same_or_perhaps_another(pets, tmp_path):
    before = BEFORE[pets, str(WHOLE)]
    kept, plain = tmp_path / "kept", tmp_path / "plain"
    shutil.copytree(pets, kept)  # with its times
    assert difference(before, raw_state(WHOLE, kept)) is None
    plant(plain, FILES)
    os.utime(plain / "pets/a/c/0.png", (5, 5))
    assert difference(before, raw_state(WHOLE, plain)).startswith("perhaps")


def test_a_folder_that_no_split_names_plays_no_part(pets):
    block = {"folder": {"path": "pets", "splits": ["a"]}}
    before = raw_state(block, pets)
    shutil.rmtree(pets / "pets/b")
    assert difference(before, raw_state(block, pets)) is None
    assert raw_state(SPLITS, pets) is None and raw_state(WHOLE, pets / "nowhere") is None


@pytest.mark.parametrize("place", ["table.parquet", "table"])
def test_a_table_of_the_same_size_with_other_labels_shows_by_its_footer(tmp_path, place):
    file = tmp_path / place if place.endswith("parquet") else tmp_path / place / "train.parquet"
    file.parent.mkdir(exist_ok=True)
    states = []
    for labels in ([0, 1, 0, 1], [0, 1, 1, 2]):
        pq.write_table(pa.table({"label": labels}), file, compression="none", use_dictionary=False)
        os.utime(file, (1, 1))
        states.append(raw_state({"parquet": {"path": place, "splits": []}}, tmp_path))
    assert states[0]["bytes"] == states[1]["bytes"] and states[0]["times"] == states[1]["times"]
    assert difference(*states) == "other names or sizes of files"


def test_a_set_of_torchvision_is_looked_for_in_its_folder(tmp_path):
    plant(tmp_path, {"CIFAR10/cifar-10-batches-py/test_batch": b"123"})
    block = {"torchvision": {"name": "CIFAR10", "splits": ["train"], "options": {}}}
    assert raw_state(block, tmp_path)["files"] == 1


def test_of_very_many_files_every_name_is_looked_at_and_some_sizes(pets, monkeypatch):
    monkeypatch.setattr(raw_files, "LOOKED_AT", 4)
    before = raw_state(WHOLE, pets)
    assert before["bytes"] < sum(map(len, FILES.values()))
    (pets / "pets/b/d/3.png").rename(pets / "pets/b/d/4.png")
    assert difference(before, raw_state(WHOLE, pets)) == "other names or sizes of files"


def test_names_that_are_not_utf8_and_links_that_lead_nowhere_are_looked_at(pets):
    (pets / "pets/a/c" / os.fsdecode(b"\xff.png")).write_bytes(b"1")
    (pets / "pets/a/c/gone.png").symlink_to("/mnt/not/mounted")
    state = raw_state(WHOLE, pets)
    assert state["files"] == 18 and difference(state, raw_state(WHOLE, pets)) is None
