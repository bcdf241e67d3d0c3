"""reports/published.json: what it may hold, older ones included; what is damaged is one line."""

import json
from pathlib import Path

import pytest

from advtransfer.cli.published_file import FILE, PublishedFile

CHECKOUT = Path(__file__).parents[3]
CLAIM = {"estimate": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_holm": None, "n": 3, "verdict": "supported"}
OLD = {"numbers": {"s/t/a": 0.5}, "artifacts": {"s": "results/m"}, "sha256": {"results/m": "0" * 64}}
NEW = OLD | {
    "claims": {"s/claims/C": CLAIM},
    "specs": {"results/m": "1" * 64},
    "machines": [{"processor": "A", "device": ["cpu", "cuda"]}, {"processor": "B"}],
    "made_on": {"results/m": 1},
    "drawn": {"matplotlib": "3"},
}


def load(root, content):
    (root / FILE).parent.mkdir(exist_ok=True)
    (root / FILE).write_text(json.dumps(content))
    return PublishedFile.load(root)


def test_a_file_of_an_older_release_is_read(tmp_path):
    found = load(tmp_path, OLD)
    assert (found.results.claims, found.specs, found.machines, found.drawn) == ({}, {}, [], {})
    assert found.machine_of("results/m") == {}


def test_the_shipped_file_is_read():
    assert len(PublishedFile.load(CHECKOUT).results.numbers) > 600


def test_what_is_written_is_what_is_read(tmp_path):
    found = load(tmp_path, NEW)
    assert json.loads(found.to_json()) == NEW
    assert PublishedFile.parse(json.loads(found.to_json())) == found
    assert found.machine_of("results/m") == {"processor": ["B"]}
    assert found.machines[0] == {"processor": ["A"], "device": ["cpu", "cuda"]}


@pytest.mark.parametrize(
    "change",
    [
        {"numbers": {"other/t/a": 0.5}},
        {"artifacts": {"s": "results/unknown"}},
        {"claims": {"s/claims/C": CLAIM | {"ci_low": "x"}}},
        {"claims": {"s/claims/C": CLAIM | {"verdict": None}}},
        {"claims": {"s/claims/C": {"estimate": 0.1}}},
        {"claims": []},
        {"specs": {"results/m": 3}},
        {"machines": {}},
        {"machines": [{"processor": 3}]},
        {"machines": [{"processor": [3]}]},
        {"made_on": {"results/m": 2}},
        {"made_on": {"results/m": -1}},
        {"drawn": [1]},
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, change):
    with pytest.raises(ValueError, match=r"^reports/published\.json: damaged \(.*\); restore it from git$"):
        load(tmp_path, NEW | change)
