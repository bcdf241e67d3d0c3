"""params.yaml or the code edited while a run computes: nothing is recorded that was not asked for."""

import sys

import patience
import pytest

RUN = (sys.executable, "-m", "advtransfer", "run")
STAGE = "src/advtransfer/stages/summarise.py"
LAST = "results/claims/tiny.json.seal"


@pytest.fixture
def started(copied, tmp_path):
    """A run that computes the transfers anew, whose parameters were read."""
    copied.edit("params.yaml", "{shots: [1, 2], l2_strength: 10.0}", "{shots: [1, 2], l2_strength: 11.0}")
    process = copied.start(*RUN, output=tmp_path / "log")
    journal = copied.path(".snakemake/run.jsonl")
    before = journal.stat().st_mtime_ns
    copied.wait(process, lambda: journal.exists() and journal.stat().st_mtime_ns != before)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("params.yaml", "l2_strength: 11.0", "l2_strength: 12.0"),
        ("reports/claims.yaml", "statement: Attacks help", "statement: Attacks may help"),
    ],
)
def test_an_edited_parameter_is_told_and_nothing_is_recorded(copied, started, tmp_path, name, old, new):
    lock = copied.path("dvc.lock").read_bytes()
    copied.edit(name, old, new)
    assert started.wait(timeout=patience.limit(60)) == 1
    assert (tmp_path / "log").read_text().splitlines()[-1] == f"{name} changed during the run: run again"
    assert copied.path("dvc.lock").read_bytes() == lock
    copied.run()
    assert copied.tool("dvc", "status") == "Data and pipelines are up to date.\n"


def test_edited_code_matters_where_it_makes_results_stale(copied, started, tmp_path):
    lock = copied.path("dvc.lock").read_bytes()
    seal = copied.path(LAST)
    before = seal.stat().st_mtime_ns
    copied.append("src/advtransfer/cli/run.py", "EDITED = True")
    copied.wait(started, lambda: seal.exists() and seal.stat().st_mtime_ns != before)
    copied.append("src/advtransfer/stages/claims.py", "EDITED = True")
    assert started.wait(timeout=patience.limit(60)) == 1
    said = (tmp_path / "log").read_text().splitlines()[-1]
    assert said == (
        "src/advtransfer/cli/run.py and src/advtransfer/stages/claims.py changed during the run: run again"
    )
    assert copied.path("dvc.lock").read_bytes() == lock


def test_an_edit_while_the_results_are_recorded_leaves_the_record_as_it_was(copied, started, tmp_path):
    """DVC would record the edit as what made the results."""
    lock = copied.path("dvc.lock").read_bytes()
    temporary = copied.path(".dvc/tmp/rwlock")  # DVC holds it while it records
    before = temporary.stat().st_mtime_ns if temporary.exists() else None
    copied.wait(started, lambda: temporary.exists() and temporary.stat().st_mtime_ns != before)
    copied.edit("params.yaml", "l2_strength: 11.0", "l2_strength: 12.0")
    assert started.wait(timeout=patience.limit(60)) == 1
    said = (tmp_path / "log").read_text().splitlines()[-1]
    assert said == "params.yaml changed while the results were recorded: run again"
    assert copied.path("dvc.lock").read_bytes() == lock


def test_comments_and_the_runners_own_code_are_recorded_as_they_are(copied, started, tmp_path):
    copied.append("params.yaml", "# a remark")
    copied.append("src/advtransfer/cli/run.py", "EDITED = True")
    assert started.wait(timeout=patience.limit(60)) == 0, (tmp_path / "log").read_text()
    assert copied.tool("dvc", "status") == "Data and pipelines are up to date.\n"
