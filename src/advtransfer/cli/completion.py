"""What the shell offers behind TAB: names of the project in the current folder, and nothing outside of one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advtransfer.strict_yaml import read_yaml

# Shells split, expand or evaluate what else a name of a foreign project might hold.
APART = ("image", "natural_image")  # kinds of studies that can be published apart
_PLAIN = re.compile(r"\w[\w.-]*", re.ASCII)


def studies(incomplete: str) -> list[str]:
    """Names of studies in params.yaml."""
    return _offered(_block("studies"), incomplete)


def studies_apart(incomplete: str) -> list[str]:
    """Names of studies that can be published apart."""
    content = _content()
    default = content.get("default_studies")
    known = default if isinstance(default, list) else []
    able = (
        name
        for name, about in _block("studies").items()
        if isinstance(about, dict) and about.get("kind") in APART and name not in known
    )
    return _offered(able, incomplete)


def image_sets(incomplete: str) -> list[str]:
    """Names of torchvision's sets among ``datasets`` of params.yaml."""
    sets = _block("datasets")
    able = [name for name, about in sets.items() if isinstance(about, dict) and about.get("torchvision")]
    return _offered(able, incomplete)


def profiles(incomplete: str) -> list[str]:
    """Names of folders in workflow/profiles that hold a config.yaml."""
    folders = (path.parent.name for path in Path("workflow/profiles").glob("*/config.yaml"))
    return _offered(sorted(folders), incomplete)


def _block(name: str) -> dict[Any, Any]:
    block = _content().get(name)
    return block if isinstance(block, dict) else {}


def _content() -> dict[Any, Any]:
    """What params.yaml holds; empty where there is none, or it is just being written."""
    try:
        content = read_yaml(Path("params.yaml"))
    except ValueError:
        return {}  # what is said behind TAB lands in the line that is typed
    return content if isinstance(content, dict) else {}


def _offered(names: Iterable[Any], incomplete: str) -> list[str]:
    plain = (name for name in names if isinstance(name, str) and _PLAIN.fullmatch(name))
    return [name for name in plain if name.startswith(incomplete)]
