"""Figures show what they are given, are the same bytes every time, and read without colour."""

import matplotlib
import pytest

from advtransfer.evaluation.statistics import means, paired_differences
from advtransfer.reporting import figures, style


def part(metrics, protocol="linear", metric="accuracy"):
    return metrics[(metrics["protocol"] == protocol) & (metrics["metric"] == metric)]


FIGURES = {
    "accuracy_by_shots": lambda rows: figures.accuracy_by_shots(means(rows)),
    "differences": lambda rows: figures.differences(paired_differences(rows, "clean")),
    "levels": lambda rows: figures.levels(means(rows)),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_equal_data_gives_equal_bytes(metrics, draw):
    rows = part(metrics)
    first = draw(rows)
    text = style.svg(first)
    assert text == style.svg(first)
    assert text == style.svg(draw(rows.sample(frac=1, random_state=0)))
    assert "dc:date" not in text


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_settings_of_the_user_do_not_matter(metrics, draw):
    expected = style.svg(draw(part(metrics)))
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.fonttype": "none"}):
        assert style.svg(draw(part(metrics))) == expected
        assert matplotlib.rcParams["font.size"] == 20


def test_lines_and_bands(metrics):
    estimates = means(part(metrics))
    axes = figures.accuracy_by_shots(estimates).axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    clean = estimates[estimates["variant"] == "clean"].sort_values("shots")
    assert list(lines["clean"].get_ydata()) == pytest.approx(clean["mean"].tolist())
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "5", "10"]
    assert len(axes.collections) == estimates["variant"].nunique()


def test_legend_goes_from_the_best_variant_down(metrics):
    (legend,) = figures.accuracy_by_shots(means(part(metrics))).legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[0] == "combined-linf"
    assert names[-1] == "raw"


def test_one_panel_per_target_and_all_labels_last(metrics):
    rows = part(metrics).assign(target="a", shots=part(metrics)["shots"].replace(10, 0))
    twice = means(rows), means(rows.assign(target="b"))
    both = twice[0].merge(twice[1], how="outer")
    lines = figures.accuracy_by_shots(both)
    assert [axes.get_title() for axes in lines.axes] == ["a", "b"]
    assert [tick.get_text() for tick in lines.axes[0].get_xticklabels()] == ["1", "2", "5", "all"]
    assert figures.levels(both).axes[-1].get_title() == "b · all"


def test_hollow_marker_where_the_interval_holds_0(metrics):
    estimates = paired_differences(part(metrics), "clean").assign(low=-1.0, high=1.0)
    axes = figures.differences(estimates).axes[0]
    faces = {line.get_markerfacecolor() for line in axes.get_lines() if line.get_marker() not in ("None", "")}
    assert faces == {"white"}


def test_no_two_variants_look_alike_in_grey():
    seen = style.looks([*style.LOOKS, "mine", "another", "third"])
    assert len({look.marker for look in seen.values()}) == len(seen)
    assert style.in_order(["zebra", "raw", "clean", "ant"]) == ["clean", "raw", "ant", "zebra"]
