"""Run sealed jobs again in a scratch folder, from their sealed inputs, and compare what they make."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from advtransfer.provenance import children
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.machine import same_kind
from advtransfer.provenance.audit.verdict import FAIL, PASS, UNCHECKED, Check
from advtransfer.provenance.closure import changed_modules
from advtransfer.provenance.masking import masked
from advtransfer.provenance.seal import Seal, SealError, read_seal, seal_path
from advtransfer.provenance.spec import spec_path

# (sealed file, file made again) -> whether they agree within what is declared (None: nothing is), and the difference.
Compare = Callable[[Path, Path], tuple[bool | None, str]]
_LAST_LINES = 3


@dataclass(frozen=True)
class Again:
    """One job that was run again."""

    primary: str
    verdict: str
    reason: str


def draw(primaries: Iterable[str], count: int, seed: int) -> list[str]:
    """``count`` of the jobs, or all if there are fewer; the same ones for the same seed."""
    names = sorted(primaries)
    return sorted(random.Random(seed).sample(names, min(count, len(names))))


def recompute(primaries: Iterable[str], evidence: Evidence, source: Path, compare: Compare) -> Check:
    """Runs each job again and compares."""
    done = [again(evidence.seals[primary], evidence, source, compare) for primary in primaries]
    verdicts = {one.verdict for one in done}
    verdict = FAIL if FAIL in verdicts else UNCHECKED if UNCHECKED in verdicts or not done else PASS
    counts = ", ".join(
        f"{sum(one.verdict == v for one in done)} {v}" for v in (PASS, FAIL, UNCHECKED) if v in verdicts
    )
    lines = tuple(f"{one.primary}: {one.verdict}: {one.reason}" for one in done)
    return Check(
        "recomputed jobs",
        verdict,
        f"{len(done)} jobs run again: {counts}" if done else "no jobs to draw from",
        lines,
    )


def again(seal: Seal, evidence: Evidence, source: Path, compare: Compare) -> Again:
    """Runs the job of a seal in a folder of its own; the project is only read."""
    primary = seal.spec.primary
    if changed := changed_modules(seal.spec.code, source):
        commit = (seal.told.get("git") or {}).get("commit", "unknown")
        what = f"its code changed since ({', '.join(changed[:3])}): audit at commit {commit[:12]} instead"
        return Again(primary, UNCHECKED, what)
    if other := [path for path in seal.spec.input_paths if evidence.sha256(path) != seal.sha256[path]]:
        return Again(primary, UNCHECKED, f"its input {other[0]} is not the sealed one")
    with tempfile.TemporaryDirectory(prefix="audit-") as name:
        scratch = Path(name)
        failure = _run(seal, evidence.root, scratch, source)
        if failure:
            return Again(primary, FAIL, f"does not run: {failure}")
        return _compared(seal, evidence, scratch, compare)


def _run(seal: Seal, root: Path, scratch: Path, source: Path) -> str:
    """Runs the job on copies of its inputs; what went wrong, or nothing."""
    spec = seal.spec
    file = scratch / spec_path(spec.primary)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"spec": spec.to_dict()}), encoding="utf-8")
    for path in spec.input_paths:
        copy = scratch / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, copy)
    gpus = int((seal.told.get("device") or "").startswith("cuda"))
    command = [sys.executable, "-m", "advtransfer", "job"]
    command += ["--threads", str(seal.told.get("threads") or 1), "--gpus", str(gpus), "--least-gpus", "0"]
    command += [
        *spec.output_paths,
        str(seal_path(spec.primary)),
        "--",
        str(spec_path(spec.primary)),
        *spec.input_paths,
    ]
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = children.run(command, cwd=scratch, env=environment)
    last = masked("; ".join(done.stderr.strip().splitlines()[-_LAST_LINES:]))
    return last or "no message" if done.returncode else ""


def _compared(seal: Seal, evidence: Evidence, scratch: Path, compare: Compare) -> Again:
    primary, root = seal.spec.primary, evidence.root
    try:
        new = read_seal(scratch / seal_path(primary))
    except SealError as error:
        return Again(primary, FAIL, f"ran, and left {error}")
    different = [path for path in seal.spec.output_paths if new.sha256[path] != seal.sha256[path]]
    if not different:
        return Again(primary, PASS, "identical bytes")
    if same_kind(seal.told, new.told):
        return Again(primary, FAIL, f"other bytes on the same kind of machine: {', '.join(different)}")
    if lost := [path for path in different if evidence.sha256(path) != seal.sha256[path]]:
        return Again(primary, UNCHECKED, f"other bytes, and the sealed {lost[0]} is not here to compare with")
    compared = {path: compare(root / path, scratch / path) for path in different}
    states = [agrees for agrees, _ in compared.values()]
    verdict = FAIL if False in states else UNCHECKED if None in states else PASS
    shown = "; ".join(f"{path}: {difference}" for path, (_, difference) in compared.items())
    return Again(primary, verdict, f"other bytes on another kind of machine; {shown}")
