"""The learned representation and its distance from the true one."""

from __future__ import annotations

import numpy as np

from advtransfer.theory.linear.model import Floats

RANK_TOLERANCE = 1e-12  # eigenvalues below this share of the largest one count as zero


def top_directions(tasks: Floats, r: int) -> Floats:
    """Top-r directions [N, p, r] of task vectors [N, T, p]: the left singular vectors of the p x T matrix.

    Found from the smaller of the two Gram matrices. Where the tasks span fewer than r directions (an l2
    radius that silences nearly all of them), the missing columns are zero: the representation simply has
    fewer features.
    """
    if tasks.shape[-1] <= tasks.shape[-2]:
        values, vectors = np.linalg.eigh(tasks.swapaxes(-1, -2) @ tasks)
        values, top = values[:, ::-1][:, :r], vectors[:, :, ::-1][:, :, :r]
    else:
        values, vectors = np.linalg.eigh(tasks @ tasks.swapaxes(-1, -2))
        values = values[:, ::-1][:, :r]
        top = tasks.swapaxes(-1, -2) @ vectors[:, :, ::-1][:, :, :r]
        top = top / np.sqrt(np.maximum(values, np.finfo(float).tiny))[:, None, :]
    present = values > RANK_TOLERANCE * np.maximum(values[:, :1], np.finfo(float).tiny)
    return np.where(present[:, None, :], top, 0.0)


def sin_theta(learned: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """sin Theta distance of span(learned) from span(basis), both [N, p, r], columns orthonormal (or zero).

    Returns (operator norm, Frobenius norm) of (I - W W') B, each [N]: the sine of the largest principal
    angle, and the root of the sum of squared sines. The operator norm is 1 when a direction of B is missed
    altogether.
    """
    residual = basis - learned @ (learned.swapaxes(-1, -2) @ basis)
    gram = residual.swapaxes(-1, -2) @ residual
    largest = np.linalg.eigvalsh(gram)[:, -1]
    return np.sqrt(np.clip(largest, 0.0, 1.0)), np.linalg.norm(residual, axis=(-2, -1))
