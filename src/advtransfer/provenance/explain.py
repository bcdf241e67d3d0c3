"""Why is an artifact stale; and if it is fresh, what is it made of?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advtransfer.provenance.hashing import Hasher, hash_cache
from advtransfer.provenance.seal import SUFFIX, Seal, all_seals, find_seal, seal_path, why_stale
from advtransfer.provenance.spec import Spec, SpecError, load_spec, spec_path

FRESH, STALE, RAW, UNUSED, UNKNOWN = "fresh", "stale", "raw", "unused", "unknown"
GONE = "no job of the present params.yaml makes it, and the next whole run removes it"
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

    def first_stale(self) -> Node | None:
        """The first file that is stale, what it was made from before itself: where an upstream change begins."""
        found = (node.first_stale() for node in self.inputs)
        return next(filter(None, found), self if self.stale else None)

    def _label(self) -> str:
        if self.above:
            return "above"
        if self.seal is None:
            return f"raw, sha256 {(self.sha256 or 'unknown')[:_SHORT]}"
        git = self.seal.told.get("git") or {}
        commit = git.get("commit", "no commit")[:_SHORT] + ("+edits" if git.get("dirty") else "")
        date = (self.seal.told.get("started") or "no date")[:10]
        return f"seal {self.seal.id[:_SHORT]}, rule {self.seal.spec.rule}, {commit}, {date}"


@dataclass(frozen=True)
class Explanation:
    """The state of a file: fresh, or for a reason stale, raw (an input of jobs), unused (of none) or unknown.

    What is fresh has a lineage, and so has what is stale only because something that it was made from is.
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
        """The reason in one line, if there is one, and the lineage as a tree."""
        if self.lineage is None:
            return f"{self.primary or self.path}: {self.reason}"
        reason = [f"{self.path}: {self.reason}"] if self.reason else []
        return "\n".join([*reason, *self.lineage.lines()])


def explain(path: Path | str, root: Path, plan: Mapping[str, Spec] | None = None) -> Explanation:
    """Why the artifact at `path` is stale; or its lineage down to the raw files.

    `plan` holds the spec of every job of the present params.yaml by primary output. Stale means: other than that
    says, or made from what is. Without a plan the spec files in `.snakemake/spec` take its place, and where there
    is none the artifact's own seal; such files stay when a job leaves params.yaml, so that only a plan tells what
    no job makes any more. `path` is relative to `root` or absolute, and may be any output of a job, or its seal.
    In the lineage each file is explained where it appears first, and upstream artifacts that are stale say so.
    """
    root = Path(root).resolve()
    name = Path(os.path.relpath(root / path, root)).as_posix().removesuffix(SUFFIX)
    if name.startswith("../") or name == "..":
        return Explanation(str(path), UNKNOWN, "outside of this project")
    lineage = _Lineage(root, plan)
    seal, spec = lineage.known(name)
    if spec is None:
        return _made_by_none(name, root, plan)
    if _never_made(spec, root):
        return Explanation(name, STALE, "not computed yet", spec.primary)
    reason = lineage.why_stale(spec)
    if reason or seal is None:
        return Explanation(name, STALE, reason, spec.primary)
    tree = lineage.tree(name, None)
    lineage.hasher.save()
    if old := tree.first_stale():
        return Explanation(
            name, STALE, f"made from {old.path}, which is stale: {old.stale}", spec.primary, tree
        )
    return Explanation(name, FRESH, None, spec.primary, tree)


def _made_by_none(name: str, root: Path, plan: Mapping[str, Spec] | None) -> Explanation:
    """What to say of a path that is no output."""
    if os.path.isdir(root / name):  # noqa: PTH112 (unlike pathlib's, these ask nothing of a closed folder)
        return Explanation(name, UNKNOWN, "a folder; expected a file")
    if not os.path.exists(root / name):  # noqa: PTH110
        return Explanation(name, UNKNOWN, "no such file, and no job makes it")
    sealed = [seal.spec for seal in all_seals(root).values() if isinstance(seal, Seal)]
    if any(name in spec.input_paths for spec in [*sealed, *(plan or {}).values()]):
        return Explanation(name, RAW, "a raw file, made by no job")
    return Explanation(name, UNUSED, "no job makes it, and none has it as an input")


def _never_made(spec: Spec, root: Path) -> bool:
    """Whether nothing of what a job leaves is there."""
    paths = (*spec.output_paths, str(seal_path(spec.primary)))
    return not any(os.path.lexists(root / path) for path in paths)


class _Lineage:
    """Walks from artifacts to what they were made from."""

    def __init__(self, root: Path, plan: Mapping[str, Spec] | None) -> None:
        self.hasher = Hasher(hash_cache(root))
        self._root = root
        self._plan = plan
        self._planned = {path: spec for spec in (plan or {}).values() for path in spec.output_paths}
        self._seen: set[str] = set()

    def known(self, name: str) -> tuple[Seal | None, Spec | None]:
        """The seal of an artifact and the spec it should have; both None if no job makes it."""
        seal = find_seal(name, self._root)
        primary = seal.spec.primary if seal else name
        return seal, self._asked(primary, name) or (seal.spec if seal else None)

    def _asked(self, primary: str, name: str) -> Spec | None:
        """The spec that is planned for the job with an output `name`."""
        if self._plan is not None:
            return self._planned.get(name)
        own = self._root / spec_path(primary)
        written = map(_spec_or_none, (own, *sorted(own.parent.parent.glob("*/spec.json"))))
        return next((spec for spec in written if spec and name in spec.output_paths), None)

    def why_stale(self, spec: Spec) -> str | None:
        if self._plan is not None and spec.primary not in self._plan:
            return GONE
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
