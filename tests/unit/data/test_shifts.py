"""Domain shifts: values of each operation, order, and noise that belongs to the replica and the image."""

import numpy as np
import pytest
import torch

from advtransfer.data.shifts import apply_shift

SQUARE = (8, 8)


def shifted(x, *steps, replicas=None, seed=0, domain="target", shape=SQUARE):
    replicas = range(len(x)) if replicas is None else replicas
    return apply_shift(x, steps, shape=shape, seed=seed, replicas=replicas, domain=domain)


def images(replicas=2, count=5, shape=SQUARE):
    return torch.from_numpy(np.random.default_rng(0).random((replicas, count, np.prod(shape)))).float()


def rotated(x, degrees, shape=SQUARE):
    return shifted(x, {"rotation": {"degrees": float(degrees)}}, shape=shape).unflatten(2, shape)


def test_no_shift_is_no_change():
    x = images()
    assert torch.equal(shifted(x), x)


def test_contrast_is_gain_times_x_plus_offset():
    x = images()
    assert torch.equal(shifted(x, {"contrast": {"gain": 0.5, "offset": 0.2}}), 0.5 * x + 0.2)


def test_noise_has_its_size_and_mean_and_is_not_clipped():
    x = torch.full((4, 500, 64), 0.9)
    noise = shifted(x, {"noise": {"sigma": 0.2}}) - x
    assert noise.std().item() == pytest.approx(0.2, rel=0.02) and abs(noise.mean().item()) < 0.005
    assert (x + noise).max() > 1


def test_steps_are_applied_in_order_with_noise_of_their_own():
    x = images()
    contrast, noise = {"contrast": {"gain": 0.5, "offset": 0.0}}, {"noise": {"sigma": 1.0}}
    before = shifted(x, contrast, noise) - 0.5 * x
    after = 2 * (shifted(x, noise, contrast) - 0.5 * x)
    assert before.std().item() == pytest.approx(1.0, rel=0.1) and after.std().item() == pytest.approx(
        1.0, rel=0.1
    )
    twice = shifted(torch.zeros(1, 2000, 64), noise, noise)
    assert twice.std().item() == pytest.approx(2**0.5, rel=0.02)  # independent, not twice the same


# -- noise is drawn once per replica and image -------------------------------------------------------------------------

NOISE = {"noise": {"sigma": 1.0}}


def test_noise_of_a_replica_does_not_depend_on_its_company():
    zeros = torch.zeros(4, 6, 64)
    together = shifted(zeros, NOISE, replicas=[0, 1, 2, 3])
    for group in ([2], [3, 0], [1, 2, 3]):
        assert torch.equal(shifted(zeros[: len(group)], NOISE, replicas=group), together[group])
    assert len(together.flatten(2).flatten(0, 1).unique(dim=0)) == 24


def test_noise_does_not_depend_on_the_images():
    x = images()
    torch.testing.assert_close(shifted(x, NOISE) - x, shifted(torch.zeros_like(x), NOISE))


def test_noise_is_fixed_and_differs_by_seed_and_domain():
    zeros = torch.zeros(2, 6, 64)
    base = shifted(zeros, NOISE)
    assert torch.equal(shifted(zeros, NOISE), base)
    assert not torch.equal(shifted(zeros, NOISE, seed=1), base)
    assert not torch.equal(shifted(zeros, NOISE, domain="source"), base)


# -- rotation ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 8), (5, 5)])
@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (-90, -1), (180, 2), (-180, 2), (0, 0)])
def test_quarter_turns_of_a_square_are_exact(shape, degrees, quarters):
    """numpy's rot90 turns counter-clockwise as seen with the first row on top."""
    x = images(shape=shape)
    expected = np.rot90(x.unflatten(2, shape).numpy(), quarters, axes=(2, 3))
    np.testing.assert_allclose(rotated(x, degrees, shape), expected, atol=2e-5)


def test_positive_degrees_turn_counter_clockwise():
    """A bright bar from the centre to the right, turned by 45 degrees, points up and to the right."""
    image = torch.zeros(9, 9)
    image[4, 4:] = 1
    turned = rotated(image.view(1, 1, 81), 45, (9, 9))[0, 0]
    assert turned[:4, 5:].sum() > 2 and turned[5:].sum() < 0.1


def test_a_small_turn_moves_the_centre_of_mass_by_its_angle():
    rows, columns = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    blob = torch.exp(-((columns - 8) ** 2 + rows**2) / 8)  # 8 pixels right of the centre
    turned = rotated(blob.view(1, 1, -1), 30, (33, 33))[0, 0]
    up = -(turned * rows).sum() / turned.sum()
    right = (turned * columns).sum() / turned.sum()
    assert up.item() == pytest.approx(8 * 0.5, abs=0.05)
    assert right.item() == pytest.approx(8 * 3**0.5 / 2, abs=0.05)


def test_what_comes_from_outside_is_zero():
    turned = rotated(torch.ones(1, 1, 64), 45)[0, 0]
    assert turned[0, 0] == 0 and turned[3:5, 3:5].min() > 0.99


def test_replicas_and_images_are_turned_each_for_itself():
    x = images(replicas=3)
    together = rotated(x, 20)
    for replica in range(3):
        for image in range(5):
            one = rotated(x[replica : replica + 1, image : image + 1], 20)[0, 0]
            torch.testing.assert_close(together[replica, image], one)
