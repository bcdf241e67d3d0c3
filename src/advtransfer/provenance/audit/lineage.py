"""From a published number back to the raw data, one sealed job at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.seal import SUFFIX, Seal

# Where jobs write, as against raw files: what lies there without a readable seal proves nothing.
_MADE = ("results/", "data/prepared/", "data/pseudo_labels/", "reports/rendered/")
# Which inputs of a job a number rests on; for most jobs all of them.
Follow = Callable[[Seal], Iterable[str]]


def everything(seal: Seal) -> Iterable[str]:
    """Follows every input."""
    return seal.spec.input_paths


def chain(path: str, evidence: Evidence, follow: Follow = everything) -> list[str]:
    """The jobs (by primary output) and raw files that ``path`` rests on, from it backwards, each once."""
    found: dict[str, None] = {}
    todo = [path]
    while todo:
        name = todo.pop(0).removesuffix(SUFFIX)
        seal = evidence.makers.get(name)
        key = seal.spec.primary if seal else name
        if key not in found:
            found[key] = None
            todo += follow(seal) if seal else ()
    return list(found)


def broken(steps: Iterable[str], evidence: Evidence) -> list[str]:
    """Steps that are neither a sealed job nor a raw file that is there: where the chain ends in nothing."""
    return [
        name
        for name in steps
        if name not in evidence.seals and (name.startswith(_MADE) or evidence.sha256(name) is None)
    ]


def describe(primary: str, evidence: Evidence) -> dict[str, Any]:
    """A step of a chain as a JSON value: what ran on what, with which code, where and for how long; or a raw file.

    An artifact that no readable seal vouches for is told under ``unsealed``.
    """
    seal = evidence.seals.get(primary)
    if seal is None:
        kind = "unsealed" if primary.startswith(_MADE) else "raw"
        return {kind: primary, "sha256": evidence.tellable(primary)}
    spec = seal.spec
    return {
        "rule": spec.rule,
        "stage": spec.stage,
        "wildcards": spec.wildcards,
        "params": spec.params,
        "code": spec.code,
        "inputs": {path: seal.sha256[path] for path in spec.input_paths},
        "outputs": {path: seal.sha256[path] for path in spec.output_paths},
        "seal": seal.id,
        "made": seal.told,
    }
