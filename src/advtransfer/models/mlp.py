"""A multilayer perceptron with a leading replica axis: R independent networks in one set of batched products.

Parameters are a plain dict of float32 tensors, ``weight_i`` [R, in, out] and ``bias_i`` [R, 1, out]; the last layer
is the classifier, everything before it the representation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from advtransfer.seeding import Streams

Parameters = dict[str, Tensor]


def initialise(sizes: Sequence[int], streams: Streams) -> Parameters:
    """Normal weights of variance 2/fan_in and zero biases (He et al. 2015, eq. 10).

    ``sizes`` is (inputs, hidden.., features, classes).
    """
    parameters = {}
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        weight = streams.normal(fan_in, fan_out) * (2 / fan_in) ** 0.5
        parameters[f"weight_{i}"] = weight
        parameters[f"bias_{i}"] = weight.new_zeros(weight.shape[0], 1, fan_out)
    return parameters


def depth(parameters: Parameters) -> int:
    """Number of layers, the classifier included."""
    return len(parameters) // 2


def features(parameters: Parameters, x: Tensor) -> Tensor:
    """The representation: x [R, B, in] -> [R, B, features], non-negative."""
    for i in range(depth(parameters) - 1):
        x = torch.baddbmm(parameters[f"bias_{i}"], x, parameters[f"weight_{i}"]).relu()
    return x


def logits(parameters: Parameters, x: Tensor) -> Tensor:
    """Class scores: x [R, B, in] -> [R, B, classes]."""
    last = depth(parameters) - 1
    return torch.baddbmm(parameters[f"bias_{last}"], features(parameters, x), parameters[f"weight_{last}"])
