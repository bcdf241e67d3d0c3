"""Read and check ``reports/claims.yaml``: which comparisons decide which claim."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from advtransfer.strict_yaml import read_yaml

Name = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Query(_Strict):
    """Which rows of the metrics table a claim is about."""

    protocol: Name
    shots: int = Field(ge=0, description="labelled target images per class; 0 = all")
    metric: Name = "accuracy"
    target: Name | None = Field(
        None, description="one target of the study; left out: the mean over all of them"
    )


class Pair(_Strict):
    variant: Name
    over: Name

    @model_validator(mode="after")
    def _two_variants(self) -> Pair:
        if self.variant == self.over:
            raise ValueError("expected two different variants")
        return self


class Rate(_Strict):
    """A power law: how the query's metric of one variant grows with a swept parameter (study kind linear_theory)."""

    over: Name = Field(description="the swept parameter")
    variant: Name
    exponent: float = Field(description="what theory says of the slope on log-log axes")


class Claim(_Strict):
    id: Name = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    claim: Name = Field(description="the family: C1, C2, C3, or what the baselines and controls are about")
    statement: Name
    study: Name
    query: Query
    compare: list[Pair] | None = Field(None, min_length=1)
    rate: Rate | None = None
    direction: Literal["greater", "less", "equal"] = "greater"
    margin: float | None = Field(
        None, gt=0, description="for equal: the largest difference that does not matter"
    )
    confidence: float = Field(0.95, gt=0.5, lt=1.0)

    @model_validator(mode="after")
    def _complete(self) -> Claim:
        if (self.compare is None) == (self.rate is None):
            raise ValueError("expected either compare or rate")
        if self.rate and (self.direction != "equal" or self.query.target is None):
            raise ValueError("expected direction: equal and a query.target beside rate")
        if (self.margin is None) == (self.direction == "equal"):
            raise ValueError("expected a margin with direction: equal, and with no other")
        return self


class _File(_Strict):
    claims: list[Any]


def load(path: Path) -> list[dict[str, Any]]:
    """The claims as plain dicts, defaults filled in.

    Raises ValueError with one line that names file, claim, key, what was found and what is expected.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict) or set(raw) != {"claims"} or not isinstance(raw["claims"], list):
        found = sorted(map(str, raw)) if isinstance(raw, dict) else type(raw).__name__
        raise ValueError(f"{path}: found {found}, expected one key 'claims' that holds a list")
    claims = [_claim(entry, f"{path}: claim {_label(entry, i)}") for i, entry in enumerate(raw["claims"])]
    _check_unique(claims, path)
    return claims


def of_study(claims: list[dict[str, Any]], study: str) -> list[dict[str, Any]]:
    """The claims that one study's claims stage gets as its params."""
    return [claim for claim in claims if claim["study"] == study]


def check_known(
    claims: list[dict[str, Any]], path: Path, studies: Mapping[str, Mapping[str, Collection[Any]]]
) -> None:
    """Raise ValueError where a claim asks for what its study does not measure.

    ``studies`` maps a study's name to the values it knows of any of ``variant``, ``protocol``, ``shots``,
    ``metric``, ``target``, ``rate`` and ``measurement`` (a variant with all of the query); a key that is not there is
    not checked.
    """
    for claim in claims:
        where = f"{path}: claim {claim['id']!r}"
        if claim["study"] not in studies:
            raise ValueError(
                f"{where}: key study: found {claim['study']!r}, expected one of {sorted(studies)}"
            )
        asked = [(f"query.{key}", key, value) for key, value in claim["query"].items() if value is not None]
        if rate := claim.get("rate"):
            asked.append(
                ("rate", "rate", f"{claim['query']['target']}: {rate['variant']} over {rate['over']}")
            )
        for i, pair in enumerate(claim.get("compare", ())):
            asked += [(f"compare.{i}.{side}", "variant", name) for side, name in pair.items()]
            setting = "{protocol} {metric} at {shots} shots".format(**claim["query"])
            asked += [
                (f"compare.{i}.{side}", "measurement", f"{name}: {setting}") for side, name in pair.items()
            ]
        for key, kind, value in asked:
            known = studies[claim["study"]].get(kind)
            if known is not None and value not in known:
                raise ValueError(
                    f"{where}: key {key}: found {value!r}, expected {_choice(kind, value, known)}"
                )


def _choice(kind: str, value: str, known: Collection[Any]) -> str:
    """What may stand there; of measurements only those of the same variant."""
    variant = f"{value}".partition(":")[0]
    near = [k for k in known if kind != "measurement" or k.startswith(f"{variant}: ")]
    return f"one of {sorted(near)}"


def _claim(entry: Any, where: str) -> dict[str, Any]:
    try:
        claim = Claim.model_validate(entry).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "(the whole entry)"
        raise ValueError(f"{where}: key {key}: {_complaint(first)}") from None
    return {k: v for k, v in claim.items() if v is not None}


def _complaint(error: Any) -> str:
    """What was found and what is expected, in the words of one pydantic error."""
    if error["type"] == "missing":
        return "found nothing, expected a value"
    if error["type"] == "extra_forbidden":
        return f"found {error['input']!r}, expected no such key"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    whole = isinstance(error["input"], dict) and not error["loc"]
    found = f"the keys {', '.join(map(str, error['input']))}" if whole else repr(error["input"])
    return f"found {found}, expected {message.removeprefix('expected ')}"


def _label(entry: Any, position: int) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    return repr(name) if name else f"number {position + 1}"


def _check_unique(claims: list[dict[str, Any]], path: Path) -> None:
    seen: set[tuple[str, str]] = set()
    for claim in claims:
        key = (claim["study"], claim["id"])
        if key in seen:
            raise ValueError(
                f"{path}: claim {claim['id']!r}: key id: found twice in study {claim['study']!r}, "
                "expected an id of its own"
            )
        seen.add(key)
