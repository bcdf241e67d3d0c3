"""Studies published apart: too long for everyone's `make run`, so git holds their measurements and all their seals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from advtransfer.circumstances import senseless
from advtransfer.cli.pictured import NUMBERS, SAME, holds_numbers, likeness, read_picture
from advtransfer.cli.published import claims_told, read_artifact, setting, shown_of, told
from advtransfer.cli.published_file import claims_in, numbers_in
from advtransfer.evaluation import table
from advtransfer.evaluation.claims import judge
from advtransfer.evaluation.published import Results, compare
from advtransfer.evaluation.results import results
from advtransfer.evaluation.statistics import means
from advtransfer.provenance.audit.code import committed
from advtransfer.provenance.audit.evidence import Evidence, read
from advtransfer.provenance.audit.lineage import chain, describe
from advtransfer.provenance.audit.verdict import FAIL, PASS, Check
from advtransfer.provenance.seal import SUFFIX, Seal, SealError, parse_seal, spec_change
from advtransfer.provenance.spec import Spec
from advtransfer.regular_files import read_json, why_unreadable

FOLDER = Path("reports/published")
RECORD, TABLE, CLAIMS = "record.json", "metrics.parquet", "claims.json"
PAGE, PICTURE = "page.html", "accuracy.svg"


def recorded_studies(root: Path) -> list[str]:
    """Names of the studies published apart."""
    return sorted(path.parent.name for path in (root / FOLDER).glob(f"*/{RECORD}"))


def load_records(root: Path) -> dict[str, StudyRecord | str]:
    """Each study published apart, or what is wrong with its record, in one line."""
    found: dict[str, StudyRecord | str] = {}
    for study in recorded_studies(root):
        try:
            found[study] = StudyRecord.load(root / FOLDER / study)
        except (ValueError, SealError) as error:
            found[study] = str(error)
    return found


def check_records(
    root: Path, records: Mapping[str, StudyRecord | str], plan: Mapping[str, Spec]
) -> list[Check]:
    """One check a study published apart; ``plan`` is primary output -> the spec that its job would have today."""
    return [_check(root, study, record, plan) for study, record in records.items()]


@dataclass(frozen=True)
class StudyRecord:
    """What git holds of a study: its numbers, copies of artifacts, and the seal of every job behind them."""

    study: str
    results: Results
    copies: dict[str, str]
    seals: dict[str, Seal]
    folder: Path

    @classmethod
    def load(cls, folder: Path) -> StudyRecord:
        """Raises ValueError, in one line, for a damaged record, and SealError for a seal that was edited."""
        try:
            content = read_json(folder / RECORD)
            numbers, claims, copies = numbers_in(content), claims_in(content), dict(content["copies"])
            if strange := [name for name in copies if Path(name).name != name]:
                raise ValueError(f"copies: {strange[0]!r} is no name of a file beside it")
            if lacking := {TABLE, CLAIMS} - copies.keys():
                raise KeyError(*sorted(lacking))
            seals = [seal_of(value) for value in content["seals"]]
            by_primary = {seal.spec.primary: seal for seal in seals}
            return cls(content["study"], Results(numbers, claims), copies, by_primary, folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{folder.name}/{RECORD}: damaged ({error!r}); restore it from git") from None

    @property
    def numbers(self) -> dict[str, float]:
        """Key -> number."""
        return self.results.numbers

    def evidence(self, root: Path) -> Evidence:
        """The seals of the record instead of those that lie in the project."""
        return Evidence(root, dict(self.seals), {}, 0.0)

    def altered(self, root: Path) -> Iterator[str]:
        """Copies that are not the sealed artifacts, jobs that read another file than their predecessor wrote."""
        makers = self.evidence(root).makers
        for name, path in self.copies.items():
            seal = makers.get(path)
            try:
                if seal is None or seal.sha256[path] != read(self.folder / name).sha256:
                    yield f"{name}: not {path} as it was sealed"
            except OSError as error:
                why = "missing" if isinstance(error, FileNotFoundError) else why_unreadable(error)
                yield f"{name}: {why}; restore it from git"
        for primary, seal in self.seals.items():
            yield from (f"{primary}: {line}" for line in senseless(seal.made))
            for path in seal.spec.input_paths:
                maker = makers.get(path.removesuffix(SUFFIX))
                made = maker and (maker.id if path.endswith(SUFFIX) else maker.sha256[path])
                if made and made != seal.sha256[path]:
                    yield f"{primary}: read another {path} than the one in the record"

    @property
    def _claims(self) -> list[dict[str, Any]]:
        """Raises ValueError where the record lacks the seal of its claims."""
        path = self.copies[CLAIMS]
        if path not in self.seals:
            raise ValueError(f"{path}: the record holds no seal of it")
        claims: list[dict[str, Any]] = self.seals[path].spec.params["claims"]
        return claims

    @cached_property
    def computed(self) -> tuple[Results, list[dict[str, Any]]]:
        """What the measurements of the study give, and the rows of its claims.

        Raises ValueError, in one line, where they are damaged.
        """
        rows = read_artifact(self.folder, TABLE, table.read)
        judged = judge(rows, self._claims, None)
        return results(means(rows), judged), judged

    def gaps(self) -> Iterator[str]:
        """Numbers and verdicts that do not follow from the measurements, and a picture that shows other numbers."""
        found = compare(self.results, self.computed[0])
        for gap in sorted([*found.moved.values(), *found.beyond.values()], key=lambda gap: gap.key):
            yield gap.text()
        picture = read_picture(self.folder / PICTURE)
        shown = shown_of(self.study, read_artifact(self.folder, TABLE, table.read), self.computed[1])
        if picture is None:
            yield f"{PICTURE}: missing; restore it from git"
        elif holds_numbers(picture) and likeness(picture, shown, same_drawer=False) not in (SAME, NUMBERS):
            yield f"{PICTURE}: shows other numbers than the measurements give"

    # ---- chains ----------------------------------------------------------------------------------------------

    def chains(self, root: Path) -> dict[str, Any]:
        """Its ``numbers`` with what is behind them, and the ``steps`` of their chains, from the seals of the record.

        Raises ValueError as ``computed``.
        """
        evidence = self.evidence(root)
        claims = {f"{self.study}/claims/{claim['id']}": claim for claim in self._claims}
        numbers = {
            key: self._number(key, claims.get(key.rpartition("/")[0]), evidence)
            for key in sorted(self.numbers)
        }
        steps = sorted({step for about in numbers.values() for step in about["chain"]})
        read_as = {path: seal.sha256[path] for seal in self.seals.values() for path in seal.spec.input_paths}
        described = {step: describe(step, evidence) for step in steps}
        for step in described.keys() - self.seals.keys():  # what the jobs read then, which need not lie here
            described[step]["sha256"] = read_as.get(step)
        wrong = {line.partition(":")[0] for line in self.gaps()}
        claims = claims_told(self.results, self.computed, wrong)
        return {"numbers": numbers, "claims": claims, "steps": described}

    def _number(self, key: str, claim: dict[str, Any] | None, evidence: Evidence) -> dict[str, Any]:
        about = told(key, self.numbers[key], self.computed[0].numbers.get(key))
        artifact = self.copies[CLAIMS if "/claims/" in key else TABLE]
        rows = setting(key, claim)
        where = rows.to_dict() if rows else {}
        return about | {
            "artifact": artifact,
            "where": where,
            "rows": rows.count(self.folder / TABLE) if rows else 0,
            "chain": chain(artifact, evidence, lambda seal: _joined(seal, where, evidence)),
        }

    def stale(self, plan: Mapping[str, Spec]) -> dict[str, str]:
        """Primary output -> why its job would run again today."""
        found = {}
        for primary, seal in self.seals.items():
            spec = plan.get(primary)
            reason = spec_change(seal.spec, spec) if spec else "no job of the present params.yaml makes it"
            if reason:
                found[primary] = reason
        return found


def _joined(seal: Seal, where: Mapping[str, Iterable[str]], evidence: Evidence) -> Iterator[str]:
    """What a job read, without the tables of measurements that it joined of other targets and variants.

    The tables lie in no record, so one that was made for all variants counts whatever it measures.
    """
    tables = seal.spec.inputs.get("metrics", [])
    for path in seal.spec.input_paths:
        maker = evidence.makers.get(path)
        made_for = maker.spec.wildcards if maker and not isinstance(tables, str) and path in tables else {}
        if all(value in where.get(name, (value,)) for name, value in made_for.items()):
            yield path


def _check(root: Path, study: str, record: StudyRecord | str, plan: Mapping[str, Spec]) -> Check:
    name = f"published apart: {study}"
    if isinstance(record, str):
        return Check(name, FAIL, record)
    findings = list(record.altered(root))
    try:
        findings += record.gaps()
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Check(name, FAIL, str(error), tuple(findings))
    homes = committed(record.evidence(root), record.seals)
    if findings or homes.verdict == FAIL:
        findings += homes.findings
        return Check(name, FAIL, f"{len(findings)} things are not as they were computed", tuple(findings))
    whole = f"{len(record.numbers)} numbers follow from the measurements, {len(record.seals)} seals agree"
    old = record.stale(plan)
    if not old:
        return Check(name, PASS, f"{whole}, and are those of params.yaml and the code as they are")
    told = tuple(f"{primary}: {reason}" for primary, reason in sorted(old.items()))
    again = f"`advtransfer run --study {study}` computes it anew"
    return Check(name, PASS, f"{whole}; STALE since: {len(old)} jobs would run again ({again})", told)


def seal_of(value: Mapping[str, Any]) -> Seal:
    return parse_seal(json.dumps(value))
