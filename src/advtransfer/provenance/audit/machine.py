"""On what did the jobs run, and is this that?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from advtransfer.circumstances import senseless
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.verdict import FAIL, PASS, UNCHECKED, Check
from advtransfer.provenance.environment import describe

# Name -> the values that some jobs have of it, sorted.
Circumstances = dict[str, list[str]]
# What can move the last bit of a number, beside packages and the variables that hold libraries to some instructions.
_DECISIVE = {
    "cpu": "processor",
    "maker": "maker of the processor",
    "architecture": "architecture",
    "device": "device",
    "interpreter": "interpreter",
    "threads": "threads",
}
# Versions that a person wants to read first.
_TOLD_FIRST = ("processor", "device", "interpreter", "torch", "numpy", "scipy")


def circumstances(made: Iterable[Mapping[str, Any]]) -> Circumstances:
    """On what some jobs ran, from the `made` of their seals: all that can move the last bit of a number."""
    found: dict[str, set[str]] = {}
    for about in made:
        for name, value in _decisive(about):
            found.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in sorted(found.items())}


def _decisive(made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name in _DECISIVE.items():
        if made.get(key):
            yield name, str(made[key])
    _, told, libc = (made.get("platform") or "").partition("-with-")
    if told:
        yield "C library", libc
    for name, version in (made.get("packages") or {}).items():
        yield name, str(version)
    if made.get("caps") is not None:  # older seals do not tell
        yield (
            "held to",
            " ".join(f"{name}={value}" for name, value in sorted(made["caps"].items())) or "nothing",
        )


def differences(
    here: Mapping[str, Sequence[str]], there: Mapping[str, Sequence[str]], *, there_is: str = "published"
) -> list[str]:
    """In what two circumstances differ, one line each, processor and device first; of what only one tells, nothing.

    An empty list means that the same bytes are promised.
    """
    unlike = [name for name in here if name in there and list(here[name]) != list(there[name])]
    first = [name for name in _TOLD_FIRST if name in unlike]
    return [
        f"{name}: {' and '.join(here[name])} here, {' and '.join(there[name])} {there_is}"
        for name in [*first, *(name for name in unlike if name not in first)]
    ]


def environments(evidence: Evidence, published: Iterable[str]) -> Check:
    """Published jobs must share their versions, since variants are compared; other differences are told.

    What a seal tells of its job is not proved; that it makes no sense shows that somebody edited it.
    """
    if edited := [f"{p}: {line}" for p, seal in evidence.seals.items() for line in senseless(seal.made)]:
        return Check("environments", FAIL, "what seals tell of their jobs makes no sense", tuple(edited))
    made = {p: evidence.seals[p].told for p in published if p in evidence.seals}
    silent = [
        f"{primary}: its seal does not tell the environment"
        for primary in made
        if not made[primary].get("packages")
    ]
    if silent:
        return Check("environments", UNCHECKED, f"{len(silent)} seals do not tell", tuple(silent))
    if mixed := _mixed(made.values()):
        return Check("environments", FAIL, "published jobs ran with different versions", tuple(mixed))
    differences = list(_here_and_there(made, evidence))
    where = "this machine is like it" if not differences else f"{len(differences)} differences to here"
    reason = f"all {len(made)} published jobs ran with the same versions; {where}"
    return Check("environments", PASS, reason, tuple(differences))


def _mixed(made: Iterable[dict[str, Any]]) -> list[str]:
    """What has several versions; a package that some jobs do not tell of was installed later."""
    found: dict[str, set[str]] = {}
    for about in made:
        for name, version in {"interpreter": about.get("interpreter"), **about["packages"]}.items():
            found.setdefault(name, set()).add(str(version))
    return [
        f"{name}: {', '.join(sorted(versions))}"
        for name, versions in sorted(found.items())
        if len(versions) > 1
    ]


def _here_and_there(made: dict[str, dict[str, Any]], evidence: Evidence) -> Iterator[str]:
    here = _told(describe(evidence.root))
    there: dict[str, set[str]] = {}
    for about in made.values():
        for name, value in _told(about).items():
            there.setdefault(name, set()).add(value)
    for name in sorted(there):
        if others := sorted(there[name] - {here.get(name, "nothing")}):
            yield f"{name}: {', '.join(others)} there, {here.get(name, 'nothing')} here"


def _told(made: dict[str, Any]) -> dict[str, str]:
    """What is worth comparing, by name."""
    named = {"interpreter": "interpreter", "cpu": "processor", "lock_sha256": "hash of requirements.lock"}
    return {said: str(made.get(key)) for key, said in named.items()} | (made.get("packages") or {})


def same_kind(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two jobs' circumstances promise the same bits."""
    return not differences(circumstances([before]), circumstances([after]))
