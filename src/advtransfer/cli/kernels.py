"""Which kernels the numerical libraries may choose, so that every x86-64 processor with AVX2 computes the same bits.

The libraries read these variables when they are loaded. ``advtransfer.arithmetic`` does the rest for PyTorch;
docs/reproducibility.md says what each is for and how that was found.
"""

from __future__ import annotations

from pathlib import Path

PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    "OPENBLAS_CORETYPE": "Haswell",  # matrix products and decompositions of NumPy and SciPy
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # exp, log and powers of NumPy
    "MKL_CBWR": "COMPATIBLE",  # exp, log and decompositions of PyTorch
}
_NEEDED = {"avx2", "fma"}


def available(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor has the instructions of these kernels; without them they would crash."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and _NEEDED.issubset(line.split()) for line in lines)
