"""The checks of what is published: the same bytes, or reproduced on another kind of machine, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from advtransfer.cli import published as files
from advtransfer.cli.audited import Published
from advtransfer.cli.pictured import NUMBERS, SAME, likeness, read_picture
from advtransfer.cli.published_file import FILE, circumstances_of
from advtransfer.cli.standing import Standing
from advtransfer.evaluation.published import Comparison, Gap, Results, compare
from advtransfer.provenance.audit.lineage import broken, chain
from advtransfer.provenance.audit.machine import circumstances, differences
from advtransfer.provenance.audit.verdict import FAIL, PASS, REPRODUCED, Check, judged
from advtransfer.provenance.environment import describe
from advtransfer.provenance.seal import SUFFIX

# What the picture is drawn from.
_MEASURED = "results/metrics.parquet"


@dataclass(frozen=True)
class Judge:
    """What is published, and which of it may differ here."""

    published: Published
    standing: Standing

    @property
    def _root(self) -> Path:
        return self.published.evidence.root

    @cached_property
    def comparison(self) -> Comparison | str:
        """Published results beside those computed anew; or why there are none."""
        computed = self.published.computed
        return computed if isinstance(computed, str) else compare(self.published.file.results, computed[0])

    @property
    def borderline(self) -> list[str]:
        """Claims whose verdict may be another within the tolerance of their estimates."""
        return [key for key, about in self.claims_told().items() if about["borderline"]]

    def excuse(self, key: str) -> str:
        """Why a published number may be another one here, within its tolerance; nothing if it must be the same."""
        file = self.published.file
        return self.standing.excuse(file.artifact_of(key)) if file.prefixes(key) else ""

    def wrong(self) -> list[Gap]:
        """Published values that are not those computed anew, and may not be others."""
        if isinstance(self.comparison, str):
            return []
        moved = [gap for gap in self.comparison.moved.values() if not self.excuse(gap.key)]
        return sorted([*self.comparison.beyond.values(), *moved], key=lambda gap: gap.key)

    def told(self, numbers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The chains of the numbers, with what they may differ and the circumstances of the published ones."""
        wrong = {gap.key for gap in self.wrong()}
        allowed = {} if isinstance(self.published.computed, str) else self.published.computed[0].allowed
        file, found = self.published.file, {}
        for key, about in numbers.items():
            stands = about["anew"] is not None and key not in wrong
            place = file.made_on.get(about["artifact"], 0) if file.machines else None
            found[key] = about | {"stands": stands, "allowed": allowed.get(key), "machine": place}
        return found

    def claims_told(self) -> dict[str, dict[str, Any]]:
        """Claim -> what is published of it beside what is judged anew."""
        anew = None if isinstance(self.published.computed, str) else self.published.computed
        wrong = {gap.key for gap in self.wrong()}
        return files.claims_told(self.published.file.results, anew, wrong)

    # ---- checks ----------------------------------------------------------------------------------------------

    def unaltered(self) -> Check:
        """The published artifacts are the sealed ones."""
        name, count = "published artifacts", len(self.standing.file.sha256)
        changed, forged = self.standing.changed, self.standing.forged
        findings = tuple(f"{path}: {why}" for path, why in changed.items())
        if forged:
            reason = f"{len(forged)} of {count} published artifacts are not the sealed ones"
            return Check(name, FAIL, reason, findings)
        if changed:
            reason = f"{count - len(changed)} of {count} published artifacts are the sealed ones, the others made anew"
            return Check(name, REPRODUCED, reason, findings)
        return Check(name, PASS, f"the {count} published artifacts are the sealed ones")

    def recomputed(self) -> Check:
        """Each published number and verdict against those computed now from the measurements of the stages."""
        name, found, wrong = "published numbers", self.comparison, self.wrong()
        if isinstance(found, str):
            return Check(name, FAIL, f"the tables that they are computed from cannot be read: {found}")
        results = self.published.file.results
        if wrong:
            reason = (
                f"{len(wrong)} of {len(results.values())} numbers and verdicts are not those computed anew "
                "from the measurements"
            )
            return Check(name, FAIL, reason, tuple(gap.text() for gap in wrong))
        if found.moved:
            moved = tuple(f"{key}: other last digits, within its tolerance" for key in found.moved)
            return Check(name, REPRODUCED, agreement(found, results) + nearest(found), moved)
        verdicts = f", and so are the verdicts of {len(results.claims)} claims" if results.claims else ""
        return Check(
            name,
            PASS,
            f"the {len(results.numbers)} published numbers are those computed anew from the measurements{verdicts}",
        )

    def picture(self) -> Check:
        """The picture of the README against the numbers that it should show."""
        name = "published picture"
        try:
            anew, there = files.drawn_numbers(self._root), read_picture(self._root / files.PICTURE)
        except (OSError, ValueError, KeyError, TypeError) as error:
            return Check(name, FAIL, f"it cannot be drawn anew: {error}")
        drawer = differences(circumstances([describe(self._root)]), self.published.file.drawn)
        like = likeness(there, anew, same_drawer=not drawer)
        if like == SAME:
            whole = f"{files.PICTURE} is the one drawn anew from the measurements"
            return Check(name, PASS, "there is none" if anew is None else whole)
        if like == NUMBERS:
            how = f"drawn otherwise ({'; '.join(drawer)})" if drawer else "drawn by the same versions"
            return Check(
                name, PASS, f"{files.PICTURE} shows the numbers computed anew from the measurements, {how}"
            )
        if like and (excuse := self.standing.excuse(_MEASURED)):
            reason = f"{files.PICTURE} shows numbers within the tolerance of those computed anew"
            return Check(name, REPRODUCED, f"{reason} on another kind of machine ({excuse})")
        reason = "it is not the one drawn anew from the measurements, nor does it show their numbers"
        return Check(name, FAIL, reason, (f"{files.PICTURE}: another",))

    def environments(self, here: Check) -> Check:
        """``machine.environments``, and the machine in published.json beside the seals that DVC records."""
        findings = tuple(
            f"{path}: {line}" for path in self.published.file.sha256 if (line := self._lie(path))
        )
        if findings:
            reason = f"{FILE} tells of another machine than the recorded seals"
            return replace(here, verdict=FAIL, reason=reason, findings=findings + here.findings)
        unlike = [line for path in self.published.file.sha256 for line in self.standing.machine(path)]
        there = f"published on another kind ({'; '.join(dict.fromkeys(unlike))})" if unlike else ""
        return replace(here, reason="; ".join(filter(None, [here.reason, there])))

    def _lie(self, path: str) -> str:
        """What published.json says of the machine behind an artifact and the seals that DVC records do not."""
        evidence, recorded = self.published.evidence, self.standing.recorded
        jobs = [step for step in chain(path, evidence) if step in evidence.seals]
        if not jobs or any(f"{job}{SUFFIX}" not in recorded for job in jobs):
            return ""
        there = self.published.file.machine_of(path)
        told = differences(circumstances_of(path, evidence), there, there_is=f"in {FILE}")
        return "; ".join(line.replace(" here, ", " in the seals, ") for line in told)


