"""The circumstances of a job: what does not decide freshness, but what an audit wants to see."""

import contextlib
import hashlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from advtransfer.regular_files import read_bytes

LOCK_FILE = "requirements.lock"
# Git is waited for so long that a busy machine or a slow file system does not cost a seal its commit.
GIT_SECONDS = 120.0
# Those that can move a number; everything else is in the lock file, whose hash is recorded too.
PACKAGES = {  # name -> where it is at home
    "torch": "https://pytorch.org/",
    "torchvision": "https://pytorch.org/vision/",
    "numpy": "https://numpy.org/",
    "scipy": "https://scipy.org/",
    "pandas": "https://pandas.pydata.org/",
    "pyarrow": "https://arrow.apache.org/",
    "scikit-learn": "https://scikit-learn.org/",
    "matplotlib": "https://matplotlib.org/",
    "safetensors": "https://huggingface.co/docs/safetensors/",
    "timm": "https://huggingface.co/docs/timm/",
    "torchattacks": "https://adversarial-attacks-pytorch.readthedocs.io/",
}
# Variables by which numerical libraries are held to some of a processor's instructions.
CAPS = (
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
)


def describe(root: Path) -> dict[str, Any]:
    """Interpreter, machine, packages, lock file and git commit as a JSON value, in some 20 ms."""
    return {
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "maker": _cpu_says("vendor_id") or None,
        "architecture": platform.machine(),
        "caps": {name: os.environ[name] for name in CAPS if os.environ.get(name)},
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": thread_count(),
        "packages": package_versions(),
        "lock_sha256": lock_hash(root),
        "git": git_state(root),
    }


def cpu_model() -> str:
    """The processor's name as its maker prints it, or the architecture where the system does not tell."""
    return _cpu_says("model name") or platform.processor() or platform.machine()


def _cpu_says(name: str) -> str:
    """What Linux tells of the first processor under a name; nothing where it does not."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""


def thread_count() -> int | None:
    """Threads a numeric library may use here, as set by the rule; None if nothing limits them."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    return int(value) if value.isdigit() else None


def peak_memory() -> int | None:
    """Most MiB this process ever held in memory; None where /proc does not tell.

    Not `getrusage`: on Linux that counts the parent's memory from before the process started its own program.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return None


def package_versions() -> dict[str, str]:
    """Versions of the packages that can move a number, as far as they are installed."""
    from importlib import metadata  # 20 ms that only jobs pay

    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def lock_hash(root: Path) -> str | None:
    """SHA-256 of the lock file, if there is one."""
    try:
        return hashlib.sha256(read_bytes(root / LOCK_FILE)).hexdigest()
    except OSError:
        return None


def git_state(root: Path) -> dict[str, Any] | None:
    """Commit of the working tree and whether tracked files differ from it; None without a commit."""
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    header = [
        line.removeprefix("# branch.oid ")
        for line in done.stdout.splitlines()
        if line.startswith("# branch.oid ")
    ]
    dirty = any(not line.startswith("#") for line in done.stdout.splitlines())
    return {"commit": header[0], "dirty": dirty} if header and header[0] != "(initial)" else None
