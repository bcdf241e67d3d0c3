"""YAML as the project reads it: numbers as in YAML 1.2, every key once, every mistake one line."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from advtransfer.regular_files import read_text

# Far above what studies need, and read in seconds: a file beyond them is a mistake, or meant to do harm.
_LONGEST_REASON = 300
LARGEST_FILE, MOST_VALUES, DEEPEST = 2 * 2**20, 100_000, 64


class _Loader(yaml.SafeLoader):
    """YAML 1.2 numbers (``3e-3`` is one, ``010`` is ten, as DVC reads them) and no key twice."""

    def get_single_data(self) -> Any:
        """Weighs the document before it is constructed: a few lines of aliases may stand for billions of values."""
        node = self.get_single_node()
        if node is None:
            return None
        _Weights().of(node)
        return self.construct_document(node)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Looks for twins here because later, merge keys (``<<``) make them on purpose."""
        node = super().compose_mapping_node(anchor)
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, _ in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and names[key.value] > 1:
                line = key.start_mark.line + 1
                raise ValueError(f"line {line}: found the key {_shown(key.value)} again, expected it once")
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Decimal only: YAML 1.1 reads 010 as eight and 1:30 as ninety."""
        text = self.construct_scalar(node)
        line = node.start_mark.line + 1
        if not re.fullmatch(r"[-+]?[0-9]+", text):
            raise ValueError(f"line {line}: found {_shown(text)}, expected a decimal number")
        if (
            len(text.lstrip("+-0")) > 18
        ):  # more are beyond what 64 bits hold, and 4,300 beyond what int() takes
            raise ValueError(f"line {line}: found {_shown(text)}, expected at most 18 digits")
        return int(text)


class _Weights:
    """How many values nodes hold, and how deep, when every alias is followed; each node is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}

    def of(self, node: yaml.Node) -> tuple[int, int]:
        """Number of values and levels. ValueError, with the line, for too many and for a value that holds itself."""
        if id(node) not in self._known:
            self._known[id(node)] = (0, 0)  # what is met again below itself
            within = [self._below(child, node) for child in _children(node)]
            count = 1 + sum(values for values, _ in within)
            depth = 1 + max((levels for _, levels in within), default=0)
            if count > MOST_VALUES:
                raise ValueError(
                    f"line {node.start_mark.line + 1}: found more than {MOST_VALUES} values, aliases (*) followed, "
                    "expected fewer"
                )
            if depth > DEEPEST:
                raise RecursionError
            self._known[id(node)] = (count, depth)
        return self._known[id(node)]

    def _below(self, child: yaml.Node, node: yaml.Node) -> tuple[int, int]:
        if self._known.get(id(child)) == (0, 0):
            raise ValueError(
                f"line {node.start_mark.line + 1}: found a value that holds itself (an alias, *)"
            )
        return self.of(child)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> Any:
    """The content of a file. Raises ValueError with one line, the file's name in front, for any mistake in it."""
    try:
        return parse_yaml(read_text(path, LARGEST_FILE))
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
        problem = f"not YAML: {' '.join(str(error).split())[:_LONGEST_REASON]}"
    except RecursionError:
        problem = f"nested too deeply, expected at most {DEEPEST} levels"
    except (ValueError, OverflowError) as error:
        problem = str(error)
    raise ValueError(problem)
