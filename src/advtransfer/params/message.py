"""One line for a person, from the list of errors that pydantic finds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from advtransfer.params.blocks import Impossible
from advtransfer.params.model import Params, Study

Location = tuple[str | int, ...]

# pydantic's type of error -> what is expected, filled with the error's context
_EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "keys with values",
    "literal_error": "{expected}",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} value(s)",
    "too_long": "at most {max_length} value(s)",
    "string_too_short": "at least {min_length} character(s)",
    "string_too_long": "at most {max_length} character(s)",
    "string_pattern_mismatch": "lower-case letters and digits, in groups joined by single hyphens",
}


def one_line(error: ValidationError) -> str:
    """The first error, or a misspelt key if there is one: it explains the key that is missing."""
    found = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return _describe(found[0]) + more


def _describe(error: Mapping[str, Any]) -> str:
    """``key: found this, expected that``."""
    loc, kind, context = error["loc"], error["type"], error.get("ctx", {})
    if kind.startswith("union_tag") or kind == "model_attributes_type":
        return _unknown_kind(error)
    model, field = _at(loc)
    about = f": {field.description}" if field and field.description else ""
    if kind == "extra_forbidden":
        model, _ = _at(loc[:-1])
        return f"{_key(loc)}: found an unknown key, expected {_nearest(str(loc[-1]), model)}"
    if kind == "missing":
        return f"{_key(loc)}: found nothing, expected {about.removeprefix(': ') or 'a value'}"
    if kind == "value_error":
        problem = context["error"]
        below = (problem.key,) if isinstance(problem, Impossible) and problem.key else ()
        return f"{_key(loc, *below)}: {problem}"
    if kind == "model_type":
        expected = f"the keys {', '.join(model.model_fields)}" if model else "keys with values"
    else:
        pattern = _EXPECTED.get(kind, error["msg"].replace("{", "{{").replace("}", "}}"))
        expected = pattern.format(**context)
    if loc and loc[-1] == "[key]":
        return f"{_key(loc[:-2])}: found the name {_shown(error['input'])}, expected {expected}"
    return f"{_key(loc)}: found {_shown(error['input'])}, expected {expected}{about}"


def _unknown_kind(error: Mapping[str, Any]) -> str:
    """A study block that says no kind, or one that there is not; or that is no block at all."""
    kinds = f"{', '.join(_KINDS[:-1])} or {_KINDS[-1]}"
    block = error["input"]
    if not isinstance(block, Mapping):
        return f"{_key(error['loc'])}: found {_shown(block)}, expected a block of kind {kinds}"
    found = _shown(block["kind"]) if "kind" in block else "nothing"
    return f"{_key(error['loc'], 'kind')}: found {found}, expected {kinds}"


def _key(loc: Location, *below: str) -> str:
    """The path of a key; what is no plain name is quoted, so that the message stays one line."""
    if loc[:1] == ("studies",) and loc[2:3] != ("[key]",):
        loc = (*loc[:2], *loc[3:])  # without the kind, by which pydantic tells the study blocks apart
    plain = [part if re.fullmatch(r"[\w-]{1,60}", part) else _shown(part) for part in map(str, loc)]
    return ".".join([*plain, *below]) or "top level"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _nearest(name: str, model: type[BaseModel] | None) -> str:
    known = list(model.model_fields) if model else []
    close = difflib.get_close_matches(name, known, n=1)
    return close[0] if close else f"one of {', '.join(known)}"


def _at(loc: Location) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The model that params.yaml holds at ``loc``, if any, and the innermost field around it."""
    current: Any = Params
    field: FieldInfo | None = None
    for part in loc:
        current = _unwrapped(current)
        if _is_model(current):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        elif len(kinds := _models(current)) > 1:
            current, field = kinds.get(str(part)), None
        elif get_origin(current) is dict:
            current, field = get_args(current)[1], None
        else:
            current = next(iter(get_args(current)), None)
    current = _unwrapped(current)
    return current if _is_model(current) else None, field


def _models(annotation: Any) -> dict[str, type[BaseModel]]:
    """Kind -> model, of a union of study blocks."""
    models = [m for m in get_args(annotation) if _is_model(m) and "kind" in m.model_fields]
    return {get_args(m.model_fields["kind"].annotation)[0]: m for m in models}


def _unwrapped(annotation: Any) -> Any:
    """``X`` of ``X | None`` and of ``Annotated[X, ...]``."""
    while hasattr(annotation, "__metadata__") or type(None) in get_args(annotation):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


_KINDS = list(_models(_unwrapped(Study)))
