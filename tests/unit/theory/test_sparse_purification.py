"""Claim C5 at reduced size: 4 replicas, 400 steps, 150 test points."""

import pytest

from advtransfer.theory.sparse_coding.study import run_scenario

REDUCED = {"steps": 400, "test_points": 150, "attack_eps": [0.2, 0.3]}


@pytest.fixture(scope="module", params=["soft_threshold", "relu", "relu_no_bias"])
def result(request):
    variants = {"clean": "none", "adversarial": "l2"}
    block = {**REDUCED, "activation": request.param, "variants": variants}
    run = run_scenario(block, replicas=4, seed=0)
    return request.param, {variant: metrics for variant, (metrics, _) in run.items()}


def test_adversarial_pretraining_purifies_units_that_have_a_threshold(result):
    """Full size, soft threshold: max |cos| .33 -> .89, share of cos^2 .11 -> .81; no bias, no change."""
    activation, metrics = result
    clean, adversarial = metrics["clean"]["purity_max_cos"], metrics["adversarial"]["purity_max_cos"]
    assert clean.max() < 0.45
    if activation == "relu_no_bias":
        assert adversarial.max() < 0.45
    else:
        assert (adversarial > clean + 0.3).all()
        assert metrics["adversarial"]["purity_cos2"].min() > 2 * metrics["clean"]["purity_cos2"].max()


def test_a_clean_head_inherits_robustness_from_purified_units(result):
    activation, metrics = result
    for eps in ("0.2", "0.3"):
        key = f"robust_accuracy_l2_{eps}"
        gain = metrics["adversarial"][key] - metrics["clean"][key]
        if activation == "relu_no_bias":
            assert abs(gain.mean()) < 0.15
        else:
            assert gain.min() > 0.1


def test_the_attack_is_not_masked(result):
    """One start finds nearly all that five find, no gradient vanishes, accuracy falls with the radius."""
    for metrics in result[1].values():
        for eps in ("0.2", "0.3"):
            missed = metrics[f"robust_one_start_l2_{eps}"] - metrics[f"robust_accuracy_l2_{eps}"]
            assert missed.min() >= 0
            assert missed.max() < 0.06
        assert metrics["zero_gradient_share"].max() < 0.01
        assert (metrics["robust_accuracy_l2_0.2"] >= metrics["robust_accuracy_l2_0.3"]).all()
        assert (metrics["downstream_accuracy"] >= metrics["robust_accuracy_l2_0.2"]).all()
