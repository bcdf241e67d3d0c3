"""Theory studies in params.yaml: what is impossible is refused in one line that names the key."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from advtransfer.cli.commands import app
from advtransfer.params import ParamsError, load_params
from advtransfer.params.theory import ESTIMATORS
from advtransfer.theory.linear.study import VARIANTS

SHIPPED = Path(__file__).parents[3] / "params.yaml"
LINEAR, SPARSE = "studies.linear-theory", "studies.sparse-coding"
DENSE = f"{LINEAR}.scenarios.heterogeneous-dense"


def changed(folder, old, new):
    text = SHIPPED.read_text()
    assert old in text
    path = folder / "params.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("r: 3\n", "r: 101\n", f"{DENSE}.r: found 101, expected at most p = 100"),
        ("T: 40\n", "T: 2\n", f"{DENSE}.T: found 2, expected at least r = 3"),
        ("p: 100\n", "p: 100\n        rho: -1\n", f"{DENSE}.rho: found -1, expected at least 0"),
        ("support: 5\n", "support: 501\n", "homogeneous-sparse.support: found 501, expected at most p = 500"),
        ("shares: [0.2, 0.8]", "shares: [0.2, 0.7]", f"{DENSE}.shares: found [0.2, 0.7], expected a sum of 1"),
        ("eps_l2: 2.2", "eps_12: 2.2", f"{DENSE}.eps_12: found an unknown key, expected eps_l2"),
        ("n_u: {values", "n_v: {values", f"{DENSE}.sweeps: found the name 'n_v', expected 'n', 'p'"),
        ("[10, 20, 40, 80]", "[10, 20.5, 40]", "sweeps.T.values: found T = 20.5, expected an integer"),
        ("r: {values: [1, 2", "r: {values: [1, 50", "sweeps.r.values: found T = 40, expected at least r = 50"),
        ("[combined-l2]", "[combined]", f"{DENSE}.sweeps.n_u.variants.0: found 'combined', expected 'clean'"),
        ("kind: linear_theory", "kind: linear", f"{LINEAR}.kind: found 'linear', expected image, natural_image,"),
        ("    kind: linear_theory\n", "", f"{LINEAR}.kind: found nothing, expected image"),
        ("linear-theory:\n", "linear-theory: 3\n  x:\n", f"{LINEAR}: found 3, expected a block of kind image"),
        ("trials: 200", "trials: 1", f"{LINEAR}.trials: found 1, expected at least 2"),
        ("active: 3.0", "active: 31.0", f"{SPARSE}.scenarios.soft-threshold.active: found 31.0, expected"),
        ("activation: relu\n", "activation: gelu\n", f"{SPARSE}.scenarios.relu.activation: found 'gelu'"),
        ("gaussian: gaussian,", "gaussian: linf,", "soft-threshold.variants.gaussian: found 'linf', expected"),
        ("seed: 20210618", "seed: x", "studies.digits.seed: found 'x', expected an integer"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(tmp_path, old, new, line):
    with pytest.raises(ParamsError) as error:
        load_params(changed(tmp_path, old, new))
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_ends_with_2_before_any_job(tmp_path, monkeypatch):
    changed(tmp_path, "r: 3\n", "r: 101\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["run"])
    assert result.exit_code == 2
    assert "expected at most p = 100" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml"]


def test_every_estimator_of_the_theory_has_a_name():
    assert set(ESTIMATORS.values()) == set(VARIANTS)


def test_a_new_scenario_changes_nothing_about_the_others(tmp_path):
    block = "      extra: {p: 10, r: 2, T: 4, n: 5}\n      mild-heterogeneity:\n"
    before = load_params(SHIPPED).studies["linear-theory"]
    after = load_params(changed(tmp_path, "      mild-heterogeneity:\n", block)).studies["linear-theory"]
    assert list(after.scenarios) != list(before.scenarios)
    for name in before.scenarios:
        assert after.simulation("s", name) == before.simulation("s", name)
    assert after.simulation("s", "extra")["scenario"]["n_target"] == 20


def test_what_is_measured():
    measured = load_params(SHIPPED).measured()
    assert "homogeneous-dense: clean over n" in measured["linear-theory"]["rate"]
    assert "robust_accuracy_l2_0.3" in measured["sparse-coding"]["metric"]
    assert measured["sparse-coding"]["target"] == ["soft-threshold", "relu", "relu-no-bias"]
    assert measured["digits"]["rate"] == []
