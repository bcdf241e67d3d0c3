"""What a variant of deep networks may name as its perturbation: a block for every file in ``objectives/deep/kinds``.

The blocks are the arguments of ``make`` in these files, read from the source: importing an objective loads torch, which
would double the time that a plan takes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from advtransfer.objectives.deep import kinds, knobs
from advtransfer.params.blocks import Block

SMOOTHING = "smoothing"  # an argument of every objective, which the recipe gives


class OneObjective(Block):
    """What happens to the inputs during pre-training."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        return self._exactly_one()

    @property
    def name(self) -> str:
        """Of the objective that is given."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def module(self) -> str:
        """Where its code is."""
        return f"{kinds.__name__}.{self.name}"

    @property
    def replays(self) -> int:
        """Gradient steps that one batch is good for."""
        return getattr(getattr(self, self.name), "replays", 1)


def arguments(path: Path) -> type[Block]:
    """A block of the arguments of ``make`` in a file, described by its docstring.

    Raises ValueError for a file without such a function, or an argument whose type ``knobs`` does not know.
    """
    functions = {
        node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
    }
    if "make" not in functions:
        raise ValueError(
            f"{path}: found {', '.join(functions) or 'no function'}, expected make(*, .., smoothing)"
        )
    make = functions["make"]
    fields: dict[str, Any] = dict(_fields(make, path))
    if SMOOTHING not in (argument.arg for argument in make.args.kwonlyargs):
        raise ValueError(f"{path}: make has no argument {SMOOTHING}, expected one (of the labels)")
    title = "Deep" + path.stem.title().replace("_", "")  # an attack on digits is another block
    return create_model(title, __base__=Block, __doc__=ast.get_docstring(make), __module__=__name__, **fields)


def _fields(make: ast.FunctionDef, path: Path) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for argument in (*make.args.posonlyargs, *make.args.args):
        raise ValueError(f"{path}: make: found {argument.arg} before *, expected keyword arguments alone")
    known = {"Annotated": Annotated, "Literal": Literal, "Field": Field} | vars(knobs)
    for argument, default in zip(make.args.kwonlyargs, make.args.kw_defaults, strict=True):
        if argument.arg == SMOOTHING:
            continue
        if argument.annotation is None:
            raise ValueError(f"{path}: the argument {argument.arg} of make has no type")
        text = ast.unparse(argument.annotation)
        try:
            annotation = eval(text, known)  # noqa: S307 (our own source, as an import would run it)
        except NameError as error:
            raise ValueError(
                f"{path}: {argument.arg}: {text}: {error}, expected a type of knobs.py"
            ) from error
        yield argument.arg, (annotation, ... if default is None else ast.literal_eval(default))


def _known() -> dict[str, Any]:
    """name -> its block, or None, for every file."""
    (folder,) = map(Path, kinds.__path__)
    files = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
    return {path.stem: (arguments(path) | None, None) for path in files}


if TYPE_CHECKING:
    DeepPerturbation = OneObjective
else:
    DeepPerturbation = create_model(
        "DeepPerturbation", __base__=OneObjective, __doc__=OneObjective.__doc__, **_known()
    )
