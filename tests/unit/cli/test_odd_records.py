"""Journals, records and settings that are pipes, closed or nested beyond reason; seals that tell nonsense."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import patience
import pytest
from typer.testing import CliRunner
from unprivileged import as_nobody, open_folder  # noqa: F401 (a fixture)

from advtransfer.cli import journal, recordable
from advtransfer.cli.commands import app
from advtransfer.cli.conclusion import conclude
from advtransfer.cli.leftovers import clear
from advtransfer.cli.overview import last_lines
from advtransfer.cli.published import read_artifact
from advtransfer.cli.published_file import FILE, PublishedFile
from advtransfer.cli.records import check_records, load_records
from advtransfer.cli.run import _job_seconds
from advtransfer.evaluation import table
from advtransfer.params import ParamsError, load_params
from advtransfer.provenance.closure import code_hashes
from advtransfer.provenance.guard import Guard
from advtransfer.provenance.seal import seal_path, write_seal
from advtransfer.provenance.spec import Spec
from advtransfer.reporting import site
from advtransfer.reporting.seals import read, versions
from advtransfer.tracking import _milliseconds, _started, sync

pytestmark = pytest.mark.timeout(patience.limit(1))  # a test that waits at a pipe has failed
CHECKOUT = Path(__file__).parents[3]
APART = "tiny-imagenet-cifar10-cpu"
DEEP = "[" * 100_000
HEAD = {"pid": 1, "host": "h", "time": 5.0, "reused": 0, "jobs": []}


def put(path, text=None):
    """A file, or a pipe where there is no text for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text) if text is not None else os.mkfifo(path)


# ---- the journal -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        None,
        DEEP,
        "[]\n",
        "{}\n",
        json.dumps({**HEAD, "time": "x"}) + "\n",
        json.dumps({**HEAD, "jobs": [{"id": 1}]}) + "\n",
        json.dumps({**HEAD, "jobs": 7}) + "\n",
        json.dumps({**HEAD, "reused": None}) + "\n",
    ],
)
def test_what_is_no_journal_tells_of_no_run(tmp_path, text):
    put(tmp_path / journal.JOURNAL, text)
    assert journal.read(tmp_path) is None


@pytest.mark.parametrize(
    "line",
    [
        DEEP,
        "7",
        "{}",
        '{"time": "x", "event": "end", "jobs": [], "message": ""}',
        '{"time": 6, "event": "started", "jobs": 7, "message": ""}',
        '{"time": 6, "event": "started", "jobs": [[1]], "message": ""}',
        '{"time": 6, "event": [], "jobs": [1], "message": ""}',
        '{"time": 6, "event": "failed", "jobs": [1], "message": {}}',
    ],
)
def test_a_line_that_is_no_event_does_not_count(tmp_path, line):
    end = {"time": 9.0, "event": "end", "jobs": [], "message": ""}
    put(tmp_path / journal.JOURNAL, "\n".join([json.dumps(HEAD), line, json.dumps(end), ""]))
    assert journal.read(tmp_path).ended == 9.0


def test_status_says_that_a_journal_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").touch()
    put(tmp_path / journal.JOURNAL)
    done = CliRunner().invoke(app, ["status"])
    assert done.exit_code == 2
    assert done.stderr == (
        ".snakemake/run.jsonl: no regular file (a pipe); remove it, and the next run writes it anew\n"
    )


def test_a_closed_journal_is_told(open_folder):  # noqa: F811
    put(open_folder / journal.JOURNAL, json.dumps(HEAD) + "\n")
    assert journal.read(open_folder) and journal.why_closed(open_folder) == ""
    (open_folder / journal.JOURNAL).chmod(0)
    assert as_nobody(lambda: (journal.read(open_folder), journal.why_closed(open_folder))) == (
        None,
        ".snakemake/run.jsonl: permission denied; remove it, and the next run writes it anew",
    )


def test_logs_and_locks_that_are_pipes_keep_nobody_waiting(tmp_path):
    put(tmp_path / "log")
    assert last_lines(tmp_path / "log", 3) == []
    put(tmp_path / ".dvc/tmp/rwlock")
    clear(tmp_path, ["false"])


# ---- params.yaml, claims.yaml, notebooks --------------------------------------------------------------------


def test_settings_that_are_no_files_are_one_line(tmp_path):
    for name, make in {"pipe": os.mkfifo, "zero": lambda path: path.symlink_to("/dev/zero")}.items():
        make(tmp_path / name)
        with pytest.raises(
            ParamsError, match=rf"{name}: no regular file \(a (pipe|device)\), expected a file to read$"
        ):
            load_params(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"no regular file \(a pipe\)"),
        (DEEP, "not a notebook: nested too deeply"),
        ('{"cells": [7]}', "not a notebook: "),
        ('{"cells": 7}', "not a notebook: "),
        ('{"cells": [{"cell_type": "code"}]}', "not a notebook: 'source'"),
        ('{"cells": [{"cell_type": "code", "source": 5}]}', "not a notebook: "),
    ],
)
def test_a_template_that_is_no_notebook_is_one_line(tmp_path, text, words):
    (tmp_path / "stage.py").touch()
    put(tmp_path / "a.ipynb", text)
    with pytest.raises(ValueError, match=rf"a\.ipynb: {words}"):
        code_hashes("stage", [tmp_path / "a.ipynb"], source=tmp_path)


# ---- what was published -------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """What a fresh clone holds, without any artifact."""
    shutil.copytree(CHECKOUT / "reports/published", tmp_path / "reports/published")
    shutil.copyfile(CHECKOUT / "reports/published.json", tmp_path / "reports/published.json")
    return tmp_path


