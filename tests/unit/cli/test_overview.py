"""How far a run is, told from its journal: states, time left, jobs tried again, journals that are being written."""

import json
import os
import socket

import pytest

from advtransfer.cli import ending, journal
from advtransfer.cli.journal import JOURNAL, Planned, Writer
from advtransfer.cli.overview import last_lines, lines, overview

HERE = socket.gethostname()
ABSENT = 2**22 + 1  # no process has this id
ALL = {"data/a": None, "results/b": None, "results/c": None, "results/d": None}


def planned(seconds=None, rule="pretrain", reasons=None):
    found = enumerate((ALL | (seconds or {})).items(), 1)
    return [
        Planned(i, rule, path.split("/")[0], path, f"logs/{path}.log", (reasons or {}).get(path, ""), took)
        for i, (path, took) in found
    ]


def write(root, events, *, pid=None, host=HERE, began=1000.0, jobs=None, reused=5):
    """A journal with these (seconds after its beginning, event, jobs[, message])."""
    head = {"pid": pid or os.getpid(), "host": host, "time": began, "reused": reused}
    head["jobs"] = [vars(job) for job in jobs or planned()]
    told = [
        {"time": began + at, "event": event, "jobs": numbers, "message": "".join(message)}
        for at, event, numbers, *message in events
    ]
    (root / JOURNAL).parent.mkdir(exist_ok=True)
    (root / JOURNAL).write_text("".join(json.dumps(line) + "\n" for line in [head, *told]))


def found(root, now=1100.0):
    return overview(root, journal.read(root), now)


@pytest.fixture
def living(monkeypatch):
    """This process began before the journals of these tests say that they did."""
    monkeypatch.setattr("psutil.Process.create_time", lambda self: 900.0)


def test_a_run_at_work(tmp_path, living):
    write(tmp_path, [(0, "started", [1, 2]), (10, "finished", [1]), (10, "started", [3])])
    (tmp_path / "logs/results").mkdir(parents=True)
    (tmp_path / "logs/results/c.log").write_text("one\nepoch 3  loss .2\n\n")
    told = found(tmp_path)
    assert told["state"] == "running"
    assert told["jobs"] == {"planned": 4, "done": 1, "running": 2, "failed": 0, "left": 1, "reused": 5}
    assert told["phases"] == {"data": (1, 1), "results": (0, 3)}
    assert [(job["output"], job["seconds"], job["line"]) for job in told["running"]] == [
        ("results/b", 100, ""),
        ("results/c", 90, "epoch 3  loss .2"),
    ]
    assert told["memory"]["run"] > 0 and told["memory"]["total"] > told["memory"]["used"]
    said = "\n".join(lines(told))
    assert "1 of 4 jobs done (2 running, 1 left), 5 reused" in said and "data 1/1   results 0/3" in said
    assert "pretrain results/c  0:01:30\n    epoch 3  loss .2" in said


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([(0, "started", [1, 2, 3, 4]), (9, "finished", [1, 2, 3, 4])], "finished"),
        ([(0, "started", [1, 2]), (9, "failed", [1]), (9, "finished", [2])], "failed"),
        ([(0, "started", [1]), (9, "finished", [1])], "stopped"),
        ([], "stopped"),
    ],
)
@pytest.mark.parametrize("killed", [False, True])
def test_how_a_run_ended(tmp_path, events, state, killed):
    """By itself, or so that it could not say."""
    ended = [] if killed else [(9, "end", [])]
    write(tmp_path, events + ended, pid=ABSENT)
    told = found(tmp_path)
    assert told["state"] == state and told["running"] == [] and told["memory"] is None
    assert told["seconds"] == (9 if events or not killed else 0)


def test_jobs_that_a_killed_run_left_are_failed_ones(tmp_path):
    write(tmp_path, [(0, "started", [1, 2]), (5, "finished", [1])], pid=ABSENT)
    told = found(tmp_path)
    assert [job["output"] for job in told["failed"]] == ["results/b"] and told["jobs"]["left"] == 2


