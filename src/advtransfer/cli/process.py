"""``advtransfer process``: one of the processes that share the work of a job."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from advtransfer.cli.job import SOURCE
from advtransfer.provenance.job_code import SHARED, JobCode
from advtransfer.provenance.spec import load_spec


def run(arguments: Sequence[str]) -> None:
    """``process MODULE ARGUMENT``: calls ``process(ARGUMENT)`` of a stage's module.

    It may run the code of the job's spec alone, like the process that started it; the job's runner says where the spec
    is. Where none does (a stage that is called by hand), nothing is checked.
    """
    if len(arguments) != 2:
        print("usage: advtransfer process MODULE ARGUMENT", file=sys.stderr)
        raise SystemExit(2)
    name, argument = arguments
    with _watched():
        import_module(name).process(argument)


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    if SHARED not in os.environ:
        yield
        return
    code = JobCode(load_spec(Path(os.environ[SHARED])), SOURCE)
    code.refuse_change()
    code.drop_stale_bytecode()
    with code.watched():
        yield
        code.refuse_strangers()
