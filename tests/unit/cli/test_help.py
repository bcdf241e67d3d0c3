"""The help fits on a screen, and its examples are commands that would run."""

import shlex

import pytest
import typer

from advtransfer.cli import job
from advtransfer.cli.commands import app

GROUP = typer.main.get_command(app)
NAMES = list(GROUP.commands)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def examples(shown):
    return [line.split("Example: ")[1].strip() for line in shown.splitlines() if "Example: " in line]


def words_of(example):
    """The words behind `advtransfer` of every call of it in a line of shell."""
    for command in example.split(" && "):
        words = shlex.split(command)
        while "=" in words[0]:
            words.pop(0)
        if words[0] == "advtransfer":
            yield words[1:]


def test_the_commands_fit_on_one_screen(program):
    shown = program("--help", COLUMNS="80").stdout
    assert len(shown.splitlines()) <= 24
    assert all(len(line) <= 80 for line in shown.splitlines())
    listed = [line.strip("│ ").split()[0] for line in shown.split("Commands")[1].splitlines() if "│" in line]
    assert listed == NAMES, "each command is one line"
    assert program(COLUMNS="80").stdout.split() == shown.split()


def test_a_command_shows_its_examples_whole(program, name):
    shown = program(name, "--help", COLUMNS="80")
    assert shown.returncode == 0
    assert examples(shown.stdout) == examples(GROUP.commands[name].help) != []


def test_an_example_is_a_command_line_of_this_program(monkeypatch, name):
    ran = []
    monkeypatch.setattr(job, "prepare_environment", lambda **_: None)
    monkeypatch.setattr(job, "run_job", lambda spec, outputs, inputs, source: ran.append(spec.name))
    for example in examples(GROUP.commands[name].help):
        calls = list(words_of(example))
        assert any(words[0] == name for words in calls), example
        for called, *words in calls:
            context = GROUP.commands[called].make_context(called, words)
            if called == "job":  # its own parser reads the words
                job.run(context.args)
    assert ran == (["spec.json"] if name == "job" else [])


@pytest.mark.parametrize("wrong", [["run", "--studies", "a"], ["audit", "--recompute", "many"], ["why"]])
def test_a_wrong_example_would_be_seen(wrong):
    name, *words = wrong
    with pytest.raises(Exception, match=r"studies|integer|path"):
        GROUP.commands[name].make_context(name, words)
