"""Paths are data: what means something to a shell, a pattern, a format, an address or a statement of SQL is a name."""

ODD = "we [x] *y% $z 'q\" ;a? #h &é"


def test_a_project_may_lie_anywhere(source, tmp_path):
    project = source.copy_to(tmp_path / ODD / "-p")
    said = project.run().stdout
    assert "C1-linear" in said and f"Report: {project.root}" in said
    assert project.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert project.pending() == set()
    assert project.path("mlflow.db").is_file(), "the database is in the project"
    assert [path.name for path in project.root.parent.iterdir()] == ["-p"], "and nothing is beside it"
    assert project.advtransfer("track").stdout == "MLflow: the runs of all 3 training jobs are there\n"
    assert project.advtransfer("crate", "--", "-crate {b}").returncode == 0
    assert project.path("-crate {b}/ro-crate-metadata.json").is_file()


def test_braces_are_no_parameters_of_a_notebook(source, tmp_path):
    """DVC itself takes them for a format: what is recorded with it may not lie there, and the run says why."""
    project = source.copy_to(tmp_path / "a {b} {0} {}")
    assert "not recorded" in project.run("--study", "other").stdout
    assert "Another study" in project.path("reports/rendered/other.html").read_text()
    refused = project.advtransfer("run")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"DVC takes the braces of {project.root} for a format")


def test_a_profile_is_a_folder_of_any_name(copied, tmp_path):
    profile = tmp_path / "-pro [file] 'x'"
    profile.mkdir()
    text = copied.path("workflow/profiles/default/config.yaml").read_text()
    (profile / "config.yaml").write_text(text)
    assert "Everything was fresh" in copied.run("--profile", str(profile)).stdout
