"""From YAML text to a validated ``Params``, or to one line that says what to mend."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from advtransfer.params.message import one_line
from advtransfer.params.model import Params


class ParamsError(ValueError):
    """One line: which key of which file, what was found, what is expected."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2 numbers (``3e-3`` is one, as DVC reads it) and no key twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Looks for twins here because later, merge keys (``<<``) make them on purpose."""
        node = super().compose_mapping_node(anchor)
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, _ in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and names[key.value] > 1:
                line = key.start_mark.line + 1
                raise ParamsError(f"line {line}: found the key {key.value!r} again, expected it once")
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load_params(path: Path | str) -> Params:
    """Reads and validates the file.

    Raises:
        ParamsError: the file is missing, is no YAML or does not describe a possible set of studies.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
        return Params.model_validate(content)
    except OSError as error:
        problem = f"{error.strerror or error}, expected a file to read".lower()
    except UnicodeDecodeError as error:
        problem = f"found bytes that are no text (byte {error.start}), expected UTF-8"
    except yaml.YAMLError as error:
        problem = f"not YAML: {' '.join(str(error).split())}"
    except ValidationError as error:
        problem = one_line(error)
    except ParamsError as error:
        problem = str(error)
    raise ParamsError(f"{path}: {problem}")
