"""What the interactive plots draw is what the figures show."""

import json

import numpy as np
import pytest

from advtransfer.evaluation.statistics import means
from advtransfer.reporting import plots, style, uplot
from advtransfer.reporting.exhibits import data_link, exhibit
from advtransfer.reporting.figures import accuracy_by_shots


@pytest.fixture
def estimates(metrics):
    return means(metrics[(metrics["protocol"] == "linear") & (metrics["metric"] == "accuracy")])


def test_lines_against_shots_are_the_estimates(estimates):
    (panel,) = plots.by_shots(estimates)
    assert panel.x == [0, 1, 2, 3] and panel.ticks == ["1", "2", "5", "10"]
    clean = next(line for line in panel.lines if line.name == "clean")
    rows = estimates[estimates["variant"] == "clean"].sort_values("shots")
    assert clean.y == rows["mean"].tolist()
    assert (clean.low, clean.high) == (rows["low"].tolist(), rows["high"].tolist())
    assert clean.colour == style.LOOKS["clean"].colour


def test_all_labels_come_last_and_what_was_not_measured_is_a_gap(estimates):
    rows = estimates[~((estimates["variant"] == "raw") & (estimates["shots"] == 5))]
    (panel,) = plots.by_shots(rows.assign(shots=rows["shots"].replace(1, 0)))
    assert panel.ticks == ["2", "5", "10", "all"]
    told = json.loads(plots.to_json([panel]))
    raw = next(line for line in told["panels"][0]["lines"] if line["name"] == "raw")
    assert [value is None for value in raw["y"]] == [False, True, False, False]
    assert told["names"] == style.in_order(rows["variant"])


def test_every_look_can_be_drawn():
    for look in style.looks([*style.LOOKS, *"abcdefg"]).values():
        assert look.marker in plots.SHAPES
        assert not isinstance(look.dash, str) or look.dash in plots.DASHES
    assert len(set(plots.SHAPES.values())) == len(plots.SHAPES)


def test_json_cannot_end_its_script():
    panel = plots.Panel("</script>", "x", "y", [0.123456789], [])
    assert "<" not in plots.to_json([panel])
    told = json.loads(plots.to_json([panel]))["panels"][0]
    assert (told["title"], told["x"]) == ("</script>", [0.123457])


def test_an_exhibit_holds_figure_words_data_and_plot(estimates):
    html = exhibit(
        accuracy_by_shots(estimates), 'Said "so"', estimates, "d-x", panels=plots.by_shots(estimates)
    )
    assert html.count("<img ") == 1 and 'alt="Said &quot;so&quot;"' in html
    assert 'download="d-x.csv"' in html and 'class="panels"' in html
    assert 'class="panels"' not in exhibit(accuracy_by_shots(estimates), "", estimates, "d-x")


def test_the_data_have_all_digits(estimates):
    import base64
    import io

    import pandas as pd

    content = data_link(estimates, "n").partition("base64,")[2].partition('"')[0]
    back = pd.read_csv(io.BytesIO(base64.b64decode(content)))
    assert np.array_equal(back["mean"], estimates["mean"])


def test_another_version_of_the_library_is_refused(monkeypatch):
    assert "uPlot" in uplot.script() and "</script" not in uplot.script()
    assert ".uplot" in uplot.style()
    monkeypatch.setitem(uplot.SHA256, "uPlot.min.css", "0" * 64)
    with pytest.raises(ValueError, match=r"uPlot\.min\.css of uplot-python: sha256"):
        uplot.style()
