import importlib.util
import json
import os
import py_compile
import signal
import subprocess
import sys
from pathlib import Path

import patience
import pytest

import advtransfer
from advtransfer.provenance import published_seals
from advtransfer.provenance.closure import code_hashes, forget
from advtransfer.provenance.guard import Guard
from advtransfer.provenance.job import run_job
from advtransfer.provenance.seal import Seal, read_seal

INPUTS = {"texts": ["in/a", "in/b"], "other": "in/c"}
OUTPUTS = {"all": "out/all", "log": "log/all"}
STAGE = """
def main(params, inputs, outputs):
    outputs["all"].write_text("".join(path.read_text() for path in inputs["texts"]) + params["end"])
    outputs["log"].write_text(inputs["other"].read_text())
    return {"device": "cpu"}
"""


@pytest.fixture
def project(tmp_path, monkeypatch, source, write):
    """A project in the working directory whose one stage is in package `firstparty`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(source))
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / name).write_text(name)
    write("firstparty/__init__.py", "")
    write("firstparty/stage.py", STAGE)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("firstparty")]:
        del sys.modules[name]
    forget()


@pytest.fixture
def spec_file(project, source):
    """Write the spec of the job, as the guard does."""

    def write_spec(params=None):
        forget()
        guard = Guard(project, source)
        return guard.spec_file("r", "firstparty.stage", params or {"end": "."}, INPUTS, OUTPUTS, {})

    return write_spec


@pytest.fixture
def run(spec_file, source):
    """Write the spec and run the job."""

    def run_it(params=None):
        run_job(spec_file(params), ["out/all", "log/all"], ["in/a", "in/b", "in/c"], source=source)

    return run_it


def leftovers(project):
    return sorted(path.name for path in project.rglob(".tmp-*"))


def test_job_makes_its_outputs_and_seals_them(project, run, source):
    run()
    assert ((project / "out/all").read_text(), (project / "log/all").read_text()) == ("ab.", "c")
    seal = read_seal(project / "out/all.seal")
    assert seal.spec.code == code_hashes("firstparty.stage", source=source)
    assert set(seal.sha256) == {"in/a", "in/b", "in/c", "out/all", "log/all"}
    made = seal.made
    assert made["device"] == "cpu"
    assert made["interpreter"].startswith("CPython 3.")
    assert made["wall_seconds"] >= made["compute_seconds"] >= 0
    assert {"started", "packages", "cpu", "git", "lock_sha256", "threads", "platform"} < set(made)
    assert leftovers(project) == []
    guard = Guard(project, source)
    guard.spec_file("r", "firstparty.stage", {"end": "."}, INPUTS, OUTPUTS, {})
    assert guard.stale == {}


PUBLISHED_MADE = {"cpu": "Theirs", "started": "2020-01-01T00:00:00.000+00:00", "wall_seconds": 1.5}


def publish(project, **changes):
    """Publishes the seal of the job, as if it had been made elsewhere, among others."""
    seal = read_seal(project / "out/all.seal")
    theirs = Seal(seal.spec, seal.sha256, PUBLISHED_MADE | changes)
    others = {f"other/{n}": Seal(seal.spec, seal.sha256, {"cpu": "Theirs", "gpu": n}) for n in range(2)}
    (project / published_seals.FILE).parent.mkdir()
    (project / published_seals.FILE).write_text(published_seals.to_json({"out/all": theirs, **others}))
    return theirs


def test_a_job_that_makes_the_published_bytes_gets_the_published_seal_and_is_noted_here(project, run):
    run()
    theirs = publish(project)
    run()
    seal = read_seal(project / "out/all.seal")
    assert seal == theirs and (project / "out/all.seal").read_text() == theirs.to_json()
    here = published_seals.here(seal, project)
    assert here.id == seal.id and here.told["started"] > "2026" and here.made["device"] == "cpu"


def test_other_bytes_or_another_spec_are_sealed_as_what_they_are(project, run):
    run()
    publish(project)
    for change in ({"end": "!"}, None):
        if change is None:
            (project / "in/a").write_text("A")
        run(change)
        seal = read_seal(project / "out/all.seal")
        assert "device" in seal.made and published_seals.here(seal, project) is seal


def test_what_a_published_seal_tells_of_files_of_its_machine_is_taken_over_by_none(project, run):
    run()
    publish(project, raw={"newest": "2020"})
    run()
    assert read_seal(project / "out/all.seal").made["device"] == "cpu"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"jobs": {"out/all": 3}}', '{"jobs": {"out/all": {"id": 1}}}']
)
def test_a_damaged_file_of_published_seals_harms_no_job(project, run, content):
    (project / published_seals.FILE).parent.mkdir()
    (project / published_seals.FILE).write_text(content)
    run()
    assert read_seal(project / "out/all.seal").made["device"] == "cpu"


def test_files_may_stand_for_the_paths_of_the_spec(project, spec_file, source):
    (project / "in").rename(project / "cache")
    run_job(spec_file(), ["cache/x", "cache/y"], ["cache/b", "cache/a", "cache/c"], source=source)
    assert (project / "cache/x").read_text() == "ba."
    assert set(read_seal(project / "cache/x.seal").sha256) == {"in/a", "in/b", "in/c", "out/all", "log/all"}


def test_outputs_of_one_name_do_not_meet(project, spec_file, source):
    run_job(spec_file(), ["x/same", "y/same"], ["in/a", "in/b", "in/c"], source=source)
    assert ((project / "x/same").read_text(), (project / "y/same").read_text()) == ("ab.", "c")


def check_refused(project, call, message):
    with pytest.raises(SystemExit) as caught:
        call()
    assert isinstance(caught.value.code, str)
    assert "\n" not in caught.value.code
    assert message in caught.value.code
    assert leftovers(project) == []
    assert not (project / "out/all.seal").exists()


def test_refuses_code_that_changed_since_the_spec(project, spec_file, write, source):
    file = spec_file()
    write("firstparty/stage.py", STAGE.replace("params", "values"))
    call = lambda: run_job(file, ["out/all", "log/all"], ["in/a", "in/b", "in/c"], source=source)  # noqa: E731
    check_refused(project, call, "code changed since the spec was written: firstparty.stage")
    assert "firstparty.stage" not in sys.modules
    write("firstparty/stage.py", "# only a comment more\n" + STAGE)
    call()


def test_refuses_wrong_arguments(project, spec_file, source):
    file = spec_file()
    check_refused(
        project, lambda: run_job(file, ["out/all"], [], source=source), "1 outputs given, its spec has 2"
    )
    check_refused(project, lambda: run_job("gone.json", [], [], source=source), "cannot read the job's spec")
    (project / "in/a").unlink()
    call = lambda: run_job(file, ["out/all", "log/all"], ["in/a", "in/b", "in/c"], source=source)  # noqa: E731
    check_refused(project, call, "input in/a is missing")


HIDDEN = "    import importlib\n    importlib.import_module('first' + 'party.hidden')\n"


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (STAGE + HIDDEN.replace("    ", ""), "imported code that its spec does not know: firstparty.hidden"),
        (STAGE.replace("    return", HIDDEN + "    return"), "does not know: firstparty.hidden"),
        (
            STAGE.replace('outputs["log"].write_text', "print"),
            "did not write a file for its output log (log/all)",
        ),
        (
            STAGE.replace("    return", '    inputs["other"].write_text("x")\n    return'),
            "input in/c changed",
        ),
        (STAGE.replace('{"device": "cpu"}', '{"loss": float("nan")}'), "extras.loss: nan is not plain JSON"),
        (STAGE.replace('{"device": "cpu"}', "3"), "returned int"),
    ],
)
def test_refuses_results_that_cannot_be_vouched_for(project, run, write, stage, message):
    write("firstparty/hidden.py", "")
    write("firstparty/stage.py", stage)
    check_refused(project, run, message)
    assert not (project / "out/all").exists()


def test_refuses_code_that_changed_between_the_check_and_its_import(project, run, write, source):
    write("firstparty/late.py", "x = 1")
    late = source / "firstparty" / "late.py"
    edit = f"    import pathlib\n    pathlib.Path({str(late)!r}).write_text('x = 2')\n"
    body = edit + "    import firstparty.late\n    return"
    write("firstparty/stage.py", STAGE.replace("    return", body))
    check_refused(project, run, "code changed while the job ran: firstparty.late")


def test_an_edit_behind_a_late_import_does_no_harm(project, run, write, source):
    """Somebody goes on working while a training runs that has loaded its objective long ago."""
    write("firstparty/late.py", "x = 1")
    late = source / "firstparty" / "late.py"
    edit = f"    import pathlib\n    pathlib.Path({str(late)!r}).write_text('x = 2')\n"
    write("firstparty/stage.py", STAGE.replace("    return", f"    import firstparty.late\n{edit}    return"))
    run()
    assert sys.modules["firstparty.late"].x == 1


def test_unknown_code_is_refused_before_it_runs(project, run, write):
    write("firstparty/hidden.py", "import pathlib\npathlib.Path('ran').touch()\n")
    write("firstparty/stage.py", STAGE.replace("    return", HIDDEN + "    return"))
    check_refused(project, run, "does not know: firstparty.hidden")
    assert not (project / "ran").exists()


def test_refuses_code_from_elsewhere(project, run, tmp_path, monkeypatch):
    other = tmp_path / "site" / "firstparty"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    (other / "stage.py").write_text(STAGE)
    monkeypatch.syspath_prepend(str(other.parent))
    check_refused(project, run, "imported code that its spec does not know: firstparty, firstparty.stage")


def test_touched_input_and_edited_imported_code_do_no_harm(project, run, write, source):
    touch = f"    import os; os.utime('in/a'); os.utime({str(source / 'firstparty/stage.py')!r})\n    return"
    write("firstparty/stage.py", STAGE.replace("    return", touch))
    run()


def test_bytecode_of_an_edit_that_kept_size_and_time_is_not_used(project, run, write, source):
    file = write("firstparty/stage.py", STAGE + "EPS = 3\n")
    compiled = py_compile.compile(str(file))
    assert Path(compiled) == Path(importlib.util.cache_from_source(str(file)))
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text(STAGE + "EPS = 7\n")
    os.utime(file, ns=times)
    run()
    assert sys.modules["firstparty.stage"].EPS == 7


def test_error_of_the_stage_passes_through_and_the_old_result_stays(project, run, write):
    run()
    before = (project / "out/all.seal").read_text()
    write("firstparty/stage.py", STAGE.replace("    return", "    raise KeyError('x')\n    return"))
    del sys.modules["firstparty.stage"]
    with pytest.raises(KeyError):
        run()
    assert leftovers(project) == []
    assert (project / "out/all.seal").read_text() == before


JOB = """
import sys
from advtransfer.provenance.job import run_job
run_job(sys.argv[1], ["out/all", "log/all"], ["in/a", "in/b", "in/c"], source="src")
"""


@pytest.fixture
def running(project, spec_file, write):
    """The job in a process of its own, waiting in the middle of its stage, over an older whole result."""
    (project / "out").mkdir()
    (project / "out/all").write_text("old")
    (project / "out/all.seal").write_text("old")
    wait = (
        "    from pathlib import Path; Path('started').touch()\n    import time; time.sleep(3600)\n    return"
    )
    write("firstparty/stage.py", STAGE.replace("    return", wait))
    code = os.pathsep.join(["src", str(Path(advtransfer.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": code}
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, spec_file()], env=environment, stderr=subprocess.PIPE
    )
    patience.until((project / "started").exists, 5, process)
    yield process
    process.kill()
    process.communicate()


def test_sigterm_cleans_up(project, running):
    assert len(leftovers(project)) == 1
    running.terminate()
    assert running.wait(patience.limit(1)) == 128 + signal.SIGTERM
    assert leftovers(project) == []
    assert (project / "out/all").read_text() == "old"


def test_next_job_cleans_up_after_sigkill(project, running, run, write):
    running.kill()
    running.wait(patience.limit(1))
    assert len(leftovers(project)) == 1
    assert (project / "out/all").read_text() == "old"
    write("firstparty/stage.py", STAGE)
    run()
    assert leftovers(project) == []


def test_killed_while_publishing_leaves_no_seal(project, run, monkeypatch):
    run()
    from advtransfer.provenance import job

    def die(*arguments):
        raise MemoryError

    monkeypatch.setattr(job, "write_seal", die)
    with pytest.raises(MemoryError):
        run({"end": "!"})
    assert (project / "out/all").read_text() == "ab!"
    assert not (project / "out/all.seal").exists()


def test_git_state_is_recorded(project, run):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "in"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    run()
    assert read_seal(project / "out/all.seal").made["git"] == {"commit": head, "dirty": False}
    (project / "in/a").write_text("edited")
    (project / "requirements.lock").write_text("x==1")
    run()
    made = json.loads((project / "out/all.seal").read_text())["made"]
    assert made["git"] == {"commit": head, "dirty": True}
    assert len(made["lock_sha256"]) == 64


def test_a_stage_that_asks_for_it_finds_what_its_failed_attempt_kept(project, run, write):
    write(
        "firstparty/stage.py",
        """
