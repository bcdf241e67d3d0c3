"""`advtransfer publish --study`: what cannot be published apart is refused before anything is planned."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advtransfer.cli.commands import app

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize("study", ["linear-theory-large", "nonsense"])
def test_a_study_without_transfers_is_refused_in_one_line(tmp_path, monkeypatch, study):
    (tmp_path / "reports").mkdir()
    for name in ("params.yaml", "reports/claims.yaml"):
        shutil.copyfile(CHECKOUT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["publish", "--study", study, "--json"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"--study: found {study!r}, expected one of digits, ")
    assert len(done.stderr.splitlines()) == 1 and "theory" not in done.stderr.split("expected")[1]
