"""From YAML text to a validated ``Params``, or to one line that says what to mend."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from advtransfer.params.message import one_line
from advtransfer.params.model import Params
from advtransfer.strict_yaml import read_yaml


class ParamsError(ValueError):
    """One line: which key of which file, what was found, what is expected."""


def load_params(path: Path | str) -> Params:
    """Reads and validates the file.

    Raises:
        ParamsError: the file is missing, is no YAML or does not describe a possible set of studies.
    """
    try:
        return Params.model_validate(read_yaml(Path(path)))
    except ValidationError as error:
        raise ParamsError(f"{path}: {one_line(error)}") from None
    except ValueError as error:
        raise ParamsError(str(error)) from None
