import hashlib
import json
import os
import time

import pytest

from advtransfer.provenance import hashing
from advtransfer.provenance.hashing import Hasher


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def old(monkeypatch):
    """Let files written now count as written long ago."""
    monkeypatch.setattr(hashing, "RACY_NS", -(10**9))


@pytest.fixture
def reads(monkeypatch):
    """Names of the files whose content was read."""
    names = []
    read = Hasher._read
    monkeypatch.setattr(Hasher, "_read", lambda self, name: names.append(name) or read(self, name))
    return names


def test_files_are_read_once_and_remembered_by_the_next_process(tmp_path, old, reads):
    file, cache = tmp_path / "a", tmp_path / "cache" / "sha256.json"
    file.write_bytes(b"a")
    hasher = Hasher(cache)
    assert hasher.sha256(file) == hasher.sha256(str(file)) == sha256(b"a")
    hasher.save()
    assert Hasher(cache).sha256(file) == sha256(b"a")
    assert len(reads) == 1


def test_rewritten_file_is_read_again_even_if_size_and_mtime_are_kept(tmp_path, old):
    file = tmp_path / "a"
    file.write_bytes(b"a")
    hasher = Hasher(tmp_path / "cache.json")
    hasher.sha256(file)
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    time.sleep(0.02)  # more than a tick of the file system's clock
    file.write_bytes(b"b")
    os.utime(file, ns=times)
    assert hasher.sha256(file) == sha256(b"b")


def test_racy_file_is_never_trusted(tmp_path, reads):
    file, cache = tmp_path / "a", tmp_path / "cache.json"
    hasher = Hasher(cache)
    for content in (b"a", b"b", b"c"):  # perhaps within one tick
        file.write_bytes(content)
        os.utime(file, ns=(1, 1))
        assert hasher.sha256(file) == sha256(content)
    hasher.save()
    assert not cache.exists()
    assert len(reads) == 3


def test_without_cache_every_call_reads(tmp_path, old, reads):
    file = tmp_path / "a"
    file.write_bytes(b"a")
    hasher = Hasher(None)
    assert hasher.sha256(file) == hasher.sha256(file)
    hasher.save()
    assert len(reads) == 2


def test_saving_merges_and_a_damaged_cache_is_ignored(tmp_path, old):
    cache = tmp_path / "cache.json"
    hashers = [Hasher(cache), Hasher(cache)]
    for name, hasher in zip("ab", hashers, strict=True):
        (tmp_path / name).write_text(name)
        hasher.sha256(tmp_path / name)
        hasher.save()
    assert set(json.loads(cache.read_text())) == {str(tmp_path / "a"), str(tmp_path / "b")}
    for damage in ("", "[]", "null", '{"x": 3}', "\x00"):
        cache.write_text(damage)
        assert Hasher(cache).sha256(tmp_path / "a") == sha256(b"a")


def test_missing_files_and_folders_raise(tmp_path):
    with pytest.raises(FileNotFoundError):
        Hasher(None).sha256(tmp_path / "gone")
    with pytest.raises(IsADirectoryError):
        Hasher(tmp_path / "cache").sha256(tmp_path)
