"""What lies where a file belongs is read if it is a regular file, and else refused at once."""

import json
import os
import socket

import patience
import pytest

from advtransfer.regular_files import (
    IrregularFileError,
    open_regular,
    parse_json,
    printable,
    read_bytes,
    read_json,
    read_text,
    require_regular,
    why_unreadable,
)

pytestmark = pytest.mark.timeout(patience.limit(1))  # a test that waits at a pipe has failed


@pytest.fixture
def odd(tmp_path):
    """Name -> path of what is no regular file, and the words for it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    return tmp_path


@pytest.mark.parametrize("read", [open_regular, require_regular, read_bytes, read_text, read_json])
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("pipe", IrregularFileError, "no regular file (a pipe)"),
        ("zero", IrregularFileError, "no regular file (a device)"),
        ("socket", IrregularFileError, "no regular file (a socket)"),
        ("folder", IsADirectoryError, "is a directory"),
        ("gone", FileNotFoundError, "no such file or directory"),
        ("self", OSError, "too many levels of symbolic links"),
        ("a\0b", OSError, "no name of a file"),
        ("a\ud800", OSError, "no name of a file"),
    ],
)
def test_what_is_no_file_is_an_oserror_that_says_so(odd, read, name, error, words):
    with pytest.raises(error) as caught:
        read(odd / name)
    assert why_unreadable(caught.value) == words


def test_a_link_to_a_file_is_one(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"content"


def test_no_more_is_read_than_may_be(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(1000))
    assert len(read_bytes(file, 1000)) == 1000
    with pytest.raises(OSError, match="more than 999 bytes"):
        read_bytes(file, 999)
    os.truncate(file, 2**40)  # a terabyte that takes no room
    with pytest.raises(OSError, match="more than"):
        read_bytes(file)


def test_a_file_that_does_not_tell_its_size_is_read_to_its_end():
    with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123
        assert read_bytes("/proc/self/cmdline") == file.read()
    with pytest.raises(OSError, match="more than 3 bytes"):
        read_bytes("/proc/self/cmdline", 3)


def test_names_of_files_can_be_printed_whatever_their_bytes():
    assert printable("results/ä b") == "results/ä b"
    for name in ("a\n\x1b[2Jb", os.fsdecode(b"a\xff"), "\u202e"):
        assert printable(name).isascii() and printable(name).isprintable()
    assert printable("a\nb") == "a\\nb"


def test_json_is_read_as_ever_but_for_what_nobody_writes(tmp_path):
    value = {"a": [1, 2.5, None, {"b": "ä"}]}
    (tmp_path / "file").write_text(json.dumps(value))
    assert read_json(tmp_path / "file") == value
    for nested in ("[" * 100_000, "[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65):
        with pytest.raises(ValueError, match=r"nested too deeply|Expecting value"):
            parse_json(nested)
    assert parse_json("[" * 30 + "]" * 30)
