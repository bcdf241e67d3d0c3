"""On a busy machine Git answers late; what it says is not left out for that."""

import subprocess

import pytest

from advtransfer.provenance.crate.history import History
from advtransfer.provenance.environment import git_state

LATE_SECONDS = 60


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, whose Git takes a minute from here on, in the eyes of whoever waits."""
    git = ["git", "-c", "user.name=A. Uthor", "-c", "user.email=x@example.org"]
    (tmp_path / "a").touch()
    for command in (["init", "-q"], ["add", "a"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    run = subprocess.run

    def late(command, *arguments, timeout=None, **options):
        if timeout is not None and timeout < LATE_SECONDS:
            raise subprocess.TimeoutExpired(command, timeout)
        return run(command, *arguments, timeout=timeout, **options)

    monkeypatch.setattr(subprocess, "run", late)
    return tmp_path


def test_a_late_git_is_waited_for(repository):
    state = git_state(repository)
    assert state is not None and state["dirty"] is False
    assert History(repository).author(state["commit"]) == "A. Uthor"
