"""A wrong call, or one outside of a project: exit code 2 and one line on stderr."""

from importlib.metadata import version

import pytest

CALLS = {
    "nonsense": ("No such command 'nonsense'", ""),
    "--nonsense": ("No such option: --nonsense", ""),
    "run --nonsense": ("No such option: --nonsense", " run"),
    "audit --recompute many": ("Invalid value for '--recompute'", " audit"),
    "why": ("Missing argument 'path'", " why"),
    "why a b": ("unexpected extra argument", " why"),
}


@pytest.fixture
def project(program):
    """Something that passes for one."""
    (program.folder / "params.yaml").write_text("studies: {}\n")
    return program


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("colours", [{}, {"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}])
def test_a_wrong_call_is_one_line(project, call, colours):
    done = project(*call.split(), **colours)
    (line,) = done.stderr.splitlines()
    said, command = CALLS[call]
    assert (done.returncode, done.stdout) == (2, "")
    assert said in line and line.endswith(f"; see advtransfer{command} --help")


@pytest.mark.parametrize("call", ["run", "status", "fetch", "why a", "audit", "track", "publish", "crate b"])
def test_outside_of_a_project_every_command_says_so(program, call):
    done = program(*call.split())
    line = f"{program.folder}: no advtransfer project here (no params.yaml); go to its top folder\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert not list(program.folder.iterdir())


def test_help_and_the_version_are_for_anywhere(program):
    assert program("why", "--help").returncode == 0
    told = program("--version")
    assert (told.returncode, told.stdout) == (0, f"advtransfer {version('advtransfer')}\n")


def test_jobs_run_anywhere(program):
    """On a node of a cluster that has the spec and the inputs, yet no params.yaml."""
    assert "no advtransfer project" not in program("job", "a", "a.seal", "--", "spec.json").stderr


def test_a_project_without_runs_says_that_there_is_nothing(project):
    assert project("status").stdout == "no job has run in this folder yet\n"
    assert project("track").stdout == "no new training runs logged\n"
