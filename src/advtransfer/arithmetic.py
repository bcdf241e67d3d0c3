"""Matrix products and square roots on a CPU with the same bits on every x86-64 processor that has AVX2.

PyTorch hands these to MKL, whose kernels depend on the maker of the processor; its one branch that does not is three
times as slow. NumPy's OpenBLAS, held to its Haswell kernels by the job's environment, computes the same bits on all of
them at MKL's speed, and NumPy's square root is the correctly rounded one (docs/reproducibility.md has measurements).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

_HELD = (torch.float32, torch.float64)


@functools.cache
def hold_products() -> torch.library.Library:
    """Gives PyTorch these kernels for float32 and float64 on the CPU, for the whole process; once is enough.

    All code computes with them, that of other packages and of autograd included. Other types, and arguments that do
    not fit together, go to the kernels that PyTorch has.
    """
    library = torch.library.Library("aten", "IMPL")
    for name, kernel in (
        ("mm", _product),
        ("bmm", _product),
        ("addmm", _sum_and_product),
        ("baddbmm", _sum_and_product),
        ("sqrt", _square_root),
        ("sqrt_", _square_root_in_place),
    ):
        library.impl(name, _or_own(name, kernel), "CPU", with_keyset=True)
    return library  # its kernels live as long as it does


def _or_own(name: str, kernel: Callable[..., Tensor | None]) -> Callable[..., Any]:
    """``kernel``, or PyTorch's own where that returns None."""
    own = torch.library.get_kernel(f"aten::{name}", "CPU")

    def call(keys: Any, *arguments: Any, **options: Any) -> Any:
        found = kernel(*arguments, **options)
        return own.call_boxed(keys, *arguments, **options) if found is None else found

    return call


def _product(a: Tensor, b: Tensor) -> Tensor | None:
    if a.dtype not in _HELD or a.dtype != b.dtype or a.dim() != b.dim() or a.shape[:-2] != b.shape[:-2]:
        return None
    if a.shape[-1] != b.shape[-2]:
        return None
    with np.errstate(all="ignore"):  # inf and nan are results, as PyTorch has it
        return torch.from_numpy(np.matmul(_array(a), _array(b)))


def _sum_and_product(
    added: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor | None:
    product = _product(a, b) if added.dtype == a.dtype else None
    if product is None or not _broadcasts(added.shape, product.shape):
        return None
    if alpha != 1:
        product.mul_(alpha)
    return product.add_(added, alpha=beta) if beta else product


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    """By hand: ``torch.broadcast_shapes`` imports SymPy, .4 s at its first call."""
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(size in (1, whole) for size, whole in pairs)


def _square_root(x: Tensor) -> Tensor | None:
    if x.dtype not in _HELD:
        return None
    with np.errstate(invalid="ignore"):  # of a number below 0: nan, as PyTorch has it
        return torch.from_numpy(np.asarray(np.sqrt(x.detach().numpy())))


def _square_root_in_place(x: Tensor) -> Tensor | None:
    root = _square_root(x)
    return None if root is None else x.copy_(root)


def _array(x: Tensor) -> np.ndarray:
    """The tensor's memory; rows or columns are made contiguous, else NumPy would multiply without OpenBLAS."""
    known = x if 1 in x.stride()[-2:] else x.contiguous()
    return known.detach().numpy()