def test_a_process_that_took_over_the_number_is_not_the_run(tmp_path):
    write(tmp_path, [(0, "started", [1])])  # this test's process began after that
    assert found(tmp_path)["state"] == "stopped"


def test_a_run_on_another_host_cannot_be_seen(tmp_path):
    write(tmp_path, [(0, "started", [1])], host="elsewhere")
    told = found(tmp_path)
    assert (told["state"], told["host"], told["memory"]) == ("unknown", "elsewhere", None)
    assert len(told["running"]) == 1
    assert "only elsewhere can tell whether it still runs" in "\n".join(lines(told))


def test_a_job_that_failed_and_is_tried_again_is_at_work(tmp_path, living):
    write(tmp_path, [(0, "started", [1]), (5, "failed", [1], "out of memory"), (6, "started", [1])])
    told = found(tmp_path)
    assert told["jobs"]["failed"] == 0 and told["running"][0]["seconds"] == 94


def test_time_left_is_that_of_earlier_runs_shared_by_as_many_jobs_at_once(tmp_path, living):
    """Two at a time: 100 s each, of which 60 and 40 have passed, and another 80."""
    seconds = {"data/a": 100.0, "results/b": 100.0, "results/c": 100.0, "results/d": 80.0}
    events = [(0, "started", [1, 2]), (40, "finished", [1]), (40, "started", [3])]
    write(tmp_path, events, jobs=planned(seconds))
    told = found(tmp_path, now=1080.0)
    assert told["seconds_left"] == (20 + 60 + 80) / 2 and told["unknown"] == 0
    assert "about 0:01:20 left" in "\n".join(lines(told))


def test_time_left_of_new_jobs_is_the_mean_of_their_rule_in_this_run(tmp_path, living):
    write(tmp_path, [(0, "started", [1]), (30, "finished", [1]), (30, "started", [2])])
    assert found(tmp_path, now=1040.0)["seconds_left"] == 20 + 30 + 30


def test_nothing_is_said_of_the_time_left_where_nothing_is_known(tmp_path, living):
    jobs = [*planned(), Planned(9, "report", "results", "results/r", "l", "", 7.0)]
    write(tmp_path, [(0, "started", [1])], jobs=jobs)
    told = found(tmp_path, now=1010.0)
    assert (told["seconds_left"], told["unknown"]) == (7, 4)
    assert "about 0:00:07 left and 4 jobs of which no time is known" in "\n".join(lines(told))
    write(tmp_path, [(0, "started", [1])])
    assert "time left not known yet" in "\n".join(lines(found(tmp_path, now=1010.0)))


def test_a_line_that_is_being_written_does_not_count(tmp_path):
    write(tmp_path, [(0, "started", [1])])
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"time": 1005.0, "event": "fini')
    assert journal.read(tmp_path).jobs[1].running


@pytest.mark.parametrize("line", ["garbage", "1", "{}", '{"event": "finished"}', '["a"]', "\x00\x00"])
def test_a_line_that_holds_no_event_does_not_count(tmp_path, line):
    write(tmp_path, [(0, "started", [1, 2])])
    with (tmp_path / JOURNAL).open("a") as file:
        file.write(f"{line}\n")
        file.write('{"time": 1005.0, "event": "finished", "jobs": [2], "message": ""}\n')
    jobs = journal.read(tmp_path).jobs
    assert jobs[1].running and jobs[2].ended == 1005.0


@pytest.mark.parametrize("head", ["garbage\n", '{"time": 1.0}\n', ""])
def test_a_journal_without_its_head_is_none(tmp_path, head):
    (tmp_path / JOURNAL).parent.mkdir()
    event = '{"time": 1005.0, "event": "finished", "jobs": [2], "message": ""}\n'
    (tmp_path / JOURNAL).write_text(head + event)
    assert journal.read(tmp_path) is None
    Writer().append("started", [1])
    assert (tmp_path / JOURNAL).read_text() == head + event


