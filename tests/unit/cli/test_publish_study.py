"""`advtransfer publish --study`: what cannot be published apart is refused before anything is planned."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advtransfer.cli import completion
from advtransfer.cli.commands import app

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize("study", ["linear-theory-large", "digits", "nonsense"])
def test_a_study_that_has_no_record_of_its_own_is_refused_in_one_line(tmp_path, monkeypatch, study):
    (tmp_path / "reports").mkdir()
    for name in ("params.yaml", "reports/claims.yaml"):
        shutil.copyfile(CHECKOUT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["publish", "--study", study, "--json"])
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    found, able = line.split("an image study that is no default one: ")
    assert found == f"--study: found {study!r}, expected "
    assert "tiny-imagenet-cifar10" in able.split(", ") and "digits" not in able and "theory" not in able


def test_only_studies_that_have_one_are_offered(monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    offered = completion.studies_apart("")
    assert "tiny-imagenet-cifar10" in offered and not {"digits", "linear-theory-large"} & {*offered}
    assert completion.studies_apart("digits") == []
