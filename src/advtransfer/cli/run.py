"""``advtransfer run``: Snakemake computes, DVC records, the claims are shown."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from advtransfer.cli import bytecode, edits, ending, gpu_plan, journal, leftovers, lock_file
from advtransfer.cli.conclusion import Conclusion, conclude
from advtransfer.cli.ending import Call, typed
from advtransfer.cli.gpus import GpuError
from advtransfer.cli.images import refuse_missing, refuse_too_few
from advtransfer.cli.recording import RecordError, record
from advtransfer.cli.watch import watched
from advtransfer.evaluation import claims_file
from advtransfer.params import Params, ParamsError, load_params
from advtransfer.provenance.published_seals import here
from advtransfer.provenance.seal import Seal, all_seals
from advtransfer.tracking import sync

SNAKEMAKE = [sys.executable, "-m", "snakemake", "--workflow-profile"]
PROFILES = Path("workflow/profiles")
WORKFLOW = [*SNAKEMAKE, str(PROFILES / "default")]
# The journal is shown instead of what Snakemake says of single jobs.
TERSE = ["--logger-advtransfer-terse", "--quiet", "host"]
CLAIMS = Path("reports/claims.yaml")
INDEX_PAGE = Path("reports/rendered/index.html")
WRONG_INPUT = 2
SNAKEMAKES_OWN = ("local", "dryrun", "touch")  # executors without a plugin


def run_studies(root: Path, study: str, cores: str, profile: str) -> int:
    """Exit code of ``advtransfer run``.

    Raises:
        ParamsError: params.yaml, claims.yaml, the study's or the profile's name is wrong, images are missing, or
            CUDA_VISIBLE_DEVICES names what is not there; nothing has started.
    """
    watch = edits.Watch(root)
    params = load_checked(root)
    if study and study not in params.studies:
        raise ParamsError(f"STUDY: found {study!r}, expected one of {', '.join(params.studies)}")
    _refuse_braces(root, records=not study)
    refuse_missing(root, params, [study] if study else params.default_studies)
    folder = _profile(root, profile)
    try:
        limit = gpu_plan.limit(root / folder / "config.yaml", os.environ)
    except GpuError as error:
        raise ParamsError(str(error)) from None
    snakemake = [*SNAKEMAKE, str(folder), *limit, *(["--cores", cores] if cores else [])]
    with leftovers.alone(root) as holder:
        if holder:
            print(f"another run holds this folder: {holder}; wait for it or end it", file=sys.stderr)
            return 1
        return _run(root, params, Call(study, cores, profile), snakemake, folder, watch)


def _refuse_braces(root: Path, *, records: bool) -> None:
    """Raises ParamsError for a project whose path DVC takes for a format, or Snakemake for a broken pattern."""
    rest = re.sub(r"{[A-Za-z_]\w*}", "", str(root))  # these Snakemake bears with
    if "{" in rest or "}" in rest or (records and rest != str(root)):
        raise ParamsError(
            f"{root}: found braces in the path of the project, which DVC and Snakemake take for a format; "
            "expected a path without"
        )


def _profile(root: Path, name: str) -> Path:
    """The folder of a profile: one of the workflow's, by name, or any other by its path."""
    found = [path for path in (PROFILES / name, Path(name)) if (root / path / "config.yaml").is_file()]
    if not name or not found:
        known = sorted(path.parent.name for path in (root / PROFILES).glob("*/config.yaml"))
        raise ParamsError(
            f"PROFILE: found {name!r}, expected one of {', '.join(known)}, or a folder with a config.yaml"
        )
    if re.search(r"[*?\[]|^-", str(found[0])):
        raise ParamsError(
            f"PROFILE: found {name!r}, expected a path without *, ? and [, which Snakemake takes for a pattern, and "
            "without - at its begin"
        )
    try:
        stated = gpu_plan.stated(root / found[0] / "config.yaml")
    except GpuError as error:
        raise ParamsError(str(error)) from None
    if "default-storage-provider" in stated:
        raise ParamsError(
            f"PROFILE: found {name!r}, whose results stay in an object store, so that there is nothing to record or "
            "show here: docs/cluster.md says how to run it"
        )
    refuse_missing_executor(name, stated.get("executor", "local"))
    return found[0]


def refuse_missing_executor(profile: str, executor: str) -> None:
    """Raises ParamsError if a profile's executor is a plugin of Snakemake that is not installed."""
    plugin = f"snakemake-executor-plugin-{executor.replace('_', '-')}"
    if executor not in SNAKEMAKES_OWN and find_spec(plugin.replace("-", "_")) is None:
        raise ParamsError(
            f"PROFILE: found {profile!r}, whose executor needs {plugin}, which is not installed: `make setup-cluster` "
            "installs what requirements-cluster.lock names"
        )


