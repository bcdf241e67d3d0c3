"""Nearest centroid and naive Bayes against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid

from advtransfer.transfer.deep.references import NaiveBayes, nearest_centroid
from advtransfer.transfer.heads import correct


def problems(examples, seed=0):
    """3 problems of 4 unequally frequent classes in 6 dimensions, and 300 new examples."""
    rng = np.random.default_rng(seed)
    y = rng.choice(4, size=(3, examples), p=[0.1, 0.2, 0.3, 0.4])
    y[:, :8] = np.arange(8) % 4
    centres = rng.normal(size=(4, 6))
    x = centres[y] + rng.normal(size=(3, examples, 6)) * np.linspace(0.3, 2, 6)
    return (torch.from_numpy(z) for z in (x, y, rng.normal(size=(300, 6))))


@pytest.mark.parametrize("examples", [8, 60])
def test_nearest_centroid_is_that_of_scikit_learn(examples):
    x, y, new = problems(examples)
    heads = nearest_centroid(x, y, classes=4)
    for p in range(3):
        expected = NearestCentroid().fit(x[p].numpy(), y[p].numpy()).predict(new.numpy())
        assert np.array_equal(heads.logits(new.expand(3, -1, -1))[p].argmax(1), expected)
    right = correct(heads, new, torch.zeros(300, dtype=torch.int64))
    assert 0.05 < right.float().mean() < 0.95


@pytest.mark.parametrize("smoothing", [1e-9, 1e-2, 1.0])
@pytest.mark.parametrize("examples", [8, 60])
def test_naive_bayes_is_that_of_scikit_learn(examples, smoothing):
    x, y, new = problems(examples)
    found = NaiveBayes.fit(x, y, classes=4, smoothing=smoothing).logits(new.expand(3, -1, -1)).log_softmax(2)
    for p in range(3):
        model = GaussianNB(var_smoothing=smoothing).fit(x[p].numpy(), y[p].numpy())
        np.testing.assert_allclose(found[p], model.predict_log_proba(new.numpy()), rtol=1e-6, atol=1e-6)


def test_with_one_example_a_class_naive_bayes_is_the_nearest_example():
    """All variances are the smoothing: the formula then is the distance, also in float32."""
    x = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    y, new = torch.arange(5).expand(2, -1), torch.randn(40, 7, generator=torch.Generator().manual_seed(1))
    nearest = torch.cdist(new.expand(2, -1, -1), x).argmin(2)
    for smoothing in (1e-9, 0.1):
        scores = NaiveBayes.fit(x, y, classes=5, smoothing=smoothing).logits(new.expand(2, -1, -1))
        assert torch.equal(scores.argmax(2), nearest)
    assert torch.equal(nearest_centroid(x, y, classes=5).logits(new.expand(2, -1, -1)).argmax(2), nearest)


@pytest.mark.parametrize(
    "fit", [nearest_centroid, lambda x, y, classes: NaiveBayes.fit(x, y, classes=classes, smoothing=1.0)]
)
def test_a_class_without_an_example_is_refused(fit):
    x, y, _ = problems(8)
    with pytest.raises(ValueError, match="class 4 has no example"):
        fit(x, y, classes=5)
