"""Where jobs may run: a profile is there, and so is what it needs, before anything starts."""

import shutil

import pytest
from program import CHECKOUT

from advtransfer.cli.run import refuse_missing_executor
from advtransfer.params import ParamsError


@pytest.mark.parametrize("executor", ["local", "dryrun", "touch", "slurm", "kubernetes"])
def test_an_executor_that_is_installed_is_taken(executor):
    refuse_missing_executor("mine", executor)


@pytest.mark.parametrize(
    ("executor", "package"), [("moon", "moon"), ("cluster_generic", "cluster-generic"), ("a-b", "a-b")]
)
def test_an_executor_that_is_not_installed_is_one_line_that_says_what_installs_it(executor, package):
    """Snakemake itself shows its whole usage."""
    with pytest.raises(ParamsError) as caught:
        refuse_missing_executor("mine", executor)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"PROFILE: found 'mine', whose executor needs snakemake-executor-plugin-{package}")
    assert "`make setup-cluster`" in line


def test_the_command_refuses_it_before_anything_starts(program):
    for name in ("params.yaml", "reports/claims.yaml"):
        (program.folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(CHECKOUT / name, program.folder / name)
    (program.folder / "moon").mkdir()
    (program.folder / "moon/config.yaml").write_text("executor: moon\njobs: 1\n")
    done = program("run", "--profile", "moon")
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("PROFILE: found 'moon', whose executor needs")
    assert not (program.folder / ".snakemake").exists()
