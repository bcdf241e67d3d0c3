"""The sections of a study page: words follow the verdicts, nothing breaks where a part was not measured."""

import pytest

from advtransfer.evaluation import table
from advtransfer.reporting import tables, words
from advtransfer.reporting.study import StudyReport


def test_the_words_say_whether_c3_holds(report):
    assert "C3 is supported with linear heads" in report.in_words("linear")
    told = report.in_words("finetune")
    assert "C1 is supported under full fine-tuning" in told
    assert "C3 is not supported under full fine-tuning" in told
    assert "combined-l2 over adversarial-l2" in told


def test_the_words_follow_the_verdicts(verdicts):
    one = [c for c in verdicts if c["id"] == "C3-finetune-l2"]
    turned = [{**c, "verdict": "supported"} for c in one]
    assert "C3 is supported under full fine-tuning" in words.verdicts(turned, "finetune")
    assert "in 1 of 2 forms" in words.verdicts(one + turned, "finetune")
    assert "No claim" in words.verdicts([], "finetune")


def test_sections(report):
    assert "Digits &lt;b&gt;" in report.heading()
    assert "1,797 images" in report.caveats()
    assert report.accuracy("linear").count("<img") == 1
    assert "gaussian" not in report.accuracy("linear")
    assert "gaussian" in report.baselines()
    assert "clean" in report.robust()
    assert "8 paired replicas" in report.description()


def test_what_was_not_measured_is_said(report):
    assert report.accuracy("other") == report.differences("other") == "<p>Not measured in this study.</p>"


def test_claims_table(verdicts):
    html = tables.claims(verdicts)
    assert html.count('class="badge') == len(verdicts)
    assert "weakest of: combined-l2 over adversarial-l2" in html


def test_numbers_read_well():
    row = {"estimate": -0.0421, "ci_low": -0.05, "ci_high": 0.001}
    assert tables.difference(row) == "−0.042 [−0.050, +0.001]"
    assert tables.difference({**row, "ci_low": None}) == "−0.042 [no interval]"
    assert tables.p_value(2e-9) == "&lt; 0.001"


def test_open(tmp_path, metrics):
    table.write(metrics, tmp_path / "m.parquet")
    (tmp_path / "c.json").write_text("[]")
    paths = {"metrics": str(tmp_path / "m.parquet"), "claims": str(tmp_path / "c.json"), "context": "absent"}
    report = StudyReport.open("digits", **paths)
    assert "No claims" in report.claims()
    assert "raw" in report.accuracy("linear")
    with pytest.raises(ValueError, match=r"no rows of study 'x', found \['digits'\]"):
        StudyReport.open("x", **paths)
