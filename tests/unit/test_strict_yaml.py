"""Numbers mean what they look like; every mistake, made to do harm or not, is one line that names the file."""

import os

import pytest

from advtransfer.strict_yaml import LARGEST_FILE, read_yaml


def bomb(link, start="[x]", levels=40):
    """Lines of which each holds the one before ten times: 10 to the 40 values."""
    lines = [f"a0: &a0 {start}"]
    lines += [f"a{i}: &a{i} {link(', '.join([f'*a{i - 1}'] * 10))}" for i in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("text", "value"), [("3e-3", 0.003), ("1E5", 1e5), ("10", 10), ("010", 10), ("-7", -7), ("1.5", 1.5)]
)
def test_numbers_are_decimal(tmp_path, text, value):
    path = tmp_path / "a.yaml"
    path.write_text(f"key: {text}\n")
    assert read_yaml(path) == {"key": value}
    assert type(read_yaml(path)["key"]) is type(value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: {c: 1, c: 2}\n", "line 2: found the key 'c' again, expected it once"),
        (b"a: 1:30\n", "line 1: found '1:30', expected a decimal number"),
        (b"a: 0x1f\n", "line 1: found '0x1f', expected a decimal number"),
        (b"\xff\xfe", "found bytes that are no text"),
        (b"a: [1\n", "not YAML"),
        (b"[" * 5000, "nested too deeply, expected at most 64 levels"),
        (b"- " * 5000 + b"x", "nested too deeply"),
        (b"? " * 5000 + b"x", "nested too deeply"),
        (b"[" * 70 + b"]" * 70, "nested too deeply"),
        (bomb("[{}]".format, levels=2) + b"\n" + b"b: &b [*b]", "line 3: found a value that holds itself"),
        (bomb("[{}]".format), "found more than 100000 values, aliases (*) followed, expected fewer"),
        (bomb("{{<<: [{}]}}".format, "{k: 1}"), "found more than 100000 values, aliases (*) followed"),
        (
            b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (i, i, i - 1) for i in range(1, 3000)),
            "nested too deeply",
        ),
        (b"a: " + b"9" * 5000, "line 1: found '999"),
        (b"a: 1000000000000000000", "line 1: found '1000000000000000000', expected at most 18 digits"),
        (b"a: " + b"59:" * 100_000 + b"59.5", "too large"),
        (b"!!" * 100_000, "not YAML"),
        (b"? " + b"k" * 5000 + b"\n: 1\n? " + b"k" * 5000 + b"\n: 2", "found the key 'kkk"),
        (b"#" * (LARGEST_FILE + 1), f"more than {LARGEST_FILE} bytes, expected a file to read"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, content, said):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError) as raised:
        read_yaml(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < len(str(path)) + 400


def test_aliases_that_say_things_twice_are_read(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &a {x: [1, 2]}\nb: *a\nc: {<<: *a, y: 18446744073709551}\n")
    assert read_yaml(path) == {
        "a": {"x": [1, 2]},
        "b": {"x": [1, 2]},
        "c": {"x": [1, 2], "y": 18446744073709551},
    }


@pytest.mark.parametrize("kind", ["a pipe", "a link to a device", "a folder", "a link to itself"])
def test_what_is_no_regular_file_is_not_read(tmp_path, kind):
    path = tmp_path / "a.yaml"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind.endswith("device") else path)
    with pytest.raises(ValueError, match="expected a file to read") as raised:
        read_yaml(path)
    assert "\n" not in str(raised.value)
