import ast
import sys
from pathlib import Path

import pytest

from advtransfer import circumstances, provenance, regular_files

FOLDER = Path(provenance.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
# What science and provenance share: modules that need the standard library alone.
SHARED = [circumstances, regular_files]


# what its own room may import beyond the standard library
MORE = {
    "crate": {"rocrate.model", "rocrate.rocrate"},
    "audit": {"advtransfer.strict_yaml", "dvc.exceptions", "dvc.repo", "dvc_objects.db"},
}


@pytest.mark.parametrize("module", SHARED, ids=lambda module: module.__name__)
def test_what_science_and_provenance_share_needs_the_standard_library_alone(module):
    nodes = ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not [name for name in names if name.split(".")[0] not in sys.stdlib_module_names]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(FOLDER).with_suffix("").as_posix())
def test_provenance_needs_nothing_but_the_standard_library(file):
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    foreign = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    foreign -= {module.__name__ for module in SHARED}
    room = file.parent.name
    if (
        file.stem == "children"
    ):  # what a command started is looked for among the processes, once it is told to end
        foreign.discard("psutil")
    if room not in MORE:
        assert not any(part in MORE for name in foreign for part in name.split(".")), "jobs would pay for it"
    assert all(name.startswith("advtransfer.provenance") for name in foreign - MORE.get(room, set()))
