"""Why is an artifact stale; and if it is fresh, what is it made of?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advtransfer.provenance.hashing import Hasher, hash_cache
from advtransfer.provenance.seal import SUFFIX, Seal, find_seal, why_stale
from advtransfer.provenance.spec import Spec, SpecError, load_spec, spec_path

FRESH, STALE, RAW, UNKNOWN = "fresh", "stale", "raw", "unknown"
_SHORT = 12


@dataclass(frozen=True)
class Node:
    """A file of a lineage: its SHA-256 as it was sealed, the seal of its job (raw files have none), what that read.

    ``stale`` is why the job would run again. A file that the lineage holds further up already is only named here.
    """

    path: str
    sha256: str | None = None
    seal: Seal | None = None
    stale: str | None = None
    inputs: tuple[Node, ...] = ()
    above: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        if self.above:
            return {"path": self.path, "above": True}
        made = (
            {"stage": self.seal.spec.stage, "rule": self.seal.spec.rule, "seal": self.seal.id}
            if self.seal
            else {}
        )
        return {
            "path": self.path,
            "sha256": self.sha256,
            **made,
            "stale": self.stale,
            "inputs": [node.to_dict() for node in self.inputs],
        }

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The file and, indented, what it was made from."""
        stale = f" STALE: {self.stale}" if self.stale else ""
        yield f"{'  ' * depth}{self.path} ({self._label()}){stale}"
        for node in self.inputs:
            yield from node.lines(depth + 1)

    def _label(self) -> str:
        if self.above:
            return "above"
        if self.seal is None:
            return f"raw, sha256 {(self.sha256 or 'unknown')[:_SHORT]}"
        git = self.seal.made.get("git") or {}
        commit = git.get("commit", "no commit")[:_SHORT] + ("+edits" if git.get("dirty") else "")
        date = self.seal.made.get("started", "no date")[:10]
        return f"seal {self.seal.id[:_SHORT]}, rule {self.seal.spec.rule}, {commit}, {date}"


@dataclass(frozen=True)
class Explanation:
    """The state of a file: fresh with its lineage, or stale, raw or unknown for a reason.

    ``primary`` is the first output of the job that makes the file, and stands for it; None if no job does.
    """

    path: str
    state: str
    reason: str | None = None
    primary: str | None = None
    lineage: Node | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        lineage = self.lineage.to_dict() if self.lineage else None
        return {
            "path": self.path,
            "state": self.state,
            "reason": self.reason,
            "primary": self.primary,
            "lineage": lineage,
        }

    def text(self) -> str:
        """The reason in one line, or the lineage as a tree."""
        if self.lineage:
            return "\n".join(self.lineage.lines())
        return f"{self.primary or self.path}: {self.reason}"


def explain(path: Path | str, root: Path) -> Explanation:
    """Why the artifact at `path` is stale; or its lineage down to the raw files.

    Stale means: other than the spec files in `.snakemake/spec` say, which a dry run of Snakemake brings up to
    date; without one, other than its own seal says. `path` is relative to `root` or absolute, and may be any
    output of a job, or its seal. In the lineage each file is explained where it appears first, and upstream
    artifacts that are stale say so.
    """
    root = Path(root).resolve()
    name = Path(os.path.relpath(root / path, root)).as_posix().removesuffix(SUFFIX)
    lineage = _Lineage(root)
    seal, spec = lineage.known(name)
    if spec is None:
        if (root / name).exists():
            return Explanation(name, RAW, "a raw file, made by no job")
        return Explanation(name, UNKNOWN, "no such file, and no job makes it")
    reason = lineage.why_stale(spec)
    if reason or seal is None:
        return Explanation(name, STALE, reason, spec.primary)
    tree = lineage.tree(name, None)
    lineage.hasher.save()
    return Explanation(name, FRESH, None, spec.primary, tree)


class _Lineage:
    """Walks from artifacts to what they were made from."""

    def __init__(self, root: Path) -> None:
        self.hasher = Hasher(hash_cache(root))
        self._root = root
        self._seen: set[str] = set()

    def known(self, name: str) -> tuple[Seal | None, Spec | None]:
        """The seal of an artifact and the spec it should have; both None if no job makes it."""
        seal = find_seal(name, self._root)
        primary = seal.spec.primary if seal else name
        return seal, self._asked(primary, name) or (seal.spec if seal else None)

    def _asked(self, primary: str, name: str) -> Spec | None:
        """The spec that the guard wrote for the job with an output `name`."""
        own = self._root / spec_path(primary)
        for file in (own, *sorted(own.parent.parent.glob("*/spec.json"))):
            spec = _spec_or_none(file)
            if spec and name in spec.output_paths:
                return spec
        return None

    def why_stale(self, spec: Spec) -> str | None:
        return why_stale(spec, self._root, self.hasher)

    def tree(self, name: str, digest: str | None) -> Node:
        """`name`, which a job read with this hash, and what it was made from; a seal stands for what it vouches for."""
        name = name.removesuffix(SUFFIX)
        if name in self._seen:
            return Node(name, above=True)
        self._seen.add(name)
        seal, spec = self.known(name)
        if seal is None or spec is None:
            return Node(name, digest)
        inputs = tuple(self.tree(path, seal.sha256.get(path)) for path in seal.spec.input_paths)
        return Node(name, seal.sha256.get(name), seal, self.why_stale(spec), inputs)


def _spec_or_none(file: Path) -> Spec | None:
    try:
        return load_spec(file)
    except (OSError, SpecError):
        return None