def load_checked(root: Path) -> Params:
    """params.yaml, after claims.yaml was checked against it. Raises ParamsError for a mistake in either."""
    params = load_params(root / "params.yaml")
    path = root / CLAIMS
    try:
        claims_file.check_known(claims_file.load(path), path, params.measured())
    except ValueError as error:
        raise ParamsError(str(error)) from None
    return params


def _run(
    root: Path, params: Params, call: Call, snakemake: list[str], profile: Path, watch: edits.Watch
) -> int:
    began, study = time.time(), call.study
    target = [f"reports/rendered/{study}.html"] if study else []
    code = compute(root, [*snakemake, *TERSE, "--", *target])
    run = journal.read(root, since=began)
    if code == WRONG_INPUT:
        return code  # Snakemake has said what, before it started a job
    if code and _too_few(root, params, study):
        return WRONG_INPUT  # Snakemake has said so, and not always with this exit code
    if code:
        for line in ending.failures(root, run, profile) if run else ():
            print(line, file=sys.stderr)
        print(ending.goes_on(root, run, call), file=sys.stderr)
        return 1
    computed = time.time()
    job_seconds = _job_seconds(root, began)
    if not job_seconds:
        sync(root, ask=False)  # Snakemake calls it only after jobs, yet a `dvc pull` brings runs too
    recorded = not study and (root / ".git").exists()
    if recorded and (edited := watch.edited("during the run")):
        print(edited, file=sys.stderr)
        return 1
    conclusion = None if study else conclude(root)
    lock = lock_file.content(root)
    try:
        note = record(root, conclusion) if recorded else ""
    except RecordError as error:
        print(f"{error}\nthe results are computed and sealed, not recorded with DVC", file=sys.stderr)
        return 1
    if recorded and (edited := watch.edited("while the results were recorded")):
        lock_file.restore(root, lock)  # DVC has recorded the edit as what made the results
        print(edited, file=sys.stderr)
        return 1
    _show(root, params, study)
    print(_effort(job_seconds, began, computed))
    for line in ending.computed(run) if run else ():
        print(line)
    if not study and not recorded:
        print("No git repository here: the results are computed and sealed, not recorded with DVC.")
    if note:
        print(note)
    _conclude(root, params, study, conclusion)
    return 0


def _too_few(root: Path, params: Params, study: str) -> bool:
    """Whether a study asks for more than its image sets hold, which may be known only once a run has prepared them."""
    try:
        for name in [study] if study else params.default_studies:
            refuse_too_few(root, params, name)
    except ParamsError:
        return True
    return False


def compute(root: Path, command: list[str]) -> int:
    """Exit code of Snakemake after whatever a killed run left; once more if a lock turned up meanwhile."""
    code = 0
    bytecode.mend(Path(__file__).parents[2], root)
    for _ in range(2):
        leftovers.clear(root, WORKFLOW)
        code = watched(root, command)
        if not code or not leftovers.locked(root):
            break
    return code


def _show(root: Path, params: Params, study: str) -> None:
    """The claims of each study."""
    for name in [study] if study else params.default_studies:
        print(f"\n{name}: {params.studies[name].title}")
        _show_claims(json.loads((root / "results" / "claims" / f"{name}.json").read_text(encoding="utf-8")))


def _conclude(root: Path, params: Params, study: str, conclusion: Conclusion | None) -> None:
    """How the results relate to the published ones, and where the report is."""
    if study:
        every = f"`{typed(Call())}` does that for the default studies"
        more = "" if study in params.default_studies else ", of which this is none"
        print(f"One study alone is not recorded with DVC: {every}{more}.")
        print(f"Report: {root / 'reports' / 'rendered' / f'{study}.html'}")
        return
    if conclusion:
        print(f"Published results: {conclusion.text}")
    print(f"Report: {root / INDEX_PAGE}")


def _show_claims(claims: list[dict[str, Any]]) -> None:
    width = max((len(claim["id"]) for claim in claims), default=0)
    for claim in claims:
        low, high = claim["ci_low"], claim["ci_high"]
        print(
            f"  {claim['id']:{width}}  {claim['verdict']:12}  {claim['estimate']:+.3f} "
            f"[{low:+.3f}, {high:+.3f}]  {claim['statement']}"
        )


def _job_seconds(root: Path, began: float) -> list[float]:
    """Wall time of every job that started since ``began``."""
    seconds = []
    for seal in all_seals(root).values():
        told = here(seal, root).told if isinstance(seal, Seal) else {}
        started = told.get("started")
        if started and datetime.fromisoformat(started).timestamp() >= began:
            seconds.append(float(told.get("wall_seconds") or 0.0))
    return seconds


def _effort(job_seconds: list[float], began: float, computed: float) -> str:
    """How many jobs ran in this call, and how the wall time divides."""
    now = time.time()
    if not job_seconds:
        return f"\nEverything was fresh: 0 jobs ran ({now - began:.1f} s)."
    return (
        f"\n{len(job_seconds)} jobs ran: {sum(job_seconds):.0f} s of job time in {computed - began:.0f} s, "
        f"then {now - computed:.0f} s to record."
    )
