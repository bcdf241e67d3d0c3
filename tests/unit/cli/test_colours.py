"""Escape codes on a terminal, or where FORCE_COLOR asks for them; none in a pipe, and none with NO_COLOR."""

import pytest
from program import PROGRAM

ESCAPE = "\x1b"
SHOWN = {
    "help": ["--help"],
    "help of a command": ["why", "--help"],
}


@pytest.fixture(params=SHOWN)
def arguments(request):
    return SHOWN[request.param]


def test_a_pipe_gets_none_unless_forced(program, arguments):
    plain = program(*arguments)
    assert plain.stdout + plain.stderr and ESCAPE not in plain.stdout + plain.stderr
    forced = program(*arguments, FORCE_COLOR="1")
    assert ESCAPE in forced.stdout + forced.stderr
    refused = program(*arguments, FORCE_COLOR="1", NO_COLOR="1")
    assert (refused.stdout, refused.stderr) == (plain.stdout, plain.stderr)


def test_a_terminal_gets_them_unless_refused(program, arguments):
    assert ESCAPE in program.on_terminal(PROGRAM, *arguments)
    shown = program.on_terminal(PROGRAM, *arguments, NO_COLOR="1")
    assert "advtransfer" in shown and ESCAPE not in shown


def test_completion_is_set_up_without_colours_too(program):
    """In a home of its own; the shell is the one that calls."""
    command = ["bash", "-c", f"{PROGRAM} --install-completion; true"]
    assert f"{ESCAPE}[32mbash completion installed" in program.on_terminal(*command)
    shown = program.on_terminal(*command, NO_COLOR="1")
    assert "bash completion installed" in shown and ESCAPE not in shown


@pytest.mark.parametrize(
    "arguments",
    [["why", "a"], ["fetch"], ["publish"], ["audit"], ["crate", "b"], ["run"], ["nonsense"], ["--nonsense"]],
)
def test_an_error_is_plain_everywhere(program, arguments):
    """There is no project."""
    shown = program.on_terminal(PROGRAM, *arguments, FORCE_COLOR="1")
    expected = "; see advtransfer --help" if "nonsense" in arguments[0] else ": no advtransfer project here"
    assert expected in shown and ESCAPE not in shown
