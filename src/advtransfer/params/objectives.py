"""What a variant of deep networks may name as its perturbation: a block for every file in ``objectives/deep/kinds``.

The blocks are the arguments of ``make`` in these files, read from the source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)

from advtransfer.objectives.deep import kinds, knobs
from advtransfer.params.blocks import Block
from advtransfer.params.sources import Source, files

SMOOTHING = "smoothing"  # an argument of every objective, which the recipe gives
FORM = "make(*, .., smoothing)"
HOMES = (knobs.__name__, "pydantic", "typing")
KNOWN = {"Annotated": Annotated, "Literal": Literal, "Field": Field} | vars(knobs)


class OneObjective(Block):
    """What happens to the inputs during pre-training."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        return self._exactly_one()

    @property
    def kind(self) -> str:
        """The name of the objective that is given."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def module(self) -> str:
        """Where its code is."""
        return f"{kinds.__name__}.{self.kind}"

    @property
    def replays(self) -> int:
        """Gradient steps that one batch is good for."""
        return getattr(getattr(self, self.kind), "replays", None) or 1


def arguments(path: Path) -> type[Block]:
    """A block of the arguments of ``make`` in a file, described by its docstring.

    Raises ValueError, in one line that names the file, for one without such a function, or with an argument whose
    type or default params.yaml could not hold.
    """
    source = Source(path)
    make = source.function("make", FORM)
    for argument in (*make.args.posonlyargs, *make.args.args):
        raise source.wrong(f"make: found {argument.arg} before *, expected keyword arguments alone")
    if SMOOTHING not in (argument.arg for argument in make.args.kwonlyargs):
        raise source.wrong(f"make has no argument {SMOOTHING}, expected one (of the labels)")
    fields: dict[str, Any] = dict(_fields(make, source))
    title = "Deep" + path.stem.title().replace("_", "")  # an attack on digits is another block
    return create_model(title, __base__=Block, __doc__=ast.get_docstring(make), __module__=__name__, **fields)


def _fields(make: ast.FunctionDef, source: Source) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for argument, default in zip(make.args.kwonlyargs, make.args.kw_defaults, strict=True):
        if argument.arg == SMOOTHING:
            continue
        if argument.arg.startswith("_") or hasattr(Block, argument.arg):
            raise source.wrong(f"{argument.arg}: found a name that no key of params.yaml can have")
        text = source.annotation(argument, *HOMES)
        try:
            annotation = eval(text, dict(KNOWN))  # noqa: S307 (our own source, as an import would run it)
            known = TypeAdapter(annotation, config=ConfigDict(strict=True))
        except Exception as error:
            raise source.wrong(f"{argument.arg}: {text} is no type: {str(error).splitlines()[0]}") from None
        value = ... if default is None else _default(source, argument, default, known)
        yield argument.arg, (annotation, value)


def _default(source: Source, argument: ast.arg, written: ast.expr, known: TypeAdapter[Any]) -> Any:
    """As params.yaml would give it: a fraction is a number."""
    value = source.default(argument, written)
    try:
        value = known.validate_python(value)
    except ValidationError as error:
        raise source.wrong(f"{argument.arg}: the default {value!r}: {error.errors()[0]['msg']}") from None
    if value is not None and _bears_none(known):
        raise source.wrong(
            f"{argument.arg}: found a type that may be null and the default {value!r}, expected None"
        )
    return value


def _bears_none(known: TypeAdapter[Any]) -> bool:
    """A null in params.yaml is a key that is not there, so that the default would be taken for it."""
    try:
        return known.validate_python(None) is None
    except ValidationError:
        return False


def _kind(path: Path) -> Any:
    """The block of a file, or, of one that is no objective yet, a refusal for the variant that names it."""
    try:
        return arguments(path)
    except ValueError as error:
        return Annotated[object, BeforeValidator(_refusal(str(error)))]


def _refusal(problem: str) -> Any:
    def refuse(_: object) -> object:
        raise ValueError(problem)

    return refuse


(_FOLDER,) = map(Path, kinds.__path__)
if TYPE_CHECKING:
    DeepPerturbation = OneObjective
else:
    DeepPerturbation = create_model(
        "DeepPerturbation",
        __base__=OneObjective,
        __doc__=OneObjective.__doc__,
        **{name: (_kind(path) | None, None) for name, path in files(_FOLDER).items()},
    )
