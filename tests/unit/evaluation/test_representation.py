"""Measures of a representation on cases with a known answer."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.special import digamma

from advtransfer.evaluation.representation.measures import (
    Undefined,
    effective_rank,
    intra_class_variance,
    tmi,
)
from advtransfer.evaluation.representation.similarity import linear_cka


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def rotation(d, seed=7):
    return torch.linalg.qr(normal(d, d, seed=seed)).Q


ANY = torch.zeros(0)  # labels that play no part


# -- CKA ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("shape", [(50, 8), (20, 64)])
def test_a_rotation_a_factor_and_a_shift_leave_cka_at_1(shape, unbiased):
    x = normal(*shape)
    y = 3.7 * x @ rotation(shape[1]) + 5.0
    assert linear_cka(x, y, unbiased=unbiased) == pytest.approx(1.0, abs=1e-10)
    assert linear_cka(x.float(), y.float(), unbiased=unbiased) == pytest.approx(1.0, abs=1e-5)


def test_unrelated_features_have_cka_0_only_without_the_bias():
    x, y = normal(200, 512), normal(200, 512, seed=1)
    assert linear_cka(x, y, unbiased=False) > 0.6
    assert abs(linear_cka(x, y)) < 0.03


def test_the_unbiased_estimate_is_right_on_average():
    """x and y share their first 2 of 12 columns: in the limit |cov(x, y)|^2 / (|cov x| |cov y|) = 2 / 12."""
    few, many = [], []
    for seed in range(300):
        x = normal(24, 12, seed=seed)
        y = torch.cat([x[:, :2], normal(24, 10, seed=1000 + seed)], dim=1)
        few.append(linear_cka(x, y))
        many.append(linear_cka(x, y, unbiased=False))
    assert np.mean(few) == pytest.approx(2 / 12, abs=0.02)
    assert np.mean(many) > 2 / 12 + 0.2


def definition(x, y, unbiased):
    """CKA from the n x n kernels, as the papers write it."""
    n = len(x)
    ones, eye = torch.ones(n).double(), torch.eye(n).double()

    def hsic(k, l):  # noqa: E741
        if not unbiased:
            centre = eye - torch.outer(ones, ones) / n
            return torch.trace(k @ centre @ l @ centre) / (n - 1) ** 2
        k, l = k * (1 - eye), l * (1 - eye)  # noqa: E741
        middle = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
        return (torch.trace(k @ l) + middle - 2 / (n - 2) * (ones @ k @ l @ ones)) / (n * (n - 3))

    k, l = x @ x.T, y @ y.T  # noqa: E741
    return (hsic(k, l) / (hsic(k, k) * hsic(l, l)).sqrt()).item()


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("shapes", [((30, 5), (30, 9)), ((12, 40), (12, 6)), ((4, 3), (4, 3))])
def test_cka_is_that_of_the_kernels(shapes, unbiased):
    x = normal(*shapes[0]) + 2
    y = normal(*shapes[1], seed=1) - 1
    y[:, :3] += x[:, :3]
    expected = definition(x, y, unbiased)
    assert linear_cka(x, y, unbiased=unbiased) == pytest.approx(expected, rel=1e-8)
    assert linear_cka(y, x, unbiased=unbiased) == pytest.approx(expected, rel=1e-8)


def test_cka_of_constant_features_is_nan_and_unpaired_ones_are_refused():
    assert math.isnan(linear_cka(normal(10, 3), torch.ones(10, 3)))
    for x, y in [(normal(10, 3), normal(9, 3)), (normal(3, 3), normal(3, 3))]:
        with pytest.raises(ValueError, match="same 4 or more images"):
            linear_cka(x, y)


# -- effective rank ----------------------------------------------------------------------------------------------------


def with_singular_values(values, n=40, d=20):
    """Centred features [n, d] that have these singular values."""
    left = torch.linalg.qr(torch.cat([torch.ones(n, 1).double(), normal(n, len(values))], dim=1)).Q[:, 1:]
    return left * torch.tensor(values).double() @ rotation(d)[: len(values)]


@pytest.mark.parametrize("k", [1, 2, 7, 20])
def test_k_equal_singular_values_have_effective_rank_k(k):
    x = with_singular_values([3.0] * k)
    assert effective_rank.measure(x, ANY) == pytest.approx(k, rel=1e-8)
    assert effective_rank.measure(100 * x + 9, ANY) == pytest.approx(k, rel=1e-6)
    assert effective_rank.measure(x.float(), ANY) == pytest.approx(k, rel=1e-3)


def test_unequal_singular_values_count_for_less():
    shares = np.array([0.5, 0.25, 0.25])
    expected = math.exp(-(shares * np.log(shares)).sum())
    assert effective_rank.measure(with_singular_values([2.0, 1.0, 1.0]), ANY) == pytest.approx(
        expected, rel=1e-8
    )


def test_the_effective_rank_of_constant_features_is_refused():
    with pytest.raises(Undefined, match="constant"):
        effective_rank.measure(torch.full((5, 3), 2.0), ANY)


# -- variance within the classes ---------------------------------------------------------------------------------------


def test_the_share_within_the_classes():
    """Class means at -a and a, deviations of +-b in another direction: b^2 / (a^2 + b^2)."""
    a, b = 2.0, 1.0
    x = torch.tensor([[-a, -b], [-a, b], [a, -b], [a, b]])
    y = torch.tensor([0, 0, 1, 1])
    assert intra_class_variance.measure(x, y) == pytest.approx(b**2 / (a**2 + b**2))
    assert intra_class_variance.measure(7 * x + 3, y) == pytest.approx(b**2 / (a**2 + b**2))
    assert intra_class_variance.measure(x, torch.zeros(4, dtype=torch.int64)) == pytest.approx(1.0)
    assert intra_class_variance.measure(x, torch.arange(4)) == pytest.approx(0.0)


def test_classes_count_by_their_images():
    """Three images at 0 -+ 1 and one at 10: sums of squares 2 within, 2 + between in all."""
    x, y = torch.tensor([[-1.0], [0.0], [1.0], [10.0]]), torch.tensor([0, 0, 0, 1])
    assert intra_class_variance.measure(x, y) == pytest.approx(2 / (x - 2.5).square().sum().item())


def test_the_variance_within_classes_of_constant_features_is_refused():
    with pytest.raises(Undefined, match="constant"):
        intra_class_variance.measure(torch.full((5, 3), 2.0), torch.arange(5))


# -- TMI ---------------------------------------------------------------------------------------------------------------


def test_the_entropy_of_uniform_and_normal_classes():
    """On [0, s]^d it is d log s; of a normal law of deviation s, d/2 log(2 pi e s^2)."""
    rng = np.random.default_rng(0)
    y = torch.arange(2).repeat_interleave(4000)
    boxes = np.concatenate([2 * rng.random((4000, 2)), 100 + 0.5 * rng.random((4000, 2))])
    expected = 0.5 * (2 * math.log(2)) + 0.5 * (2 * math.log(0.5))
    assert tmi.measure(torch.from_numpy(boxes), y) == pytest.approx(expected, abs=0.05)
    clouds = torch.cat([0.3 * normal(4000, 3), 5 + 2.0 * normal(4000, 3, seed=1)])
    entropies = [1.5 * math.log(2 * math.pi * math.e * s**2) for s in (0.3, 2.0)]
    assert tmi.measure(clouds, y) == pytest.approx(np.mean(entropies), abs=0.05)


def test_scaled_features_add_d_times_the_logarithm_of_the_scale():
    x, y = normal(300, 5), torch.arange(300) % 3
    added = tmi.measure(4 * x, y) - tmi.measure(x, y)
    assert added == pytest.approx(5 * math.log(4), rel=1e-9)


def test_it_is_the_authors_measure_times_the_number_of_classes():
    """Written after snudatalab/TMI: trf_measurement.py, k = 3, largest coordinate, distances of at least 1."""
    x, y = (
        0.9 * normal(400, 6),
        torch.from_numpy(np.random.default_rng(1).choice(4, 400, p=[0.1, 0.2, 0.3, 0.4])),
    )
    entropies, shares = [], []
    for label in range(4):
        members = x[y == label].numpy()
        n, d = members.shape
        distances = np.maximum(cKDTree(members).query(members, 4, p=np.inf)[0][:, -1], 1.0)
        assert (distances == 1.0).any() and (distances > 1.0).any()
        entropies.append(digamma(n) - digamma(3) + d * np.log(2 * distances).mean())
        shares.append(n / len(x))
    theirs = np.mean(np.multiply(entropies, shares))
    assert tmi.measure(x, y, least=1.0) == pytest.approx(4 * theirs, rel=1e-10)


def test_doubled_images_do_not_make_it_infinite():
    x = normal(20, 3).repeat_interleave(5, dim=0)
    assert math.isfinite(tmi.measure(x, torch.zeros(100, dtype=torch.int64)))


def test_a_class_without_enough_neighbours_is_refused():
    with pytest.raises(Undefined, match="class 1 has 3 images, more than 3 are needed"):
        tmi.measure(normal(13, 2), torch.tensor([0] * 10 + [1] * 3))
