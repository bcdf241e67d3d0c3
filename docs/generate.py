"""Hook of mkdocs: the reference of params.yaml and of the command line, from the code that reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from advtransfer.cli.commands import app
from advtransfer.params.model import Params

PICTURE = "reports/published.svg"

# Files of the repository have no place in the site: their link becomes their name.
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the published picture, so that it is kept in one place."""
    picture = Path(__file__).parents[1] / PICTURE
    files.append(File.generated(config, picture.name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fills the marks ``<!-- params -->`` and ``<!-- command line -->``."""
    for mark, make in (("<!-- params -->", params_reference), ("<!-- command line -->", command_reference)):
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    markdown = markdown.replace(f"../{PICTURE}", Path(PICTURE).name)  # pages are read in the repository, too
    return _OUTSIDE.sub(lambda link: link[1] if "`" in link[1] else f"`{link[1]}`", markdown)


def params_reference() -> str:
    """A heading and a table for the top level of params.yaml and for every block, in the order they are met."""
    schema = Params.model_json_schema()
    blocks: dict[str, dict[str, Any]] = {"top level": schema}
    for name in _met(schema, schema["$defs"], {}):
        blocks[name] = schema["$defs"][name]
    return "\n\n".join(_block(name, block) for name, block in blocks.items())


def command_reference() -> str:
    """A heading, the help and the options of every command."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return "\n\n".join(_command(name, command) for name, command in commands.items() if not command.hidden)


def _met(block: Any, blocks: dict[str, Any], seen: dict[str, None]) -> dict[str, None]:
    """Names of the blocks that one refers to, depth first."""
    for name in _referred(block):
        if name not in seen:
            seen[name] = None
            _met(blocks[name], blocks, seen)
    return seen


def _referred(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rsplit("/", 1)[1]
        for key, inner in value.items():
            if key not in ("$defs", "discriminator"):
                yield from _referred(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _referred(inner)


def _block(name: str, block: dict[str, Any]) -> str:
    needed = block.get("required", [])
    rows = [_row(key, about, key in needed) for key, about in block["properties"].items()]
    told = block.get("description", "").replace("``", "`")
    return "\n".join(
        [f"## {name}", "", told, "", "| key | type | default | |", "| --- | --- | --- | --- |", *rows]
    )


def _row(key: str, about: dict[str, Any], needed: bool) -> str:
    default = (
        "required" if needed else f"`{about.get('default')}`".replace("None", "none").replace("|", "\\|")
    )
    told = about.get("description", "").replace("|", "\\|").replace("``", "`")
    return f"| `{key}` | {_type(about)} | {default} | {told} |"


def _type(about: dict[str, Any]) -> str:
    """In words, with links to blocks."""
    if "$ref" in about:
        name = about["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "const" in about:
        return f"`{about['const']}`"
    if "enum" in about:
        return " or ".join(f"`{value}`" for value in about["enum"])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in about:
            kinds = (_type(one) for one in about[choice] if one.get("type") != "null")
            return " or ".join(dict.fromkeys(kinds))
    if about.get("type") == "array":
        return f"list of {_type(about.get('items', {}))}"
    inner = about.get("additionalProperties") or next(iter(about.get("patternProperties", {}).values()), None)
    if about.get("type") == "object":
        return f"name → {_type(inner)}" if isinstance(inner, dict) else "table"
    return {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}.get(
        about.get("type", ""), "any"
    )


def _command(name: str, command: Any) -> str:
    lines = [f"## advtransfer {name}", "", *_paragraphs(command.help or "")]
    options = [parameter for parameter in command.params if parameter.name != "help"]
    if options:
        lines += ["", "| option | default | |", "| --- | --- | --- |", *map(_option, options)]
    return "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    """The help, its examples as code, each a paragraph."""
    for line in text.splitlines():
        told, colon, example = line.partition("Example: ")
        yield from (f"{told}Example: `{example}`", "") if colon else (line,)


def _option(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts) if parameter.opts else ""
    shown = f"`{parameter.name.upper()}`" if parameter.param_type_name == "argument" else names
    variable = f" (or the variable `{parameter.envvar}`)" if parameter.envvar else ""
    default = (
        ""
        if parameter.default in (None, "", (), []) or callable(parameter.default)
        else f"`{parameter.default}`"
    )
    return f"| {shown} | {default} | {(parameter.help or '').replace('|', chr(92) + '|')}{variable} |"
