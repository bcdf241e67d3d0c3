"""Numbers lead to the seals of the jobs that computed them."""

from advtransfer.evaluation.statistics import means, paired_differences
from advtransfer.reporting import tables
from advtransfer.reporting.sources import NOWHERE, Sources, anchors


def row(path, seal):
    return {"path": path, "rule": "transfer", "seal": seal * 64, "sha256": "0" * 64}


CLEAN = [row(f"results/transfer/s/t/clean/r{n}.parquet", seal) for n, seal in enumerate("ab")]
RAW = [row("results/transfer/s/t/raw/r0.parquet", "c")]
OTHERS = [
    row("results/transfer/s/t/clean-tuned/r0.parquet", "d"),
    row("results/transfer/other/t/clean/r0.parquet", "e"),
    row("results/claims/s.json", "f"),
]
SOURCES = Sources("s", CLEAN + RAW + OTHERS)


def test_a_number_has_the_jobs_of_its_study_target_and_variants():
    assert SOURCES.measured("t", "clean") == CLEAN
    assert SOURCES.measured("t", "clean", "raw") == CLEAN + RAW
    assert SOURCES.measured("t") == CLEAN + RAW + OTHERS[:1]
    assert SOURCES.verdicts() == OTHERS[2:]
    simulated = [
        row("results/theory/s/dense/metrics.parquet", "1"),
        row("results/theory/s/dense/rates.parquet", "1"),
    ]
    assert Sources("s", simulated).measured("dense", "clean") == simulated[:1]
    assert Sources("s", simulated).fitted("dense") == simulated[1:]


def test_what_features_are_like_is_measured_by_jobs_of_their_own():
    measured = row("results/transfer/s/t/r0.measures.parquet", "9")
    assert Sources("s", [*CLEAN, measured]).features("t") == [measured]
    assert SOURCES.features("t") == []


def test_links():
    assert SOURCES.traced("0.5", RAW) == f'<a class="n" href="#s-{"c" * 12}">0.5</a>'
    several = SOURCES.traced("0.5", CLEAN)
    assert f'href="#s-{"a" * 12}" data-seals="{"a" * 12} {"b" * 12}"' in several
    elsewhere = Sources("s", RAW, "artifacts.html").traced("0.5", RAW)
    assert f'href="artifacts.html#s-{"c" * 12}" title="{RAW[0]["path"]}, rule transfer, seal' in elsewhere
    assert SOURCES.traced("0.5", []) == "0.5"
    assert SOURCES.traced("–", RAW) == "–"
    assert NOWHERE.measured("t") == []


def test_each_seal_has_one_anchor():
    twice = [row("a", "a"), row("b", "a"), row("c", "b")]
    assert anchors(twice) == [f"s-{'a' * 12}", "", f"s-{'b' * 12}"]
    assert tables.artifacts(twice).count(f'<tr id="s-{"a" * 12}">') == 1


def test_a_difference_rests_on_its_baseline_too(metrics):
    rows = metrics[(metrics["protocol"] == "linear") & (metrics["metric"] == "accuracy")]
    made = [
        row(f"results/transfer/digits/contrast/{v}/r0.parquet", s) for v, s in (("clean", "a"), ("raw", "b"))
    ]
    sources = Sources("digits", made)
    assert tables.means(means(rows), sources).count("data-seals") == 0
    differences = tables.means(paired_differences(rows, "clean"), sources, baseline="clean")
    assert differences.count(f'data-seals="{"b" * 12} {"a" * 12}"') == 4, "raw minus clean, at four shots"