def traced(published: Published, numbers: Mapping[str, Any], figures: Sequence[dict[str, Any]]) -> Check:
    """Every chain ends in raw files that are there, or in jobs that read none."""
    evidence = published.evidence
    ends = {f"{key}: {end}" for key, about in numbers.items() for end in broken(about["chain"], evidence)}
    ends |= {f"{about['page']}: {end}" for about in figures for end in broken(about["chain"], evidence)}
    ends |= {f"{key}: no measurement matches it" for key, about in numbers.items() if not about["rows"]}
    return judged(
        "chains to the raw data",
        sorted(ends),
        passed=f"{len(numbers)} numbers and {len(figures)} figures are traced through sealed jobs to the raw data",
        failed=f"{len(ends)} chains are broken",
    )


def agreement(found: Comparison, published: Results) -> str:
    """How results that stand agree with the published ones, in the words that a run ends in too."""
    count = len(published.numbers)
    verdicts = f"all {len(published.claims)} claims have the published verdicts; " if published.claims else ""
    if found.identical == count:
        return f"{verdicts}all {count} numbers are identical"
    return f"{verdicts}{found.identical} of {count} numbers are identical, the others within tolerance"


def nearest(found: Comparison) -> str:
    """The number that comes nearest to its tolerance; nothing where none moved."""
    if not (gap := found.largest):
        return ""
    return f" (nearest to it {gap.key}: {gap.old} -> {gap.new}, {gap.size / gap.allowed:.0%} of {gap.allowed:.2g})"
