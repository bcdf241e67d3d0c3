import ast
import io
import json
import tokenize
from pathlib import Path

import pytest

from advtransfer.provenance import closure
from advtransfer.provenance.closure import changed_modules, code_hashes, find_module, forget, hash_source

SOURCE = '''"""Module."""
import os  # keep


class A:
    """Doc # not a comment
    of two lines."""

    text = """a

    # b  \x20
    """   # comment with a quote: "


def f(x, *, ä="ä"):  \x20
    "ü"; y = 'it\\'s # no comment'
    return f"{x:#x} # {y!r}" \\
        + r"\\\\"  # tail
'''


def test_hash_is_the_same_under_every_python():
    assert hash_source(SOURCE) == "08d44ccdaacd18d9"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# keep", "# other, with \"quotes''' and a \\"),
        ("# keep", ""),
        ('"""Module."""\n', "\n\n"),
        ('"""Module."""', "'Other' ' words'"),
        ("Doc # not a comment\n    of two lines.", "Ä\n\n\n# x  "),
        ('    "ü"; y', '    """é\n    è"""; y'),
        ("\n\n\nclass", "\nclass"),
        ("\n\n\ndef", "\n   \n\t\n# comment\n      # another\ndef"),
        ("(x, *, ä", "(x, *, ä"),
        ("import os", "import os   "),
        ("\n", "\r\n"),
    ],
)
def test_hash_ignores_comments_docstrings_and_blank_lines(old, new):
    assert old in SOURCE
    # read as files are read: with universal newlines
    edited = io.TextIOWrapper(io.BytesIO(SOURCE.replace(old, new).encode()), encoding="utf-8").read()
    assert hash_source(edited) == hash_source(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import os", "import sys"),
        ("a\n\n    # b", "a\n    # b"),
        ("# b   \n", "# b\n"),
        ("# b", "# c"),
        ("it\\'s # no comment", "it\\'s # a comment"),
        (":#x}", ":#o}"),
        ("# {y!r}", "# {y!s}"),
        ("import os", "import os, sys"),
        ('ä="ä"', 'ä="a"'),
        ("def f", "async def f"),
    ],
)
def test_hash_moves_with_every_other_edit(old, new):
    assert old in SOURCE
    assert hash_source(SOURCE.replace(old, new)) != hash_source(SOURCE)


def test_hash_ignores_blanks_at_the_end_of_the_file():
    assert hash_source("x = 1") == hash_source("\n\nx = 1  \n\n  ") != hash_source("x = 1;")


@pytest.mark.parametrize("module", [json.decoder, ast, tokenize, io, closure, pytest])
def test_comments_are_those_of_the_standard_tokenizer(module):
    text = closure._read(Path(module.__file__))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    expected = [token.string for token in tokens if token.type == tokenize.COMMENT]
    assert [match.group() for match in closure._LEXEME.finditer(text) if match.group()[0] == "#"] == expected


def test_closure_follows_every_kind_of_import(source, write):
    write("pkg/__init__.py", "")
    write(
        "pkg/main.py",
        "import pkg.a\nfrom pkg import b, name\nfrom .sub import c\nfrom . import d\nimport numpy, os.path",
    )
    write("pkg/a.py", "def f():\n    from pkg.e import x\n")
    write(
        "pkg/b.py",
        "import importlib\nimportlib.import_module('pkg.g')\n__import__('pkg.h')\n__import__(name)",
    )
    write("pkg/sub/__init__.py", "from ..i import z")
    write(
        "pkg/sub/c.py",
        "import importlib as i\ni.import_module('..j', package='pkg.sub')\nfrom pkg.many import *",
    )
    write("pkg/many/__init__.py", "__all__ = ['k']")
    for name in ["d", "e", "g", "h", "i", "j", "many/k", "unused"]:
        write(f"pkg/{name}.py", "")
    found = set(code_hashes("pkg.main", source=source))
    names = ["main", "a", "b", "sub", "sub.c", "d", "e", "g", "h", "i", "j", "many", "many.k"]
    assert found == {"pkg", *(f"pkg.{name}" for name in names)}


def test_closure_survives_circles_and_prefers_packages(source, write):
    write("a.py", "import b.c")
    write("b/c.py", "import a, d")
    package, _ = write("d/__init__.py", ""), write("d.py", "import e")
    write("e.py", "")
    assert set(code_hashes("a", source=source)) == {"a", "b.c", "d"}
    assert find_module("d", source) == package


def test_closure_includes_what_notebooks_import(source, write, tmp_path):
    write("main.py", "")
    write("plots.py", "import style")
    write("style.py", "")
    code = ["%load_ext x\n", "!ls\n", "    %matplotlib inline\n", "from plots import draw\n"]
    cells = [
        {"cell_type": "markdown", "source": "import nothing"},
        {"cell_type": "code", "source": code},
        {"cell_type": "code", "source": "%%bash\nfor x in; do"},
    ]
    notebook = tmp_path / "page.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    assert set(code_hashes("main", [notebook], source=source)) == {"main", "plots", "style"}

    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "import ("}]}))
    forget()
    with pytest.raises(ValueError, match=r"page\.ipynb: code cell 0, line 1"):
        code_hashes("main", [notebook], source=source)
    notebook.write_text("{}")
    with pytest.raises(ValueError, match="not a notebook"):
        code_hashes("main", [notebook], source=source)


def test_hashes_are_cached_until_forgotten_but_changes_are_always_seen(source, write):
    write("a.py", "import b")
    write("b.py", "x = 1")
    before = code_hashes("a", source=source)
    assert changed_modules(before, source) == []
    write("b.py", "x = 2")
    assert code_hashes("a", source=source) == before
    assert changed_modules(before, source) == ["b"]
    forget()
    assert code_hashes("a", source=source)["b"] != before["b"]
    (source / "b.py").unlink()
    assert changed_modules(before, source) == ["b"]


def test_errors_name_the_module_or_file(source, write):
    with pytest.raises(ModuleNotFoundError, match="no module gone"):
        code_hashes("gone", source=source)
    write("a.py", "import b")
    write("b.py", "def")
    with pytest.raises(SyntaxError) as caught:
        code_hashes("a", source=source)
    assert str(caught.value.filename).endswith("b.py")
