"""Has DVC record what a run computed, or leaves its record alone where that is no news."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advtransfer.cli import causes, lock_file, recordable
from advtransfer.cli.conclusion import Conclusion
from advtransfer.cli.recordable import FOLDERS, RAW
from advtransfer.provenance import children
from advtransfer.provenance.audit import recorded, unrecorded
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.verdict import PASS, REPRODUCED
from advtransfer.provenance.masking import masked

# Tells a phase that DVC calls that the run which records has just computed it: Snakemake need not look again.
COMPUTED = "ADVTRANSFER_COMPUTED"


class RecordError(Exception):
    """DVC fails, or must not be let loose on what lies there; the message says why."""


def record(root: Path, conclusion: Conclusion | None) -> str:
    """Has DVC record every phase, all just computed, unless these are the published results made anew from the
    recorded params and code.

    Says in one line what was not recorded, if anything. Raises RecordError.
    """
    if trouble := recordable.why_not(root):
        raise RecordError(trouble)
    lock_file.put_aside_odd(root)
    changes = _status(root) if conclusion and conclusion.verdict in (PASS, REPRODUCED) else None
    if changes == {}:
        return ""
    if changes and not any(_news(changes, root)):
        evidence = Evidence.gather(root, FOLDERS, without=[RAW])
        if recorded.made_anew(evidence):  # else it only has to be put into DVC's cache
            recorded.leave(evidence)
            return (
                "dvc.lock stays as it is, the record of the published results. Those made here are left out of it: "
                f"{unrecorded.TOLD}."
            )
    record_anew(root, **{COMPUTED: "1"})
    return ""


def record_anew(root: Path, **variables: str) -> None:
    """Has DVC record every phase, under these environment variables. Raises RecordError."""
    if trouble := _repro(root, **variables):
        if not lock_file.put_aside_damaged(root, trouble):
            raise RecordError(trouble)
        if trouble := _repro(root, **variables):
            raise RecordError(trouble)
    unrecorded.forget(root)


def _repro(root: Path, **variables: str) -> str:
    """What DVC said if it failed."""
    done = _call(root, "repro", **variables)
    said = masked(f"{done.stdout}{done.stderr}".strip())
    return (causes.cause_in(said) or said) if done.returncode else ""


def _status(root: Path) -> dict[str, Any] | None:
    """What DVC says changed since its record, by stage; None where it cannot tell."""
    done = _call(root, "status", "--json")
    try:
        status = json.loads(done.stdout)
    except ValueError:
        return None
    return status if isinstance(status, dict) and not done.returncode else None


def _news(status: dict[str, Any], root: Path) -> Iterator[str]:
    """Of what changed since DVC's record the inputs: code, params, a stage that it does not know; outputs are none."""
    try:
        outs = {out.path for out in recorded.outputs(root)}
    except (OSError, ValueError):
        outs = set()
    for stage, changes in status.items():
        for change in changes:
            if not isinstance(change, dict):
                yield stage  # its command, or that it was never run
            else:
                yield from (path for path in change.get("changed deps", {}) if path not in outs)


def _call(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    # DVC's stages call `advtransfer` by name: it must be this environment's
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path} | variables
    return children.run([sys.executable, "-m", "dvc", *arguments], cwd=root, env=environment)
