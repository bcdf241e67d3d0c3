"""Numbers mean what they look like, and every mistake is one line that names the file."""

import pytest

from advtransfer.strict_yaml import read_yaml


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
        (b"[" * 5000, "not YAML: nested too deeply"),
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
