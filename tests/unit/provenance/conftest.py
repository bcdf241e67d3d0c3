"""A small first-party package and ready-made specs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advtransfer.provenance.spec import Spec


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of the first-party code."""
    folder = tmp_path / "src"
    folder.mkdir()
    return folder


@pytest.fixture
def write(source: Path) -> Callable[[str, str], Path]:
    """Write a file of the first-party code."""

    def write_file(path: str, text: str) -> Path:
        file = source / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write_file


@pytest.fixture
def make_spec() -> Callable[..., Spec]:
    """A spec in which every field may be replaced."""

    def make(**fields: Any) -> Spec:
        defaults: dict[str, Any] = {
            "rule": "train",
            "stage": "pkg.train",
            "wildcards": {"seed": "0"},
            "params": {"attack": {"eps": 0.5, "steps": 7}, "layers": [1, 2]},
            "code": {"pkg": "0" * 16, "pkg.train": "1" * 16},
            "inputs": {"data": ["raw/a", "raw/b"], "labels": "raw/c"},
            "outputs": {"model": "out/model", "log": "out/log"},
        }
        return Spec(**{**defaults, **fields})

    return make
