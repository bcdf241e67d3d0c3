"""The stages of the theory studies: rows as the contract has them, the same bytes twice."""

import pytest

from advtransfer.evaluation import rates_table, table, units_table
from advtransfer.params.theory import ESTIMATORS, LINEAR_METRICS, LinearTheory, SparseCoding
from advtransfer.stages import linear_theory, sparse_coding

LINEAR = LinearTheory.model_validate(
    {
        "kind": "linear_theory",
        "title": "t",
        "seed": 3,
        "trials": 6,
        "scenarios": {
            "small": {
                "p": 12,
                "r": 2,
                "T": 8,
                "n": 20,
                "n_u": 30,
                "sweeps": {
                    "n": {"values": [20, 40], "variants": ["clean", "adversarial-l2"]},
                    "n_target": {"values": [5, 20], "variants": ["oracle"]},
                },
            },
            "still": {"p": 12, "r": 2, "T": 8, "n": 20},
        },
    }
)
SPARSE = SparseCoding.model_validate(
    {
        "kind": "sparse_coding",
        "title": "t",
        "seed": 3,
        "replicas": 2,
        "scenarios": {
            "tiny": {
                "d": 8,
                "units": 6,
                "steps": 3,
                "batch": 8,
                "activation": "relu",
                "variants": {"clean": "none", "adversarial-l2": "l2"},
                "head_points": 20,
                "test_points": 15,
                "attack_eps": [0.1],
                "attack_starts": 2,
                "attack_steps": 2,
            }
        },
    }
)
RUNS = {
    "linear": (linear_theory, LINEAR.simulation("study", "small"), "rates"),
    "sparse": (sparse_coding, SPARSE.simulation("study", "tiny"), "units"),
}


def run(stage, params, second, folder):
    folder.mkdir()
    outputs = {"metrics": folder / "metrics.parquet", second: folder / f"{second}.parquet"}
    stage.main(params, {}, outputs)
    return outputs


@pytest.mark.parametrize("name", RUNS)
def test_two_runs_give_the_same_bytes(name, tmp_path):
    first, again = (run(*RUNS[name], tmp_path / place) for place in ("a", "b"))
    assert [path.read_bytes() for path in first.values()] == [path.read_bytes() for path in again.values()]


def test_linear_rows(tmp_path):
    outputs = run(*RUNS["linear"], tmp_path / "a")
    rows = table.read(outputs["metrics"])
    assert set(rows["variant"]) == set(ESTIMATORS)
    assert set(rows["metric"]) == set(LINEAR_METRICS)
    constant = {"study": "study", "kind": "linear_theory", "source": "simulation", "target": "small"}
    for column, value in {**constant, "protocol": "theory", "shots": 0, "draw": 0}.items():
        assert set(rows[column]) == {value}
    assert set(rows["replica"]) == set(range(6))
    assert not rows.duplicated([*table.SETTING, "variant", "replica"]).any()


def test_rates_with_their_points_and_theory(tmp_path):
    found = rates_table.read([run(*RUNS["linear"], tmp_path / "a")["rates"]])
    row = found.set_index(["parameter", "variant", "metric"]).loc[("n", "clean", "sin_theta_op")]
    assert list(row["values"]) == [20, 40]
    assert all(
        low < mean < high for low, mean, high in zip(row["lows"], row["means"], row["highs"], strict=True)
    )
    assert row["slope_low"] <= row["slope"] <= row["slope_high"]
    assert row["leading"] == pytest.approx(-0.5)
    assert set(found[found["parameter"] == "n_target"]["metric"]) == {"head_excess"}


def test_a_scenario_without_sweeps_has_an_empty_rates_table(tmp_path):
    outputs = run(linear_theory, LINEAR.simulation("study", "still"), "rates", tmp_path / "a")
    assert rates_table.read([outputs["rates"]]).empty


def test_sparse_rows_and_units(tmp_path):
    outputs = run(*RUNS["sparse"], tmp_path / "a")
    rows = table.read(outputs["metrics"])
    assert set(rows["metric"]) == set(SPARSE.measured()["metric"])
    assert set(rows["variant"]) == {"clean", "adversarial-l2"}
    units = units_table.read([outputs["units"]])
    assert len(units) == 2 * 2 * 6
    assert units["alignment"].between(0, 1.0001).all()
    shares = units.groupby(["variant", "replica"])["importance"].sum()
    assert shares.to_numpy() == pytest.approx(1.0, abs=1e-5)


def test_a_file_of_another_kind_is_refused(tmp_path):
    outputs = run(*RUNS["linear"], tmp_path / "a")
    with pytest.raises(ValueError, match=r"metrics\.parquet: columns .* are missing"):
        rates_table.read([outputs["metrics"]])
    with pytest.raises(ValueError, match=r"rates\.parquet: columns .* are missing"):
        units_table.read([outputs["rates"]])
