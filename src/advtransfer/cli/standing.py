"""May an artifact have other bytes than the published one? As the same computation on another kind of machine alone.

That is granted to no file that DVC records (it is the published one, or should be), to none of a project in which
files, seals, code or chains do not hold, to none whose jobs had other params or code when it was published, and to none
whose jobs, by their seals, ran on the same kind of machine.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from advtransfer.cli.published_file import PublishedFile, circumstances_of
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.lineage import chain
from advtransfer.provenance.audit.machine import differences

# The note that an auditor is sent to.
EXPLAINED = "docs/reproducibility.md"


@dataclass(frozen=True)
class Standing:
    """``recorded`` are the files that are those of dvc.lock; ``doubt`` says what does not hold here, if anything."""

    file: PublishedFile
    evidence: Evidence
    recorded: Collection[str]
    doubt: str = ""

    @cached_property
    def changed(self) -> dict[str, str]:
        """Published artifact -> why it is not that file, in words that are the same for each of one cause."""
        found = {}
        for path, digest in sorted(self.file.sha256.items()):
            seal = self.evidence.makers.get(path)
            if seal is None:
                found[path] = "published, and no seal names it here (`dvc pull`, or `make run`)"
            elif seal.sha256[path] != digest:
                excuse = self.excuse(path)
                found[path] = (
                    f"made anew on another kind of machine ({excuse})"
                    if excuse
                    else f"published with other bytes, {self.refusal(path)}"
                )
        return found

    @cached_property
    def forged(self) -> dict[str, str]:
        """Of ``changed`` what may not be so."""
        return {path: why for path, why in self.changed.items() if not self.excuse(path)}

    def excuse(self, path: str) -> str:
        """In what the machine behind an artifact with other bytes differs from the published one; else nothing."""
        if not self._unlike(path) or self._refused(path):
            return ""
        return "; ".join(self.machine(path))

    def refusal(self, path: str) -> str:
        """Why an artifact must have the published bytes."""
        if not self._unlike(path):
            return "with the published bytes"
        return self._refused(path) or "on the same kind of machine: altered, or computed with chance in it"

    def machine(self, path: str) -> list[str]:
        """In what the circumstances of an artifact differ from the published ones."""
        return self._machines.setdefault(
            path, differences(circumstances_of(path, self.evidence), self.file.machine_of(path))
        )

    @cached_property
    def _machines(self) -> dict[str, list[str]]:
        return {}

    def _unlike(self, path: str) -> bool:
        seal = self.evidence.makers.get(path)
        return seal is not None and seal.sha256[path] != self.file.sha256.get(path)

    def _refused(self, path: str) -> str:
        if self.doubt:
            return f"and {self.doubt}"
        if path in self.recorded:
            return "and dvc.lock records what lies here as the published file"
        if not self.file.specs or not self.file.machines:
            return "and published.json, of an older release, does not tell on what machine"
        jobs = [step for step in chain(path, self.evidence) if step in self.evidence.seals]
        if any(self.file.specs.get(job) != self.evidence.seals[job].spec.digest for job in jobs):
            return (
                "from other params or code than those here: `advtransfer publish` publishes the present ones"
            )
        return ""
