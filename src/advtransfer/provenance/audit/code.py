"""Are the artifacts those of the present params and code, and is that code in git?"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.verdict import FAIL, PASS, UNCHECKED, Check, judged
from advtransfer.provenance.closure import hash_source
from advtransfer.provenance.seal import Seal, spec_change
from advtransfer.provenance.spec import Spec

_COMMIT = re.compile(
    "HEAD|[0-9a-f]{40,64}"
)  # a seal's commit is told, not proved: it must not pass for an option


def fresh(evidence: Evidence, plan: Mapping[str, Spec], published: Collection[str]) -> Check:
    """Each published artifact has the spec that its job would have today; ``plan`` is primary output -> that spec."""
    findings = []
    for primary in sorted(published):
        seal, spec = evidence.seals.get(primary), plan.get(primary)
        if spec is None:
            findings.append(f"{primary}: no job of the present params.yaml makes it")
        elif seal is None:
            findings.append(f"{primary}: {evidence.sealed.get(primary, 'no seal')}")
        elif reason := spec_change(seal.spec, spec):
            findings.append(f"{primary}: {reason}")
    return judged(
        "seals against params and code",
        findings,
        passed=f"all {len(published)} published jobs are those of params.yaml and the code as they are",
        failed=f"{len(findings)} of {len(published)} published jobs are stale",
    )


def committed(evidence: Evidence, published: Iterable[str]) -> Check:
    """The code of each published job is in git: at the commit that its seal names, or at the present one."""
    if git(evidence.root, "rev-parse", "HEAD") is None:
        return Check("code in git", UNCHECKED, _why_nogit(evidence.root))
    seals = [evidence.seals[primary] for primary in published if primary in evidence.seals]
    homes = {seal.spec.primary: _home(seal, evidence.root) for seal in seals}
    missing = [f"{primary}: {home}" for primary, home in homes.items() if home not in ("own", "head")]
    later = sum(home == "head" for home in homes.values())
    if missing:
        reason = f"the code of {len(missing)} published jobs is in no commit that can be looked up"
        return Check("code in git", FAIL, reason, tuple(missing))
    note = (
        f", {later} of them only at the present one: they ran before their code was committed"
        if later
        else ""
    )
    return Check("code in git", PASS, f"{len(homes)} published jobs ran code that a commit holds{note}")


def _home(seal: Seal, root: Path) -> str:
    """``own`` or ``head``, or what is wrong."""
    commit = (seal.told.get("git") or {}).get("commit", "")
    if commit and not _differences(seal, commit, root):
        return "own"
    different = _differences(seal, "HEAD", root)
    if not different:
        return "head"
    known = f"nor at its own, {commit[:12]}" if commit else "and its seal names no commit"
    return f"{', '.join(different[:5])} read otherwise at the present commit, {known}"


def _differences(seal: Seal, commit: str, root: Path) -> list[str]:
    there = _code_at(commit, root)
    return [module for module, digest in seal.spec.code.items() if there.get(module) != digest]


@cache
def _code_at(commit: str, root: Path) -> dict[str, str]:
    """Module -> code hash, as a commit has them; none for a commit that this repository does not know."""
    archive = git(root, "archive", "--format=tar", commit, "src") if _COMMIT.fullmatch(commit) else None
    if archive is None:
        return {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.name.endswith(".py")}
        sources = {_module(name): file.read() for name, file in files.items() if file}
    return {name: digest for name, source in sources.items() if (digest := _hash(source))}


def _hash(source: bytes) -> str | None:
    """The hash of a module; None for what a commit may hold and Python cannot read."""
    try:
        return hash_source(source.decode())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _module(file: str) -> str:
    """`src/a/b.py` and `src/a/b/__init__.py` are a.b."""
    return ".".join(Path(file).with_suffix("").parts[1:]).removesuffix(".__init__")


def _why_nogit(root: Path) -> str:
    """Why there is no commit to look up; git itself refuses the folders of other users."""
    if (root / ".git").exists() and root.stat().st_uid != os.getuid():
        mend = f"git config --global --add safe.directory {root}"
        return f"git does not read this folder, which is another user's (`{mend}` lets it)"
    return "this folder is no git repository with a commit"


def git(root: Path, *arguments: str) -> bytes | None:
    """What git prints; None if it fails."""
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
