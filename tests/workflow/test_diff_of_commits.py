"""`dvc params|metrics|plots diff` between two commits: what was changed, and what became of the numbers."""

import json
import re

import pytest

VARIANT = "adversarial-l2"
EPS = f"studies.tiny.variants.{VARIANT}.perturbation.attack.eps"
COMMITS = ("HEAD~1", "HEAD")
LIBRARIES = ["vega", "vega-lite", "vega-embed"]


@pytest.fixture(scope="module")
def changed(built, tmp_path_factory):
    """HEAD~1 holds the results of eps 0.5, HEAD those of eps 5."""
    project = built.copy_to(tmp_path_factory.mktemp("workflow") / "changed")
    project.edit("params.yaml", "eps: 0.5, steps: 2", "eps: 5.0, steps: 2")
    project.run()
    project.commit("A stronger attack")
    return project


@pytest.fixture(scope="module")
def page(changed, offline):
    """What `dvc plots diff` writes."""
    changed.without_network(offline, "dvc", "plots", "diff", *COMMITS)
    return changed.path("dvc_plots/index.html").read_text()


def test_params_diff_names_the_changed_value_alone(changed, offline):
    shown = changed.without_network(offline, "dvc", "params", "diff", "--json", *COMMITS)
    ((file, changes),) = json.loads(shown).items()
    assert file == "params.yaml"
    assert {key: (change["old"], change["new"]) for key, change in changes.items()} == {EPS: (0.5, 5.0)}


def test_metrics_diff_shows_every_number_that_moved_and_by_how_much(built, changed, offline):
    old, new = (_flat(json.loads(p.path("results/summary.json").read_text())) for p in (built, changed))
    assert old.keys() == new.keys()
    moved = {key: (old[key], new[key]) for key in old if old[key] != new[key]}
    shown = changed.without_network(offline, "dvc", "metrics", "diff", "--json", *COMMITS)
    changes = json.loads(shown)["results/summary.json"]
    assert {key: (change["old"], change["new"]) for key, change in changes.items()} == moved
    numbers = {key: change for key, change in changes.items() if not key.endswith(".verdict")}
    for change in numbers.values():
        assert change["diff"] == pytest.approx(change["new"] - change["old"])
    # The variant's own numbers and the claim that compares it with clean: nothing else rests on its attack.
    assert any(VARIANT in key for key in numbers)
    assert all(VARIANT in key or key.startswith("tiny.claims.C1-") for key in changes)


def test_plots_diff_draws_both_commits_apart(built, changed, page):
    spec = json.loads(re.search(r"var spec = (\{.*\});", page).group(1))
    drawn = {rev: [] for rev in COMMITS}
    for point in spec["data"]["values"]:
        drawn[point["rev"]].append(",".join(point[column] for column in ("variant", "shots", "accuracy")))
    for project, rev in ((built, "HEAD~1"), (changed, "HEAD")):
        assert sorted(drawn[rev]) == _points(project)
    assert {row.split(",")[0] for row in {*drawn["HEAD"]} ^ {*drawn["HEAD~1"]}} == {VARIANT}
    # A protocol with one number of shots has points and no line: both must tell the commits apart.
    marks = [layer["encoding"] for layer in spec["spec"]["layer"]]
    assert [[name for name, by in mark.items() if by["field"] == "rev"] for mark in marks] == [
        ["strokeDash"],
        ["shape"],
    ]


def test_the_page_of_plots_asks_the_network_for_the_drawing_library_alone(changed, page):
    loaded = re.findall(r"""(?:src|href)=["']?https?://[^"'/]+/npm/([\w-]+)@""", page)
    assert loaded == LIBRARIES
    assert len(re.findall(r"""(?:src|href)=["']?""", page)) == len(LIBRARIES)
    assert changed.tool("git", "status", "--porcelain") == ""


def _points(project):
    header, *rows = project.path("results/accuracy_by_shots.csv").read_text().splitlines()
    columns = [header.split(",").index(name) for name in ("variant", "shots", "accuracy")]
    return sorted(",".join(row.split(",")[column] for column in columns) for row in rows)


def _flat(value, where=""):
    if not isinstance(value, dict):
        return {where: value}
    return {
        key: found
        for name, part in value.items()
        for key, found in _flat(part, f"{where}.{name}" if where else name).items()
    }
