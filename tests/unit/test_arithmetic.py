"""Products and square roots of PyTorch through NumPy's kernels: the right numbers, gradients and refusals."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch

from advtransfer.arithmetic import hold_products
from advtransfer.cli import kernels


@pytest.fixture(autouse=True)
def held():
    hold_products()


def exact(a, b):
    """The product [..., n, m] of float64 copies, summed by NumPy without a BLAS."""
    a, b = a.detach().double().numpy(), b.detach().double().numpy()
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2)


def numbers(*shape, dtype=torch.float32, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


LAYOUTS = {
    "rows": lambda x: x,
    "columns": lambda x: x.mT.contiguous().mT,
    "every other": lambda x: torch.stack([x, x], -1).flatten(-2)[..., ::2],
    "expanded": lambda x: x[..., :1].expand(x.shape),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("left", "right"), list(itertools.product(LAYOUTS, repeat=2)))
def test_products_are_right_whatever_lies_where(left, right, dtype):
    a = LAYOUTS[left](numbers(3, 7, 5, dtype=dtype))
    b = LAYOUTS[right](numbers(3, 5, 4, dtype=dtype, seed=1))
    wanted, near = exact(a, b), {"rtol": 0, "atol": 60 * torch.finfo(dtype).eps}
    np.testing.assert_allclose(torch.bmm(a, b), wanted, **near)
    np.testing.assert_allclose(torch.mm(a[0], b[0]), wanted[0], **near)
    added = numbers(3, 1, 4, dtype=dtype, seed=2)
    np.testing.assert_allclose(torch.baddbmm(added, a, b), wanted + added.numpy(), **near)
    scaled = torch.addmm(added[0], a[0], b[0], beta=0.5, alpha=2)
    np.testing.assert_allclose(scaled, 2 * wanted[0] + 0.5 * added[0].numpy(), **near)


def test_beta_0_drops_what_is_added_nan_included():
    a, b = numbers(2, 3), numbers(3, 2)
    assert torch.equal(torch.addmm(torch.full((2, 2), torch.nan), a, b, beta=0), a @ b)


def test_gradients_go_through():
    a, b, added = (
        numbers(*shape, dtype=torch.float64).requires_grad_() for shape in ((2, 3, 4), (2, 4, 5), (2, 1, 5))
    )
    assert torch.autograd.gradcheck(torch.baddbmm, (added, a, b))
    layer = torch.nn.Linear(4, 3).double()
    assert torch.autograd.gradcheck(layer, (a.detach().requires_grad_(),))
    positive = (numbers(6, dtype=torch.float64).abs() + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(torch.sqrt, (positive,))


def test_square_roots_are_correctly_rounded():
    x = numbers(10_000).abs()
    rounded = x.double().numpy() ** 0.5
    assert np.array_equal(torch.sqrt(x).numpy(), rounded.astype(np.float32))
    assert torch.equal(x.clone().sqrt_(), x.sqrt())
    assert torch.sqrt(torch.tensor(4.0)) == 2
    assert torch.sqrt(torch.tensor([-1.0])).isnan().all()
    assert torch.sqrt(torch.tensor([4])).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64, torch.complex64])
def test_other_types_keep_their_own_kernels(dtype):
    a = torch.ones(2, 3, dtype=dtype)
    assert torch.equal(a @ a.mT, torch.full((2, 2), 3, dtype=dtype))


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.bmm(numbers(1, 2, 3), numbers(4, 3, 2)),  # NumPy would repeat the one matrix
        lambda: torch.mm(numbers(2, 3), numbers(2, 3)),
        lambda: torch.mm(numbers(2, 3), numbers(3, 2, dtype=torch.float64)),
        lambda: torch.addmm(numbers(5, 2, 2), numbers(2, 3), numbers(3, 2)),
    ],
)
def test_what_does_not_fit_is_refused_as_pytorch_does(call):
    with pytest.raises(RuntimeError):
        call()


def test_empty_products_are_zeros():
    assert torch.equal(torch.bmm(torch.ones(2, 3, 0), torch.ones(2, 0, 4)), torch.zeros(2, 3, 4))


def test_the_kernels_of_a_job_are_the_ones_asked_for():
    """The variables have the names that the libraries read: under them NumPy and OpenBLAS report no AVX-512."""
    if not kernels.available():
        pytest.skip("this processor has no AVX2")
    script = (
        "import numpy, torch, threadpoolctl\n"
        "from numpy._core._multiarray_umath import __cpu_features__ as features\n"
        "print(features['X86_V4'], torch.backends.cpu.get_cpu_capability(),"
        " *{p['architecture'] for p in threadpoolctl.threadpool_info() if p['internal_api'] == 'openblas'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=kernels.PORTABLE, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "AVX2", "Haswell"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model name : x\nflags\t\t: fpu avx avx2 fma sse\n", True),
        ("flags\t\t: fpu avx2 sse\n", False),
        ("flags\t\t: fpu avx\n", False),
        ("Features\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_only_a_processor_with_avx2_is_held_to_its_kernels(tmp_path, text, found):
    file = tmp_path / "cpuinfo"
    file.write_text(text, encoding="utf-8")
    assert kernels.available(file) is found


def test_no_list_of_a_processors_instructions_no_hold(tmp_path):
    assert kernels.available(tmp_path / "nothing") is False


def test_no_job_pays_for_sympy():
    """PyTorch imports it at the first call of more than one function: .4 s of a job's start."""
    code = """
import sys, torch
from advtransfer.arithmetic import hold_products
hold_products()
torch.nn.Linear(2, 3)(torch.ones(4, 2)).square().sum().sqrt().backward()
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" in done.stdout.split() and "sympy" not in done.stdout.split()
