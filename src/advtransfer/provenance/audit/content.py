"""Are the artifacts what their seals say, does every seal hang together with the others, has each file a maker?"""

from __future__ import annotations

from collections.abc import Iterator

from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.verdict import Check, judged
from advtransfer.provenance.seal import SUFFIX, SealError


def sealed_bytes(evidence: Evidence) -> Check:
    """Every output of every seal has the sealed content, and every input that a job read is what it was then."""
    findings = [
        f"{primary}{SUFFIX}: {seal}"
        for primary, seal in evidence.sealed.items()
        if isinstance(seal, SealError)
    ]
    findings += _outputs(evidence)
    findings += _inputs(evidence)
    made = {*evidence.makers, *(f"{primary}{SUFFIX}" for primary in evidence.sealed)}  # told above
    findings += [
        f"{path}: {evidence.why_none(path)}" for path in sorted(evidence.unreadable) if path not in made
    ]
    count, size = len(evidence.makers), sum(content.size for content in evidence.files.values())
    speed = f"{size / 1e6:.0f} MB read at {evidence.megabytes_per_second:.0f} MB/s"
    return judged(
        "bytes against seals",
        findings,
        passed=f"{count} files of {len(evidence.seals)} jobs, and what these read, have the sealed SHA-256 ({speed})",
        failed=f"{len(findings)} contradictions between files and seals",
    )


def _outputs(evidence: Evidence) -> Iterator[str]:
    for path, seal in evidence.makers.items():
        now = evidence.sha256(path)
        if now is None:
            yield f"{path}: {evidence.why_none(path)}, its seal is there"
        elif now != seal.sha256[path]:
            yield f"{path}: altered since it was sealed ({seal.sha256[path][:12]} -> {evidence.state(path)})"


def _inputs(evidence: Evidence) -> Iterator[str]:
    """Where an input is itself a sealed output that was altered, that was said already."""
    for primary, seal in evidence.seals.items():
        for path in seal.spec.input_paths:
            maker = evidence.makers.get(path)
            now = maker.sha256[path] if maker else evidence.sha256(path)
            if now != seal.sha256[path]:
                present = maker.sha256[path][:12] if maker else evidence.state(path)
                change = f"{seal.sha256[path][:12]}, now {present}"
                yield f"{primary}: was made from another {path} ({change})"


def strays(evidence: Evidence) -> Check:
    """Files where artifacts lie that no job made."""
    known = {*evidence.makers, *evidence.sealed, *(f"{primary}{SUFFIX}" for primary in evidence.sealed)}
    findings = sorted(f"{path}: no seal names it" for path in evidence.files if path not in known)
    return judged(
        "files nobody made",
        findings,
        passed="every file where artifacts lie is named by a seal",
        failed=f"{len(findings)} files come from no job",
    )