@pytest.mark.parametrize("text", [None, DEEP])
def test_a_list_of_published_numbers_that_cannot_be_read_is_one_line(project, text):
    put(project / FILE, text)
    with pytest.raises(ValueError, match=r"^reports/published\.json: [^\n]*restore it from git$"):
        PublishedFile.load(project)
    concluded = conclude(project)
    assert concluded.verdict == "fail"
    assert concluded.text.startswith("nothing was compared: reports/published.json: ")


@pytest.mark.parametrize("name", ["record.json", "metrics.parquet", "page.html"])
def test_a_record_with_a_pipe_in_it_fails_its_check(project, name):
    put(project / "reports/published" / APART / name)
    (check,) = check_records(project, load_records(project), {})
    assert check.verdict == "fail"
    assert (
        f"{name}: no regular file (a pipe)" in " ".join([check.reason, *check.findings])
        or name == "record.json"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda content: content["copies"].update({"../../../params.yaml": "a"}),
            "is no name of a file beside it",
        ),
        (
            lambda content: content["seals"][0]["made"].update(started="garbage"),
            "made.started: found 'garbage'",
        ),
    ],
)
def test_an_edited_record_fails_its_check(project, change, words):
    file = project / "reports/published" / APART / "record.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    (check,) = check_records(project, load_records(project), {})
    assert check.verdict == "fail" and words in " ".join([check.reason, *check.findings])


def test_an_artifact_that_is_a_pipe_is_not_parsed(tmp_path):
    put(tmp_path / "metrics.parquet")
    with pytest.raises(ValueError, match=r"^metrics\.parquet: damaged \(.*no regular file \(a pipe\)"):
        read_artifact(tmp_path, "metrics.parquet", table.read)


# ---- what DVC must not record --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "no regular file (a pipe)"),
        (lambda path: path.symlink_to(path), "too many levels of symbolic links"),
        (lambda path: path.symlink_to(path.parent), "a link to a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "no regular file (a device)"),
        (lambda path: path.symlink_to("gone"), "no such file or directory"),
        (lambda path: path.symlink_to("/etc/passwd"), "a link out of the project"),
    ],
)
def test_what_dvc_would_follow_or_wait_at_is_told(tmp_path, make, why):
    (tmp_path / "results/pretrain").mkdir(parents=True)
    (tmp_path / "results/pretrain/a").touch()
    assert recordable.why_not(tmp_path) == ""
    make(tmp_path / "results/pretrain/b")
    assert recordable.why_not(tmp_path) == (
        f"results/pretrain/b: {why}; remove it, so that DVC does not record what is there"
    )


def test_what_dvc_does_not_record_or_has_linked_itself_is_none_of_it(tmp_path, monkeypatch):
    put(tmp_path / "data/raw/pipe")
    put(tmp_path / "results/.tmp-1-x/pipe")
    put(tmp_path / "cache/files/00", "content")
    project = tmp_path / "project"
    (project / "results").mkdir(parents=True)
    (project / "results/a").symlink_to(tmp_path / "cache/files/00")
    monkeypatch.setattr(recordable, "_cache", lambda root: str(tmp_path / "cache"))
    assert recordable.why_not(tmp_path) == recordable.why_not(project) == ""


# ---- what seals tell of their jobs --------------------------------------------------------------------------

NONSENSE = {
    "started": "garbage",
    "git": "x",
    "wall_seconds": "long",
    "packages": ["torch"],
    "device": {},
    "lock_sha256": 7,
}


def seal(root, made):
    """A sealed training job."""
    outputs = {
        "weights": "results/pretrain/s/v/r0.safetensors",
        "curves": "results/pretrain/s/v/r0.curves.parquet",
    }
    wildcards = {"study": "s", "variant": "v", "block": "r0"}
    spec = Spec("pretrain", "stage", wildcards, {"eps": 1}, {}, {}, outputs)
    return write_seal(spec, dict.fromkeys(outputs.values(), "0" * 64), made, root / seal_path(spec.primary))


@pytest.mark.parametrize("key", NONSENSE)
def test_a_run_counts_its_jobs_whatever_seals_tell(tmp_path, key):
    good = {"started": datetime.now(UTC).isoformat(), "wall_seconds": 2.5}
    seal(tmp_path, good | {key: NONSENSE[key]})
    assert _job_seconds(tmp_path, 0.0) == ({"started": [], "wall_seconds": [0.0]}.get(key, [2.5]))


@pytest.mark.parametrize("made", [NONSENSE, {}, dict.fromkeys(NONSENSE)])
def test_pages_tracking_and_guard_bear_whatever_seals_tell(tmp_path, made):
    written = seal(tmp_path, made)
    seals = read([tmp_path / seal_path(written.spec.primary)])
    assert versions(seals) == {}
    assert written.spec.primary in site.artifacts(seals, {})
    assert _milliseconds(written) == 0 and _started(written) > 1.7e12
    (tmp_path / "src").mkdir()
    assert Guard(tmp_path, tmp_path / "src").seconds(written.spec.primary) is None


def test_tracking_waits_at_no_pipe(tmp_path, capsys):
    written = seal(tmp_path, {})
    os.mkfifo(tmp_path / written.spec.outputs["curves"])
    put(tmp_path / ".snakemake/tracked.json", DEEP)
    assert sync(tmp_path, ask=True).logged == 0
    assert "no regular file (a pipe)" in capsys.readouterr().err