def test_only_the_process_that_began_a_journal_adds_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Writer().append("started", [1])
    assert journal.read(tmp_path) is None
    journal.begin(tmp_path, planned(), reused=3)
    writer = Writer()
    writer.append("started", [1, 77])  # 77: a rule without outputs
    writer.append("failed", [1], "why")
    writer.close()
    run = journal.read(tmp_path)
    assert (run.pid, run.host, run.reused) == (os.getpid(), HERE, 3)
    assert run.jobs[1].failed and run.jobs[1].message == "why" and 77 not in run.jobs
    write(tmp_path, [], pid=ABSENT)
    other = Writer()
    other.append("started", [1])
    assert journal.read(tmp_path).jobs[1].started is None


def test_the_end_of_a_long_log(tmp_path):
    (tmp_path / "log").write_text("".join(f"line {i}\r\n" for i in range(5000)))
    assert last_lines(tmp_path / "log", 2) == ["line 4998", "line 4999"]
    assert last_lines(tmp_path / "none", 2) == []


# ---- what a run leaves to say ------------------------------------------------------------------------------


def test_reasons_are_counted_rule_by_rule(tmp_path):
    reasons = {"data/a": "no seal", "results/b": "no seal", "results/c": "params changed"}
    write(
        tmp_path, [(0, "started", [1, 2, 3, 4]), (1, "finished", [1, 2, 3, 4])], jobs=planned(reasons=reasons)
    )
    assert list(ending.computed(journal.read(tmp_path))) == [
        f"  pretrain     4  no seal (2); params changed (1); {ending.FOLLOWS} (1)",
        "  5 jobs were fresh: their results are used as they are",
    ]


def test_a_long_reason_is_cut(tmp_path):
    long = "params changed: " + ", ".join(f"declared.{i} a -> b" for i in range(50))
    write(tmp_path, [(0, "started", [1]), (1, "finished", [1])], jobs=planned(reasons={"data/a": long}))
    line, _ = ending.computed(journal.read(tmp_path))
    assert line.startswith("  pretrain     1  params changed: declared.0 a -> b, ") and line.endswith("...")
    assert len(line) < 120


def test_equal_failures_of_several_replicas_are_told_once_with_their_number(tmp_path):
    events = [(0, "started", [1, 2, 3, 4]), (1, "failed", [1, 2, 3, 4])]
    write(tmp_path, events)
    for name, line in {"data/a": "too few", "results/b": "too few", "results/c": "too many"}.items():
        log = tmp_path / f"logs/{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"{name}: {line}\n")
    said = list(ending.failures(tmp_path, journal.read(tmp_path), "p"))
    assert [line for line in said if "failed: " in line] == [
        "pretrain failed: data/a and 1 more, for the same reason",
        "pretrain failed: results/c",
        "pretrain failed: results/d",
    ]
    assert said[1] == "    data/a: too few" and "    data/b: too few" not in said


def test_a_failure_ends_with_its_log_and_what_runs_it_again(tmp_path):
    write(tmp_path, [(0, "started", [1, 2]), (1, "failed", [1], "OUT_OF_MEMORY"), (2, "failed", [2])])
    log = tmp_path / "logs/data/a.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {i}\n" for i in range(40)))
    said = list(ending.failures(tmp_path, journal.read(tmp_path), "workflow/profiles/slurm"))
    assert said[:2] == ["pretrain failed: data/a", "    OUT_OF_MEMORY"]
    assert said[2:14] == [f"    line {i}" for i in range(28, 40)]
    again = "  again: snakemake --workflow-profile workflow/profiles/slurm -- "
    assert said[14:] == [
        "  log: logs/data/a.log",
        f"{again}data/a",
        "pretrain failed: results/b",
        "  log: logs/results/b.log (not written)",
        f"{again}results/b",
    ]