def main(params, inputs, outputs, scratch):
    checkpoint = scratch / "checkpoint"
    if not checkpoint.exists():
        scratch.mkdir(parents=True)
        checkpoint.write_text("half")
        raise RuntimeError("killed")
    outputs["all"].write_text(checkpoint.read_text() + params["end"])
    outputs["log"].write_text("")
""",
    )
    with pytest.raises(RuntimeError, match="killed"):
        run()
    assert list((project / ".snakemake/scratch").rglob("checkpoint"))
    run()
    assert (project / "out/all").read_text() == "half."
    assert not list((project / ".snakemake/scratch").iterdir())


def test_what_an_attempt_on_other_inputs_kept_is_not_found(project, run, write):
    """The spec is the same, as it names paths: a training on other images must not be gone on from."""
    write(
        "firstparty/stage.py",
        """
def main(params, inputs, outputs, scratch):
    scratch.mkdir(parents=True)
    text = inputs["other"].read_text()
    (scratch / "checkpoint").write_text(text)
    if text == "c":
        raise RuntimeError("killed")
    outputs["all"].write_text(text)
    outputs["log"].write_text("")
""",
    )
    with pytest.raises(RuntimeError, match="killed"):
        run()
    (project / "in/c").write_text("other images")
    run()
    assert (project / "out/all").read_text() == "other images"
    (kept,) = (project / ".snakemake/scratch").rglob("checkpoint")
    assert kept.read_text() == "c"
