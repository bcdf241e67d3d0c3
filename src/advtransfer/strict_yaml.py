"""YAML as the project reads it: numbers as in YAML 1.2, every key once, every mistake one line."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from advtransfer.regular_files import read_text


class _Loader(yaml.SafeLoader):
    """YAML 1.2 numbers (``3e-3`` is one, ``010`` is ten, as DVC reads them) and no key twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Looks for twins here because later, merge keys (``<<``) make them on purpose."""
        node = super().compose_mapping_node(anchor)
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, _ in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and names[key.value] > 1:
                line = key.start_mark.line + 1
                raise ValueError(f"line {line}: found the key {key.value!r} again, expected it once")
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Decimal only: YAML 1.1 reads 010 as eight and 1:30 as ninety."""
        text = self.construct_scalar(node)
        if not re.fullmatch(r"[-+]?[0-9]+", text):
            raise ValueError(f"line {node.start_mark.line + 1}: found {text!r}, expected a decimal number")
        return int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> Any:
    """The content of a file. Raises ValueError with one line, the file's name in front, for any mistake in it."""
    try:
        return parse_yaml(read_text(path))
    except OSError as error:
        problem = f"{error.strerror or error}, expected a file to read".lower()
    except UnicodeDecodeError as error:
        problem = f"found bytes that are no text (byte {error.start}), expected UTF-8"
    except ValueError as error:
        problem = str(error)
    raise ValueError(f"{path}: {problem}")


def parse_yaml(text: str) -> Any:
    """The content of a text. Raises ValueError with one line for any mistake in it."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        problem = f"not YAML: {' '.join(str(error).split())}"
    except RecursionError:
        problem = "not YAML: nested too deeply"
    raise ValueError(problem)
