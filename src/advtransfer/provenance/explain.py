"""Why is an artifact stale; and if it is fresh, what is it made of?"""

import os
from collections.abc import Iterator
from pathlib import Path

from advtransfer.provenance.hashing import Hasher, hash_cache
from advtransfer.provenance.seal import SUFFIX, Seal, find_seal, why_stale
from advtransfer.provenance.spec import Spec, SpecError, load_spec, spec_path

_SHORT = 12


def why(path: Path | str, root: Path) -> str:
    """Why the artifact at `path` is stale, in one line; or its lineage down to the raw files, as a tree.

    Stale means: other than the spec files in `.snakemake/spec` say, which a dry run of Snakemake brings up to
    date; without one, other than its own seal says. `path` is relative to `root` or absolute, and may be any
    output of a job. In the tree each file is explained where it appears first, and upstream artifacts that
    are stale say so.
    """
    root = Path(root).resolve()
    name = Path(os.path.relpath(root / path, root)).as_posix()
    lineage = _Lineage(root)
    seal, spec = lineage.known(name)
    if spec is None:
        return f"{name}: " + ("a raw file, made by no job" if (root / name).exists() else "no such artifact")
    reason = lineage.why_stale(spec)
    if reason or seal is None:
        return f"{spec.primary}: {reason}"
    text = "\n".join(lineage.tree(name, None))
    lineage.hasher.save()
    return text


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

    def tree(self, name: str, digest: str | None, depth: int = 0) -> Iterator[str]:
        """The lines of `name` and, indented, of what it was made from; a seal stands for what it vouches for."""
        name = name.removesuffix(SUFFIX)
        indent = "  " * depth
        if name in self._seen:
            yield f"{indent}{name} (above)"
            return
        self._seen.add(name)
        seal, spec = self.known(name)
        if seal is None or spec is None:
            yield f"{indent}{name} (raw, sha256 {(digest or 'unknown')[:_SHORT]})"
            return
        reason = self.why_stale(spec)
        yield f"{indent}{name} ({_label(seal)})" + (f" STALE: {reason}" if reason else "")
        for path in seal.spec.input_paths:
            yield from self.tree(path, seal.sha256.get(path), depth + 1)


def _label(seal: Seal) -> str:
    git = seal.made.get("git") or {}
    commit = git.get("commit", "no commit")[:_SHORT] + ("+edits" if git.get("dirty") else "")
    date = seal.made.get("started", "no date")[:10]
    return f"seal {seal.id[:_SHORT]}, rule {seal.spec.rule}, {commit}, {date}"


def _spec_or_none(file: Path) -> Spec | None:
    try:
        return load_spec(file)
    except (OSError, SpecError):
        return None
