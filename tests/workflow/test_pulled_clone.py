"""What another machine gets from Git and a DVC remote is as good as computed there."""


def test_a_pulled_clone_has_nothing_to_compute(built, copied, tmp_path):
    clone = copied.pull_to(tmp_path / "elsewhere" / "clone", tmp_path / "remote")
    assert clone.artifacts() == built.artifacts()
    assert clone.pending() == set()
    assert "Everything was fresh: 0 jobs ran" in clone.run().stdout
    assert clone.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert clone.tool("git", "status", "--porcelain") == ""
