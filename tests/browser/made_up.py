"""Made-up results of three studies, one of a kind, as the stages leave them: files and the seals of their jobs."""

import json

import numpy as np
import pandas as pd

from advtransfer.evaluation import rates_table, table, units_table
from advtransfer.provenance.seal import Seal
from advtransfer.provenance.spec import Spec

IMAGE, LINEAR, SPARSE = "pictures", "lines", "codes"
STUDIES = {
    IMAGE: {"title": "Pictures: few labels on a shifted target", "page": f"{IMAGE}.html"},
    LINEAR: {"title": "Lines & planes", "page": f"{LINEAR}.html"},
    SPARSE: {"title": "Codes", "page": f"{SPARSE}.html"},
}
LIFT = {"clean": 0.0, "raw": -0.09, "pseudo-label": 0.03, "adversarial-l2": 0.05, "combined-l2": 0.09}
VERDICTS = ("supported", "refuted", "inconclusive")


def results(root):
    """Write what the three studies leave under ``root``; returns the seals."""
    seals = []
    rows = {IMAGE: _image(), LINEAR: _simulated(LINEAR, "dense"), SPARSE: _simulated(SPARSE, "relu")}
    for study, found in rows.items():
        _write(root / f"results/{study}.parquet", lambda path, found=found: table.write(found, path))
        _write(
            root / f"results/claims/{study}.json", lambda path, study=study: path.write_text(_claims(study))
        )
        seals.append(_seal("claims", f"results/claims/{study}.json"))
    _write(root / "rates.parquet", lambda path: rates_table.write(_rates(), path))
    _write(root / "units.parquet", _units)
    seals += [_seal("transfer", f"results/transfer/{IMAGE}/dark/{variant}/r0.parquet") for variant in LIFT]
    for study, scenario in ((LINEAR, "dense"), (SPARSE, "relu")):
        folder = f"results/theory/{study}/{scenario}"
        seals.append(_seal("simulate", f"{folder}/metrics.parquet", f"{folder}/rates.parquet"))
    return [json.loads(seal.to_json()) for seal in seals]


def _write(path, write):
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)


def _seal(rule, *paths):
    spec = Spec(rule, rule, {}, {}, {}, {}, {f"out{n}": path for n, path in enumerate(paths)})
    made = {"wall_seconds": 1.25, "packages": {"torch": "2.15.0"}, "device": "cpu"}
    return Seal(spec, dict.fromkeys(paths, "ab" * 32), made)


def _image():
    rng = np.random.default_rng(0)
    settings = [
        ("linear", "accuracy", (1, 2, 5, 0)), ("finetune", "accuracy", (5,)), ("linear", "robust_accuracy", (5,)),
    ]  # fmt: skip
    rows = [
        (
            IMAGE,
            "image",
            "digits",
            "dark",
            v,
            r,
            protocol,
            k,
            0,
            metric,
            0.4 + lift + 0.02 * i + rng.normal(0, 0.01),
        )
        for v, lift in LIFT.items()
        for protocol, metric, shots in settings
        for i, k in enumerate(shots)
        for r in range(6)
    ]
    return pd.DataFrame(rows, columns=table.COLUMNS)


def _simulated(study, target):
    rng = np.random.default_rng(1)
    levels = {"sin_theta_op": 0.5, "sin_theta_fro": 0.5, "excess_risk": 0.3, "zero_gradient_share": 0.0}
    levels |= dict.fromkeys(("purity_max_cos", "purity_cos2", "source_accuracy", "downstream_accuracy"), 0.8)
    levels |= {
        f"robust_{kind}_l2_{eps}": 0.8 - eps for kind in ("accuracy", "one_start") for eps in (0.1, 0.2)
    }
    rows = [
        (
            study,
            "theory",
            "simulation",
            target,
            v,
            r,
            "theory",
            0,
            0,
            metric,
            level + lift + rng.normal(0, 0.002),
        )
        for v, lift in {"clean": 0.0, "adversarial-l2": -0.2, "plain-svd": -0.1}.items()
        for metric, level in levels.items()
        for r in range(6)
    ]
    return pd.DataFrame(rows, columns=table.COLUMNS)


def _rates():
    x = [25.0, 50.0, 100.0, 200.0]
    return [
        {
            "scenario": "dense", "parameter": parameter, "variant": variant, "metric": "sin_theta_op", "values": x,
            "means": [level * (v / 25) ** slope for v in x], "lows": [0.9 * level * (v / 25) ** slope for v in x],
            "highs": [1.1 * level * (v / 25) ** slope for v in x], "slope": slope, "slope_low": slope - 0.01,
            "slope_high": slope + 0.01, "confidence": 0.95, "leading": -0.5, "closed": None, "bound": None, "trials": 6,
        }
        for parameter in ("n", "T")
        for variant, level, slope in (("clean", 0.5, -0.49), ("adversarial-l2", 0.3, -0.52))
    ]  # fmt: skip


def _units(path):
    rng = np.random.default_rng(2)
    arrays = {
        v: {"alignment": rng.random((2, 9)), "importance": np.full((2, 9), 1 / 9)}
        for v in ("clean", "adversarial-l2")
    }
    units_table.write("relu", arrays, path)


def _claims(study):
    theory = study != IMAGE
    query = {"protocol": "theory" if theory else "linear", "shots": 0 if theory else 5, "target": None}
    query |= {"metric": "sin_theta_op" if theory else "accuracy"}
    rows = []
    for number, (verdict, estimate) in enumerate(zip(VERDICTS, (0.05, -0.03, 0.01), strict=True)):
        numbers = {"estimate": estimate, "ci_low": estimate - 0.02, "ci_high": estimate + 0.02}
        pair = {"variant": "adversarial-l2", "over": "clean", "verdict": verdict, **numbers}
        rows.append(
            {
                "id": f"C{number + 1}", "claim": f"C{number + 1}", "statement": f"Statement {number + 1} of {study}",
                "study": study, "query": query, "direction": "greater", "margin": None, "comparisons": [pair],
                "p_holm": (0.0001, 0.02, 0.3)[number], "n": 6, "verdict": verdict, **numbers,
            }
        )  # fmt: skip
    return json.dumps(rows)
