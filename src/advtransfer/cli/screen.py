"""How commands show themselves: help that fits on a screen, colours where wanted, results as text or as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Context
from typer.core import TyperGroup

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON instead of text.")]
# typer's own words for its two options would take three more rows of the screen.
_COMPLETION = {
    "install_completion": "Set up completion in this shell.",
    "show_completion": "Print what that would set up.",
}
_ANYWHERE = ("job",)  # the guard's spec tells it all: a node of a cluster may run it elsewhere


class Screen(TyperGroup):
    """The group of all commands."""

    def get_params(self, ctx: Context) -> list[Any]:  # type: ignore[override]
        """The options of the group, each with a help of one line."""
        params: list[Any] = list(super().get_params(ctx))
        for option in params:
            option.help = _COMPLETION.get(option.name, option.help)
        return params

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        """The context of a call. A wrong option of the program ends it with one line."""
        with _one_line():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: Context) -> Any:  # type: ignore[override]
        """Runs a command. One that is wrongly called ends with one line."""
        with _one_line():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:  # type: ignore[override]
        """The command that is called. Ends with one line where it needs a project and there is none."""
        found = super().resolve_command(ctx, args)
        helped = ctx.resilient_parsing or "--help" in args  # TAB and help are for anywhere
        if not helped and found[0] not in _ANYWHERE and not Path("params.yaml").is_file():
            print(
                f"{Path.cwd()}: no advtransfer project here (no params.yaml); go to its top folder",
                file=sys.stderr,
            )
            raise typer.Exit(2)
        return found

    def main(self, *arguments: Any, **extra: Any) -> Any:
        """Runs a command. A variable NO_COLOR that is not empty keeps help and errors free of escape codes."""
        if os.environ.get("NO_COLOR"):
            from typer import rich_utils

            rich_utils.COLOR_SYSTEM = None  # by itself Rich drops colours, yet keeps what is bold or dim
            extra.setdefault("color", False)
        return super().main(*arguments, **extra)


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """Ends the program with one line and exit code 2 if a command is wrongly called."""
    try:
        yield
    except typer.TyperException as error:
        said = " ".join(error.format_message().split()).rstrip(".")
        if not said:
            raise  # no mistake, but a call without a command, which is answered with the help
        context: Context | None = getattr(error, "ctx", None)
        program = context.command_path if context else "advtransfer"
        print(f"{said}; see {program} --help", file=sys.stderr)
        raise typer.Exit(2) from None


def print_version(wanted: bool) -> None:
    """Prints the version, if wanted, and ends the program."""
    if wanted:
        print(f"advtransfer {version('advtransfer')}")
        raise typer.Exit


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
