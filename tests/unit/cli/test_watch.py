"""What a run shows of what Snakemake says: one line instead of a traceback, however slowly that comes."""

import sys

import pytest

from advtransfer.cli.watch import watched

SLOW_TRACEBACK = """
import sys, time
print("Building DAG", file=sys.stderr, flush=True)
for line in ["Traceback (most recent call last):", "", "  File 'a.py', line 3, in main", "    open('x')", ""]:
    time.sleep(0.4)
    print(line, file=sys.stderr, flush=True)
time.sleep(0.4)
print("OSError: [Errno 28] No space left on device: 'x'", file=sys.stderr, flush=True)
raise SystemExit(1)
"""
KILLED = """
import sys
print("bash: line 1: 15441 Killed                  python -m advtransfer job a > b 2>&1", file=sys.stderr)
print("/usr/bin/bash: line 1: 15441 Killed                  python -m advtransfer job a > b 2>&1", file=sys.stderr)
print("bash: line 1: python: command not found", file=sys.stderr)
"""
CUT_OFF = "import sys; print('Traceback (most recent call last):\\n  File', file=sys.stderr)"


@pytest.mark.parametrize(
    ("script", "code", "shown"),
    [
        (SLOW_TRACEBACK, 1, ["Building DAG", "disk full: x: free space and run again"]),
        (KILLED, 0, ["bash: line 1: python: command not found"]),
        (CUT_OFF, 0, ["Traceback (most recent call last):", "  File"]),
    ],
)
def test_the_cause_is_shown_alone(tmp_path, capsys, script, code, shown):
    assert watched(tmp_path, [sys.executable, "-c", script]) == code
    assert capsys.readouterr().err.splitlines() == shown
