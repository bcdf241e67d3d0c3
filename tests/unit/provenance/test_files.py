import os
import subprocess
import sys

import pytest

from advtransfer.provenance import files
from advtransfer.provenance.files import atomic_write, private_folder, sweep


def test_atomic_write_creates_folders_and_sets_the_time(tmp_path):
    path = tmp_path / "a" / "b"
    atomic_write(path, "ä\n", mtime_ns=10**9, durable=True)
    assert path.read_bytes() == "ä\n".encode()
    assert path.stat().st_mtime_ns == 10**9
    assert os.listdir(path.parent) == ["b"]  # noqa: PTH208


def test_failed_write_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(files, "flush", fail)
    with pytest.raises(OSError, match="disk full"):
        atomic_write(path, "new", durable=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "old"


def test_sweep_removes_what_dead_processes_of_this_machine_left(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = files._private_name()
    theirs = mine.replace(str(os.getpid()), str(dead.pid), 1)
    elsewhere = f".tmp-{dead.pid}-{'0' * 14}"
    for name in (mine, theirs, elsewhere, ".tmp-x", "keep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / (theirs + "0")).touch()
    sweep(tmp_path)
    sweep(tmp_path / "gone")
    assert {path.name for path in tmp_path.iterdir()} == {mine, elsewhere, ".tmp-x", "keep"}


def test_private_folder_is_removed_even_after_an_error(tmp_path):
    with pytest.raises(KeyError), private_folder(tmp_path / "new") as folder:
        (folder / "file").touch()
        raise KeyError
    assert not folder.exists()


def test_private_folder_is_not_removed_by_a_fork_that_unwinds(tmp_path):
    try:
        with private_folder(tmp_path) as folder:
            pid = os.fork()
            if not pid:
                raise InterruptedError
            os.waitpid(pid, 0)
            assert folder.is_dir()
    except InterruptedError:
        os._exit(0)
    assert not folder.exists()


def test_sweep_takes_a_killed_process_for_dead_before_it_is_reaped(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    folder = tmp_path / files._private_name().replace(str(os.getpid()), str(killed.pid), 1)
    folder.mkdir()
    sweep(tmp_path)
    assert folder.exists()
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the process table
    sweep(tmp_path)
    assert not folder.exists()
    killed.wait()
