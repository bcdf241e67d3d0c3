"""What another machine gets from Git and a DVC remote is as good as computed there."""


def test_a_pulled_clone_has_nothing_to_compute(built, copied, tmp_path):
    remote = tmp_path / "remote"
    copied.tool("dvc", "remote", "add", "--local", "--default", "folder", str(remote))
    copied.tool("dvc", "push", "--quiet")
    clone = copied.clone_to(tmp_path / "elsewhere" / "clone")
    clone.tool("dvc", "remote", "add", "--local", "--default", "folder", str(remote))
    clone.tool("dvc", "pull", "--quiet")
    assert clone.artifacts() == built.artifacts()
    assert clone.pending() == set()
    assert "Everything was fresh: 0 jobs ran" in clone.run().stdout
    assert clone.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert clone.tool("git", "status", "--porcelain") == ""
