"""Byte code that a full disk has cut off is removed; what is whole stays."""

import py_compile

from advtransfer.cli import bytecode


def test_what_was_cut_off_is_removed_and_nothing_else(tmp_path):
    compiled = {}
    for name in ("whole", "cut", "empty"):
        (tmp_path / f"{name}.py").write_text("VALUES = [1, 2, 3]\n" * 50)
        compiled[name] = tmp_path / py_compile.compile(tmp_path / f"{name}.py")
    compiled["cut"].write_bytes(compiled["cut"].read_bytes()[:60])
    compiled["empty"].write_bytes(b"")
    bytecode.mend(tmp_path, tmp_path)
    assert {name for name, file in compiled.items() if file.exists()} == {"whole"}
