"""What a run shows while it is at work and when it ends: on a terminal, in a log, in another terminal."""

import json
import os
import pty
import re
import shlex
import sys
import time

import patience

from advtransfer.cli.watch import EVERY_SECONDS

RUN = (sys.executable, "-m", "advtransfer", "run")
STAGE = "src/advtransfer/stages/transfer.py"
FIRST_LINE = "    device = pick_device()\n"
BROKEN = '    print("deep trouble")\n    if "raw" in str(outputs):\n        raise ValueError("it broke")\n'
RAW = "results/transfer/tiny/low-contrast/raw/r000-002.parquet"


def status(project):
    return json.loads(project.advtransfer("status", "--json").stdout)


def test_without_a_terminal_a_line_a_job_and_the_reasons_at_the_end(fresh):
    assert status(fresh) is None
    assert fresh.advtransfer("status").stdout == "no job has run in this folder yet\n"
    process = fresh.start(*RUN, output=fresh.root.parent / "run.log")
    fresh.wait(process, lambda: (status(fresh) or {"running": []})["running"])
    told = status(fresh)
    assert told["state"] == "running" and told["jobs"]["planned"] == 20 and told["memory"]["run"] > 0
    assert list(told["phases"]) == ["data", "pretrain", "transfer", "theory", "report"]
    assert process.wait(timeout=patience.limit(60)) == 0
    told = status(fresh)
    assert told["state"] == "finished" and told["jobs"]["done"] == 20 and told["jobs"]["left"] == 0
    said = (fresh.root.parent / "run.log").read_text()
    assert "\x1b" not in said
    assert len(re.findall(r"^(\d+) of 20  \w+ \S+ in \d+ s$", said, re.MULTILINE)) == 20
    assert re.search(r"^  pretrain +3  no seal$", said, re.MULTILINE)


def test_a_changed_parameter_is_named_as_the_reason(copied):
    copied.edit("params.yaml", "learning_rate: 3e-3", "learning_rate: 4e-3")
    said = copied.run().stdout
    assert re.search(
        r"^  pretrain +3  params changed: optimiser.learning_rate 0.003 -> 0.004$", said, re.MULTILINE
    )
    assert re.search(r"^  pseudo_label +1  what it is made from was computed anew$", said, re.MULTILINE)
    assert re.search(r"^  \d+ jobs were fresh: their results are used as they are$", said, re.MULTILINE)


def test_a_failure_ends_with_the_log_and_the_command_that_runs_that_job_again(copied):
    copied.edit(STAGE, FIRST_LINE, BROKEN + FIRST_LINE)
    done = copied.advtransfer("run")
    assert done.returncode == 1
    end = done.stderr[done.stderr.index(f"transfer failed: {RAW}") :].splitlines()
    assert "    ValueError: it broke" in end and f"  log: logs/{RAW}.log" in end
    assert end[-1] == "the run failed; `advtransfer run` goes on from there"
    assert "deep trouble" in copied.path(f"logs/{RAW}.log").read_text()
    told = status(copied)
    assert told["state"] == "failed" and [job["output"] for job in told["failed"]] == [RAW]
    assert f"transfer {RAW} failed  log: logs/{RAW}.log" in copied.advtransfer("status").stdout
    (again,) = [line.removeprefix("  again: ") for line in end if line.startswith("  again: ")]
    copied.edit(STAGE, BROKEN, "")
    copied.edit(STAGE, FIRST_LINE, "    print('mended')\n" + FIRST_LINE)
    program, *arguments = shlex.split(again)
    assert program == "snakemake"
    done = copied.snakemake(*arguments)
    assert done.returncode == 0, done.stderr
    assert "mended" in copied.path(f"logs/{RAW}.log").read_text()
    told = status(copied)
    assert (told["state"], told["jobs"]["planned"], told["jobs"]["done"]) == ("finished", 1, 1)


def test_on_a_terminal_one_view_is_drawn_anew_and_gone_at_the_end(copied):
    copied.edit("params.yaml", "learning_rate: 3e-3", "learning_rate: 5e-3")
    copied.edit(STAGE, FIRST_LINE, f"    __import__('time').sleep({1.5 * EVERY_SECONDS})\n" + FIRST_LINE)
    said = on_a_terminal(copied, *RUN)
    drawn = [line for line in said.splitlines() if "jobs done" in line]
    assert len(drawn) > 1
    assert re.search(r"\[#+\.+\] \d+ of \d+ jobs done \(\d running, \d+ left\), \d+ reused", said)
    assert "\x1b[1A" in said, "drawn over the view before"
    assert not re.search(r"\d+ of \d+  \w+ \S+ in \d+ s", said), "no lines of single jobs"
    assert "jobs ran: " in said[said.rindex("jobs done") :]


def on_a_terminal(project, *command):
    """What a command shows on a terminal of 100 columns."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project.root)
        os.execvpe(command[0], command, project.environment(TERM="xterm", COLUMNS="100", LINES="40"))
    said, deadline = [], time.monotonic() + patience.limit(60)
    while time.monotonic() < deadline:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said.append(part)
    _, code = os.waitpid(child, 0)
    text = b"".join(said).decode()
    assert code == 0, text
    return text
