"""How a run ends: whether its results are the published ones, in the audit's words, and what to do if they are not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advtransfer.cli.audited import Published
from advtransfer.cli.judged import Judge, agreement
from advtransfer.cli.published_file import FILE, PublishedFile
from advtransfer.cli.recordable import FOLDERS, RAW
from advtransfer.cli.standing import EXPLAINED, Standing
from advtransfer.evaluation import tolerance
from advtransfer.evaluation.published import Gap
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.recorded import recorded_paths
from advtransfer.provenance.audit.verdict import FAIL, PASS, REPRODUCED
from advtransfer.provenance.seal import all_seals

TOLERANCES = Path("reports/tolerances.yaml")


@dataclass(frozen=True)
class Conclusion:
    """The audit's verdict on what was computed here, and the same in words."""

    verdict: str
    text: str


def conclude(root: Path) -> Conclusion | None:
    """How the results under ``root``, which are fresh, relate to the published ones; None if nothing is published."""
    try:
        PublishedFile.load(root)
        published = Published.load(
            Evidence(root.resolve(), all_seals(root), {}, 0.0), tolerance.load(root / TOLERANCES)
        )
    except FileNotFoundError:
        return None
    except ValueError as error:
        return Conclusion(FAIL, f"nothing was compared: {error}")
    judge = Judge(published, Standing(published.file, published.evidence, ()))
    if judge.standing.changed:  # only then it matters what DVC records, and reading all files takes time
        recorded = recorded_paths(Evidence.gather(root, FOLDERS, without=[RAW]))
        judge = Judge(published, Standing(published.file, published.evidence, recorded))
    return concluded(judge)


def concluded(judge: Judge) -> Conclusion:
    """What the results are beside the published ones, files and numbers both."""
    found, results = judge.comparison, judge.published.file.results
    if isinstance(found, str):
        return Conclusion(FAIL, f"nothing was compared: {found}")
    border = borderline_line(judge.borderline)
    if judge.standing.forged or judge.wrong():
        return Conclusion(FAIL, "\n".join(_failure(judge)))
    words = agreement(found, results)
    if not judge.standing.changed:
        return Conclusion(PASS, "\n".join([f"same bytes as published: {words}{_where(judge)}.", *border]))
    good = f"That is what another kind of machine gives, and good: {EXPLAINED}."
    return Conclusion(REPRODUCED, "\n".join([f"reproduced: {words}{_where(judge)}.", f"  {good}", *border]))


def borderline_line(claims: list[str]) -> list[str]:
    """The claims that hang by a thread, if there are any, in one line."""
    if not claims:
        return []
    return [
        f"  Borderline ({len(claims)}): the verdict could be another within tolerance: {', '.join(claims)}"
    ]


def _where(judge: Judge) -> str:
    """In what this machine differs from the published one."""
    unlike = dict.fromkeys(
        line for path in judge.standing.file.sha256 for line in judge.standing.machine(path)
    )
    return f" ({'; '.join(unlike)})" if unlike else ""


def _failure(judge: Judge) -> list[str]:
    """What differs, worst first, and what to do."""
    results, wrong, forged = judge.published.file.results, judge.wrong(), judge.standing.forged
    parts = []
    if flipped := [gap for gap in wrong if gap.key.endswith("/verdict")]:
        parts.append(
            f"{len(flipped)} of {len(results.claims)} claims have another verdict ({_told(flipped[0])})"
        )
    if others := [gap for gap in wrong if gap not in flipped]:
        worst = max(others, key=lambda gap: gap.size / gap.allowed if gap.allowed else gap.size)
        parts.append(f"{len(others)} numbers differ by more than they may (for one {_told(worst)})")
    if forged:
        first, why = next(iter(forged.items()))
        parts.append(
            f"{len(forged)} of {len(judge.standing.file.sha256)} artifacts differ (first {first}: {why})"
        )
    what = (
        "If params.yaml or the code were changed to get other results, `advtransfer publish` shows and publishes them; "
        "if not, `make audit` names all that differs."
    )
    return [f"not those published in {FILE}: {'; '.join(parts)}.", f"  {what}"]


def _told(gap: Gap) -> str:
    allowed = f", {gap.allowed:.2g} allowed" if gap.allowed else ""
    return f"{gap.text()}{allowed}"
