"""``advtransfer phase``: what a stage of dvc.yaml runs, so that a call of DVC tells what failed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from advtransfer.cli import ending, journal, leftovers
from advtransfer.cli.recording import COMPUTED
from advtransfer.cli.run import PROFILES, TERSE, WORKFLOW, WRONG_INPUT, compute


def run(arguments: Sequence[str]) -> NoReturn:
    """``phase INDEX``: computes up to the artifact that completes a phase. Exits as Snakemake does."""
    if len(arguments) != 1:
        print("usage: advtransfer phase INDEX, such as results/pretrain/INDEX", file=sys.stderr)
        raise SystemExit(WRONG_INPUT)
    raise SystemExit(_run(Path.cwd(), arguments[0]))


def _run(root: Path, index: str) -> int:
    """Exit code of Snakemake, after whatever a killed run left.

    A run that records its results has the folder already, and calls DVC, which calls this: all is computed then.
    """
    with leftovers.alone(root) as holder:
        if holder and not leftovers.is_above(holder):
            print(f"another run holds this folder: {holder}; wait for it or end it", file=sys.stderr)
            return 1
        if holder and COMPUTED in os.environ:
            return 0
        began = time.time()
        code = compute(root, [*WORKFLOW, *TERSE, "--", index])
    if code and code != WRONG_INPUT:
        run = journal.read(root, since=began)
        for line in ending.failures(root, run, PROFILES / "default") if run else ():
            print(line, file=sys.stderr)
    return code
