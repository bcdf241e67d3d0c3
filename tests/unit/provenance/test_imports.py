import ast
import sys
from pathlib import Path

import pytest

from advtransfer import provenance

FILES = sorted(Path(provenance.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_provenance_needs_nothing_but_the_standard_library(file):
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    foreign = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert all(name.startswith("advtransfer.provenance") for name in foreign)
