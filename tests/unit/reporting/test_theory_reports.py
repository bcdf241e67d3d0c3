"""Figures and sections of the theory studies, from made-up measurements."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advtransfer.evaluation import rates_table, table, units_table
from advtransfer.evaluation.statistics import means
from advtransfer.reporting import style, tables, theory_figures
from advtransfer.reporting.linear_study import LinearReport
from advtransfer.reporting.sparse_study import SparseReport

REPORTS = Path(__file__).parents[3] / "reports"
SCENARIO = {"p": 100, "r": 3, "T": 40, "n": 50, "eps_l2": 1.0}
ANGLES = {"clean": 0.7, "adversarial-l2": 0.4, "adversarial-linf": 0.9, "plain-svd": 0.4}
ESTIMATORS = {"clean": "clean", "adversarial-l2": "adversarial_l2", "plain-svd": "plain_svd"}


def measured(kind, target, values, trials=12):
    """``values``: (variant, metric) -> mean."""
    rng = np.random.default_rng(0)
    rows = [
        ("s", kind, "simulation", target, variant, r, "theory", 0, 0, metric, mean + rng.normal(0, 0.002))
        for (variant, metric), mean in values.items()
        for r in range(trials)
    ]
    return pd.DataFrame(rows, columns=table.COLUMNS)


def rate(variant="clean", parameter="n", slope=-0.49, leading=-0.5, metric="sin_theta_op"):
    x = [25.0, 50.0, 100.0]
    y = [0.5 * (value / 25) ** slope for value in x]
    return {
        "scenario": "dense", "parameter": parameter, "variant": variant, "metric": metric, "values": x, "means": y,
        "lows": [v * 0.9 for v in y], "highs": [v * 1.1 for v in y], "slope": slope, "slope_low": slope - 0.002,
        "slope_high": slope + 0.002, "confidence": 0.95, "leading": leading, "closed": None, "bound": -0.3,
        "trials": 12,
    }  # fmt: skip


RATES = [
    rate(),
    rate("adversarial-l2", slope=-0.5),
    rate("plain-svd", "signal", slope=-0.1, leading=None),
    rate("oracle", "n_target", -1.01, -1.0, "head_excess"),
]


@pytest.fixture
def rates(tmp_path):
    rates_table.write(RATES, tmp_path / "r.parquet")
    return rates_table.read([tmp_path / "r.parquet"])


@pytest.fixture
def linear(tmp_path, rates):
    angles = {(variant, "sin_theta_op"): angle for variant, angle in ANGLES.items()}
    angles |= {(v, "sin_theta_fro"): a for v, a in ANGLES.items()} | {
        (v, "excess_risk"): a for v, a in ANGLES.items()
    }
    context = {
        "title": "T",
        "description": {"seed": 1, "scenarios": {"dense": SCENARIO}},
        "estimators": ESTIMATORS,
    }
    return LinearReport("s", measured("linear_theory", "dense", angles), [], context, rates)


@pytest.fixture
def sparse(tmp_path):
    values = {}
    for variant, level in (("clean", 0.3), ("adversarial-l2", 0.9)):
        for metric in ("purity_max_cos", "purity_cos2", "source_accuracy", "downstream_accuracy"):
            values[variant, metric] = level
        for eps in ("0.1", "0.2"):
            values[variant, f"robust_accuracy_l2_{eps}"] = level - float(eps)
            values[variant, f"robust_one_start_l2_{eps}"] = level - float(eps) + 0.01
        values[variant, "zero_gradient_share"] = 0.0
    rng = np.random.default_rng(0)
    arrays = {v: {"alignment": rng.random((2, 9)), "importance": np.full((2, 9), 1 / 9)} for v, _ in values}
    units_table.write("relu", arrays, tmp_path / "u.parquet")
    units = units_table.read([tmp_path / "u.parquet"])
    claim = {"claim": "C5", "verdict": "supported", "estimate": 0.6, "ci_low": 0.5, "ci_high": 0.7}
    claim["query"] = {"target": "relu", "metric": "robust_accuracy_l2_0.2"}
    context = {"description": {"seed": 1, "scenarios": {"relu": {"d": 8, "variants": {"clean": "none"}}}}}
    return SparseReport("s", measured("sparse_coding", "relu", values), [claim], context, units)


def draw_rates(linear, sparse, order):
    rows = linear.rates_found[linear.rates_found["metric"] == "sin_theta_op"]
    return theory_figures.rates(order(rows), "sin Theta")


def draw_scenarios(linear, sparse, order):
    rows = linear.rows[linear.rows["metric"] == "sin_theta_op"]
    return theory_figures.scenarios(means(order(rows)), "sin Theta")


def draw_alignment(linear, sparse, order):
    return theory_figures.alignment(order(sparse.units))


def draw_robustness(linear, sparse, order):
    rows = sparse.rows[sparse.rows["metric"].str.startswith("robust_accuracy")]
    found = means(order(rows))
    return theory_figures.robustness(found.assign(eps=found["metric"].str[-3:].astype(float)))


@pytest.mark.parametrize("draw", [draw_rates, draw_scenarios, draw_alignment, draw_robustness])
def test_equal_data_gives_equal_bytes(linear, sparse, draw):
    first = style.svg(draw(linear, sparse, lambda rows: rows))
    assert first == style.svg(draw(linear, sparse, lambda rows: rows.sample(frac=1, random_state=0)))
    assert "dc:date" not in first


def test_a_rate_panel_shows_points_fit_and_theory(linear):
    figure = draw_rates(linear, None, lambda rows: rows)
    n, signal = figure.axes[:2]
    assert n.get_title("right").startswith(
        "dense, over n\nadversarial-l2: −0.500 [−0.502, −0.498] / −0.50\nclean: −0.490"
    )
    assert "/" not in signal.get_title("right")  # no theory, no grey line
    assert sum(line.get_linestyle() == ":" for line in n.get_lines()) == 2
    assert not any(line.get_linestyle() == ":" for line in signal.get_lines())
    fitted = next(
        line
        for line in n.get_lines()
        if list(line.get_xdata()) == [25, 100] and line.get_color() == "#000000"
    )
    low, high = fitted.get_ydata()
    assert np.log(high / low) / np.log(4) == pytest.approx(-0.49)
    assert low == pytest.approx(0.5)  # the points lie on their power law, so the line goes through them


def test_the_words_say_where_a_plain_svd_does_as_well(linear):
    told = linear.baseline()
    assert "<b>a plain SVD does as well as adversarial-l2</b>" in told
    assert "a plain SVD is better than adversarial-linf (+0." in told
    rows = linear.rows.copy()
    rows.loc[rows["variant"] == "adversarial-l2", "value"] -= 0.3
    better = LinearReport("s", rows, [], linear.context, linear.rates_found)
    assert "adversarial-l2 is better than a plain SVD (−0.30" in better.baseline()


def test_exponents_say_which_intervals_hold_the_exponent(linear):
    told = linear.exponents()
    assert "2 of 3 intervals do not hold the exact exponent" in told
    assert told.count("excludes it") == 2
    assert told.count("holds the exponent") == 1


def test_linear_sections(linear):
    assert "<td>eps_l2</td><td>1.0</td>" in linear.description()
    assert "<td>0.700" in linear.scenarios()
    assert linear.rates().count("<img") == 2
    assert "<td>clean</td><td>0.1915</td>" in linear.closed_form()
    assert "linear-theory-large" in linear.caveats()
    assert "No rates" in LinearReport("s", linear.rows, [], linear.context).rates()


def test_sparse_sections(sparse):
    assert "1 of 1 forms of C5 supported" in sparse.weaker()
    assert "accuracy under l2 0.2 +0.600" in sparse.weaker()
    assert "No sign of gradient masking" in sparse.masking()
    assert sparse.robustness().count("<img") == sparse.alignment().count("<img") == 1
    assert "0.900 ± " in sparse.purity()
    assert "clean: none" in sparse.description()


def test_masking_is_said(sparse):
    rows = sparse.rows.copy()
    rows.loc[rows["metric"] == "robust_one_start_l2_0.2", "value"] += 0.2
    assert "may be masked" in SparseReport("s", rows, [], {}).masking()


def test_reports_open_from_files(tmp_path, linear, sparse, rates):
    (tmp_path / "c.json").write_text("[]")
    for cls, made, details in ((LinearReport, linear, "r"), (SparseReport, sparse, "u")):
        table.write(made.rows, tmp_path / "m.parquet")
        paths = {
            "metrics": str(tmp_path / "m.parquet"),
            "claims": str(tmp_path / "c.json"),
            "context": "absent",
        }
        report = cls.load("s", **paths, details=[str(tmp_path / f"{details}.parquet")])
        assert len(report.rows) == len(made.rows)
    assert json.loads((tmp_path / "c.json").read_text()) == []


@pytest.mark.parametrize("kind", ["linear_theory", "sparse_coding"])
def test_by_hand_a_template_finds_its_files(tmp_path, monkeypatch, linear, sparse, rates, kind):
    """With no parameter but the study, in the folder of the notebook; nothing says who made the files."""
    made = linear if kind == "linear_theory" else sparse
    folder = tmp_path / "results/theory/s/one"
    folder.mkdir(parents=True)
    (tmp_path / "reports").mkdir()
    (tmp_path / "results/claims.json").write_text("[]")
    table.write(made.rows, tmp_path / "results/metrics.parquet")
    rates_table.write(RATES, folder / "rates.parquet")
    (tmp_path / "u.parquet").rename(folder / "units.parquet")
    monkeypatch.chdir(tmp_path / "reports")
    cells = json.loads((REPORTS / f"{kind}.ipynb").read_text())["cells"]
    names: dict = {}
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        code = "".join(cell["source"]).replace(f'study = "{kind.replace("_", "-")}"', 'study = "s"')
        exec(code, names)
    shown = names["report"].rates() if kind == "linear_theory" else names["report"].alignment()
    assert shown.count("<img") >= 1


def test_claims_table_shows_rates_and_margins():
    query = {"protocol": "theory", "shots": 0, "metric": "sin_theta_op", "target": "dense"}
    row = {
        "id": "r", "claim": "C4", "statement": "falls", "query": query, "direction": "equal", "margin": 0.1,
        "verdict": "supported", "comparisons": [], "estimate": -0.49, "ci_low": -0.5, "ci_high": -0.48,
        "p_holm": None, "n": 200,
        "rate": {"over": "n", "variant": "adversarial-linf", "exponent": -0.5, "exact": False},
    }  # fmt: skip
    html = tables.claims([row])
    assert "slope of adversarial-linf over n: −0.5 in theory, within 0.1; the interval excludes" in html
    assert "scenario" in html and "dense<br><small>sin theta op</small>" in html
