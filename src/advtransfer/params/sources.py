"""Functions as their files state them: importing an objective or a measure loads torch, longer than a plan takes."""

from __future__ import annotations

import ast
from pathlib import Path

_PLAIN = ("bool", "int", "float", "str", "list", "dict", "None")


def files(folder: Path) -> dict[str, Path]:
    """name -> file, of what a folder offers: one module each, none whose name begins with _ or a dot."""
    found = sorted(folder.glob("*.py"))
    return {path.stem: path for path in found if not path.stem.startswith(("_", "."))}


class Source:
    """One file, parsed. ValueError, in one line that names it, if it is no Python."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        except (OSError, SyntaxError, ValueError) as error:
            raise self.wrong(f"cannot be read: {error}") from None

    def wrong(self, problem: str) -> ValueError:
        """What is wrong with the file."""
        return ValueError(f"{self.path}: {problem}")

    def function(self, name: str, form: str) -> ast.FunctionDef:
        """The function of that name; ``form`` says what it should look like."""
        functions = {node.name: node for node in self._tree.body if isinstance(node, ast.FunctionDef)}
        if name not in functions:
            raise self.wrong(f"found {', '.join(functions) or 'no function'}, expected {form}")
        return functions[name]

    def number(self, name: str, otherwise: int) -> int:
        """An integer that the file states as ``name = 4``."""
        stated = [
            node.value.value
            for node in self._tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            if any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        ]
        return next((value for value in stated if type(value) is int), otherwise)

    def annotation(self, argument: ast.arg, *homes: str) -> str:
        """The type of an argument as text, made of Python's own and of names imported from the modules ``homes``."""
        if argument.annotation is None or isinstance(argument.annotation, ast.Constant):
            raise self.wrong(f"the argument {argument.arg} has no type")
        imported = {
            alias.name
            for node in self._tree.body
            if isinstance(node, ast.ImportFrom) and node.module in homes
            for alias in node.names
            if alias.asname is None
        }
        names = {node.id for node in ast.walk(argument.annotation) if isinstance(node, ast.Name)}
        if unknown := sorted(names - imported - set(_PLAIN)):
            expected = f"Python's types and names imported from {', '.join(homes)}"
            raise self.wrong(f"{argument.arg}: found the type {unknown[0]}, expected {expected}")
        return ast.unparse(argument.annotation)

    def default(self, argument: ast.arg, value: ast.expr) -> object:
        """A default that is written out."""
        try:
            return ast.literal_eval(value)
        except ValueError:
            text = ast.unparse(value)
            raise self.wrong(
                f"{argument.arg}: found the default {text}, expected a number or text written out"
            ) from None
