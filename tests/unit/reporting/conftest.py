"""Made-up measurements of a study whose claims hold with linear heads; C3 fails under fine-tuning."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advtransfer.evaluation import claims_file
from advtransfer.evaluation.claims import judge
from advtransfer.evaluation.table import COLUMNS
from advtransfer.reporting.study import StudyReport

CLAIMS = Path(__file__).parents[3] / "reports" / "claims.yaml"
LIFT = {
    "clean": 0.0,
    "raw": -0.09,
    "gaussian": 0.009,
    "clean-tuned": 0.008,
    "pseudo-label": 0.03,
    "adversarial-l2": 0.05,
    "adversarial-linf": 0.06,
    "combined-l2": 0.09,
    "combined-linf": 0.10,
}
ALONE = {"combined-l2": "adversarial-l2", "combined-linf": "adversarial-linf"}


def made_up(replicas=8):
    rng = np.random.default_rng(0)
    level = rng.normal(0.4, 0.05, replicas)
    rows = []
    for variant, lift in LIFT.items():
        for protocol, metric, shots in [
            *(("linear", "accuracy", k) for k in (1, 2, 5, 10)),
            *(("finetune", "accuracy", k) for k in (1, 5)),
            ("linear", "robust_accuracy", 5),
        ]:
            gain = LIFT[ALONE.get(variant, variant)] if protocol == "finetune" else lift
            for r in range(replicas):
                for draw in range(2):
                    value = level[r] + gain + 0.03 * shots + rng.normal(0, 0.002)
                    key = ("digits", "image", "digits", "contrast", variant, r, protocol, shots, draw, metric)
                    rows.append((*key, value))
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture(scope="session")
def metrics():
    return made_up()


@pytest.fixture(scope="session")
def verdicts(metrics):
    return judge(metrics, claims_file.of_study(claims_file.load(CLAIMS), "digits"))


@pytest.fixture
def report(metrics, verdicts):
    context = {
        "title": "Digits <b>",
        "description": {"images": 1797, "variants": {"clean": {"labels": "given"}}},
    }
    return StudyReport("digits", metrics, verdicts, context)
