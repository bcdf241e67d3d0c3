"""The jobs of the toy, and what the tests of it do again and again."""

import os
import signal
from pathlib import Path

PREPARE = ["out/data/a.bin", "out/data/b.bin"]
TRAIN = ["out/model/0/model.bin", "out/model/1/model.bin"]
SCORE = ["out/score/0.json", "out/score/1.json"]
PAGE, MODEL_INDEX, REPORT_INDEX = "out/report/page.md", "out/model/INDEX", "out/report/INDEX"
REPORT = [PAGE, REPORT_INDEX]
# What sums up the two lineages.
SUMS = [MODEL_INDEX, *REPORT]
ALL = sorted(PREPARE + TRAIN + SCORE + SUMS)
LINEAGE = {"0": [TRAIN[0], SCORE[0]], "1": [TRAIN[1], SCORE[1]]}


def check(run, ran, stale=None):
    """Exactly these jobs ran, and these were named with these reasons."""
    assert run.ran == sorted(ran), run.text
    assert {name: run.stale.get(name) for name in stale or {}} == (stale or {})


def check_fresh(run):
    """Nothing ran, and nothing was found stale."""
    check(run, [])
    assert run.stale == {}


def altered(path):
    """Why a job whose output was changed is stale."""
    return f"output {path} altered since it was sealed"


def flip(path: Path, *, keep_times: bool = False) -> None:
    """Flip one bit in the middle of a file."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if keep_times:
        os.utime(path, ns=times)


def swap(one: Path, other: Path) -> None:
    """Exchange two files; each keeps its times."""
    aside = one.rename(one.with_name("aside"))
    other.rename(one)
    aside.rename(other)


def end(process) -> None:
    """Kill what is left of a process and its group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()
