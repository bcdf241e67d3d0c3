"""Paths are data: what means something to a shell, a pattern, a format, an address or a statement of SQL is a name."""

import pytest

ODD = "we [x] *y% $z 'q\" ;a? #h &é"


def test_a_project_may_lie_anywhere(source, tmp_path):
    project = source.copy_to(tmp_path / ODD / "-p")
    project.edit("params.yaml", "default_studies: [tiny]", "default_studies: [other]")
    said = project.run().stdout
    assert "other: Another study" in said and f"Report: {project.root}" in said
    assert project.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert project.pending() == set()
    assert project.path("mlflow.db").is_file(), "the database is in the project"
    beside = {path.name for path in project.root.parent.iterdir()} - {"-p", "dvc-site"}
    assert not beside, "and nothing is beside it"
    assert (
        project.advtransfer("track").stdout == "no new training runs logged: MLflow has that of the one job\n"
    )
    assert project.advtransfer("crate", "--", "-crate {b}").returncode == 0
    assert project.path("-crate {b}/ro-crate-metadata.json").is_file()


def test_braces_are_no_parameters_of_a_notebook(source, tmp_path):
    project = source.copy_to(tmp_path / "a {b}")
    assert "not recorded" in project.run("--study", "other").stdout
    assert "Another study" in project.path("reports/rendered/other.html").read_text()


@pytest.mark.parametrize(("name", "study"), [("a {b}", ()), ("a {0}", ("--study", "other")), ("a }", ())])
def test_braces_that_dvc_or_snakemake_trip_over_are_refused_before_anything_runs(
    source, tmp_path, name, study
):
    project = source.copy_to(tmp_path / name)
    done = project.advtransfer("run", *study)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{project.root}: found braces in the path of the project")


def test_a_profile_is_a_folder_of_nearly_any_name(copied, tmp_path):
    """But for what Snakemake takes for a pattern, which is said before anything runs."""
    text = copied.path("workflow/profiles/default/config.yaml").read_text()
    for name in ("pro {file} 'x' %", "pro [file]"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(text)
    assert "Everything was fresh" in copied.run("--profile", str(tmp_path / "pro {file} 'x' %")).stdout
    refused = copied.advtransfer("run", "--profile", str(tmp_path / "pro [file]"))
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert "expected a path without *, ? and [, which Snakemake takes for a pattern" in line
