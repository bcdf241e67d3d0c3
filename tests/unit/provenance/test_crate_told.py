"""What seals tell but cannot prove is taken where it makes sense, and left out where it does not."""

from datetime import date

import pytest
from crate_project import DATA, MADE, MODELS, Toy, ids

from advtransfer.provenance.crate.history import History
from advtransfer.provenance.crate.jobs import Told, stamp, told
from advtransfer.provenance.hashing import Hasher

OPTIONAL = ("agent", "startTime", "endTime")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return Toy(tmp_path_factory.mktemp("toy")).build()


def test_older_seals_tell_nothing_and_are_actions_all_the_same(tmp_path):
    toy = Toy(tmp_path / "toy").build()
    toy.run("prepare", {"raw": "raw/data.txt"}, {"data": DATA}, {"n": 3}, made={})
    crate = toy.crate(tmp_path / "crate")
    action = crate[f"#job/{DATA}"]
    assert not set(OPTIONAL) & set(action)
    assert action["description"] == "Job of rule prepare"
    assert "softwareRequirements" not in crate.all(action, "instrument")[0]
    assert set(OPTIONAL) <= set(crate[f"#job/{MODELS[0]}"]), "the others still tell"


def test_where_no_seal_tells_anything_the_crate_claims_nothing(tmp_path):
    toy = Toy(tmp_path / "toy").build()
    for path in toy.root.rglob("*.seal"):
        path.unlink()
    toy.run("prepare", {"raw": "raw/data.txt"}, {"data": DATA}, {"n": 3}, made={})
    crate = toy.crate(tmp_path / "crate")
    for action in ("#run", "#engine-run", f"#job/{DATA}"):
        assert not set(OPTIONAL) & set(crate[action])
    assert "author" not in crate["./"]
    assert date.fromisoformat(crate["./"]["datePublished"]), "there has to be one: the day of the export"
    assert "softwareVersion" not in crate.all(crate["#engine-run"], "instrument")[0]


NOTHING = Told(None, None, None, False, None, None, (), "")


@pytest.mark.parametrize(
    "made",
    [
        {"started": "yesterday", "wall_seconds": 1},
        {"started": "2026-01-02T03:04:05", "wall_seconds": 1},  # no time zone
        {"started": 7, "wall_seconds": "1"},
        {"started": "0001-01-01T00:00:00+23:00", "wall_seconds": 1},  # before the first day, in UTC
        {"wall_seconds": 3.0},
        {"git": None, "packages": None, "lock_sha256": None, "cpu": None},
        {"git": "main", "packages": ["numpy"], "threads": "two", "interpreter": 3},
        {"git": {"commit": "--output=/tmp/x"}},
        {"git": {"commit": COMMIT[:-1]}},
        {"packages": {"numpy": None, "": "1"}},
    ],
)
def test_what_makes_no_sense_is_left_out(made):
    assert told(made) == NOTHING


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), True, 1e300, 1e12, None])
def test_an_impossible_duration_leaves_the_start(seconds):
    found = told({"started": "2026-01-02T03:04:05+00:00", "wall_seconds": seconds})
    assert found.started is not None
    assert found.ended is None


def test_times_are_given_in_utc_to_the_millisecond():
    found = told({"started": "2026-01-02T03:04:05.5+02:00", "wall_seconds": 1})
    assert (stamp(found.started), stamp(found.ended)) == (
        "2026-01-02T01:04:05.500+00:00",
        "2026-01-02T01:04:06.500+00:00",
    )
    assert stamp(None) is None


def test_edits_beside_the_commit_are_told():
    assert told({"git": {"commit": COMMIT, "dirty": True}}).where() == "commit 0123456789ab with edits"
    assert told({"git": {"commit": COMMIT, "dirty": False}, "cpu": "X"}).where() == "commit 0123456789ab, X"


def test_commits_that_are_not_known_here_have_no_author(toy, tmp_path):
    known = toy.git("rev-parse", "HEAD")
    assert History(toy.root).author(known) == "Ada Ü. Lovelace"
    assert History(toy.root).author(COMMIT) is None
    assert History(tmp_path).author(known) is None


def test_engine_version_is_that_of_the_sealed_lock_file_not_of_the_present_one(tmp_path):
    toy = Toy(tmp_path / "toy").build()
    toy.write("requirements.lock", "snakemake==10.0 \\\n")
    jobs = [told(toy.made)]
    assert History(toy.root).engine_versions(jobs, "snakemake") == ["9.8.7"], "from the commit"
    toy.git("checkout", "--quiet", "requirements.lock")
    assert History(toy.root).engine_versions(
        [told(MADE | {"lock_sha256": toy.made["lock_sha256"]})], "snakemake"
    ) == ["9.8.7"], "from the working tree"
    assert History(toy.root).engine_versions([told(MADE | {"lock_sha256": "0" * 64})], "snakemake") == []
    assert History(toy.root).engine_versions(jobs, "make") == []


def test_jobs_of_two_versions_of_the_engine_have_two_engines(tmp_path):
    toy = Toy(tmp_path / "toy").build()
    toy.write("requirements.lock", "snakemake==10.0 \\\n")
    toy.commit("Another Snakemake")
    digest = Hasher(None).sha256(toy.root / "requirements.lock")
    git = {"commit": toy.git("rev-parse", "HEAD"), "dirty": False}
    newer = toy.made | {"lock_sha256": digest, "git": git}
    toy.run("late", {}, {"out": "results/late.txt"}, None, stage="pkg.text", made=newer)
    crate = toy.crate(tmp_path / "crate")
    engines = crate.all(crate["#engine-run"], "instrument")
    assert [one["softwareVersion"] for one in engines] == ["10.0", "9.8.7"]
    assert len(ids(crate["./"], "author")) == 1, "both commits have one author"
