"""Sparse-coding data: x = M z + noise, with labels that depend on the sparse code z.

Model of Allen-Zhu and Li, "Feature Purification: How Adversarial Training Performs Robust Deep Learning"
(2020), as used by Xing, Lin, Song, Xu, Zeng, Cheng, "Better Representations via Adversarial Training in
Pre-Training: A Theoretical Perspective" (2024). Tensors are float32 with the replicas first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from advtransfer.seeding import Streams
from advtransfer.theory.sparse_coding.config import Scenario

OVERDRAW = 2.2  # codes drawn per code kept: with four labels nearly half are ties


@dataclass(frozen=True)
class Problem:
    """One random dictionary and its labelling rules per replica."""

    dictionary: Tensor  # [R, d, d]       M, orthonormal; column j is atom j
    source: Tensor  # [R, d, labels]  +-1; source label k of a code z is sign <source_k, z>
    downstream: (
        Tensor  # [R, d, 1]       +-1; the label of the downstream task, independent of the source labels
    )


def make_problem(s: Scenario, replicas: Sequence[int], seed: int) -> Problem:
    """Draw the dictionaries and the labelling rules of the given replicas."""
    streams = Streams.of(seed, replicas, "sparse_coding", "problem")
    dictionary = torch.linalg.qr(streams.normal(s.d, s.d).double())[0].float()
    return Problem(dictionary, streams.normal(s.d, s.labels).sign(), streams.normal(s.d, 1).sign())


def sample(
    s: Scenario, problem: Problem, rule: Tensor, points: int, streams: Streams
) -> tuple[Tensor, Tensor]:
    """Points x [R, points, d] and labels y in {-1, 1} [R, points, K] for a labelling rule [R, d, K].

    Coordinates of z are +1 or -1 with probability active / (2 d) each, else 0, given that <rule_k, z> is not
    0 for any k: a tie (z = 0 among them) has no label. The noise is N(0, noise^2 / d) per coordinate.
    `streams` are used up.
    """
    z, score = _untied_codes(s, rule, points, streams)
    noise = streams.normal(points, s.d)
    return z @ problem.dictionary.mT + noise * (s.noise / s.d**0.5), score.sign()


def _untied_codes(s: Scenario, rule: Tensor, points: int, streams: Streams) -> tuple[Tensor, Tensor]:
    """The first codes [R, points, d] without a tie, and their scores [R, points, K]."""
    half = s.active / (2 * s.d)
    z = rule.new_empty(rule.shape[0], 0, s.d)
    while True:
        u = streams.uniform(int(OVERDRAW * points) + 1, s.d)
        z = torch.cat([z, (u > 1 - half).float() - (u < half).float()], dim=1)
        score = z @ rule
        untied = (score != 0).all(dim=2)
        if int(untied.sum(dim=1).min()) >= points:
            first = untied.int().argsort(dim=1, descending=True, stable=True)[:, :points, None]
            return z.take_along_dim(first, 1), score.take_along_dim(first, 1)
