"""How commands show themselves: help that fits on a screen, colours where wanted, results as text or as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from typer import Context
from typer.core import TyperGroup

# typer's own words for its two options would take three more rows of the screen.
_COMPLETION = {
    "install_completion": "Set up completion in this shell.",
    "show_completion": "Print what that would set up.",
}


class Screen(TyperGroup):
    """The group of all commands."""

    def get_params(self, ctx: Context) -> list[Any]:  # type: ignore[override]
        """The options of the group, each with a help of one line."""
        params: list[Any] = list(super().get_params(ctx))
        for option in params:
            option.help = _COMPLETION.get(option.name, option.help)
        return params

    def main(self, *arguments: Any, **extra: Any) -> Any:
        """Runs a command. A variable NO_COLOR that is not empty keeps help and errors free of escape codes."""
        if os.environ.get("NO_COLOR"):
            from typer import rich_utils

            rich_utils.COLOR_SYSTEM = None  # by itself Rich drops colours, yet keeps what is bold or dim
            extra.setdefault("color", False)
        return super().main(*arguments, **extra)


@contextlib.contextmanager
def only_results(as_json: bool) -> Iterator[None]:
    """While it lasts, what is printed goes to stderr if stdout is to hold one JSON document and nothing else."""
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        yield


def show(as_json: bool, document: Any, text: str) -> None:
    """Prints a result, for a script or for a person; nothing for an empty text."""
    if as_json:
        print(json.dumps(document, indent=1))
    elif text:
        print(text)
