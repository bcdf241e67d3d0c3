"""What a run takes of its machine while it is at work: memory and GPUs."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import Any

QUERY = "index,utilization.gpu,memory.used,memory.total"


def at_work(pid: int, host: str, began: float) -> bool | None:
    """Whether the Snakemake that began then still runs; None if that cannot be told, as it is on another host."""
    import psutil

    if host != socket.gethostname():
        return None
    try:
        process = psutil.Process(pid)
        # a process that took over the id began later
        return process.create_time() <= began and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def memory(pid: int) -> dict[str, int]:
    """MiB that a process and its descendants hold (``run``), that are in use (``used``), that there are (``total``)."""
    import psutil

    held = 0
    try:
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            held += _resident(one)
    except psutil.Error:
        pass
    machine = psutil.virtual_memory()
    return {
        "run": held >> 20,
        "used": (machine.total - machine.available) >> 20,
        "total": machine.total >> 20,
    }


def _resident(process: Any) -> int:
    import psutil

    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def gpus() -> list[dict[str, int]]:
    """Each GPU that nvidia-smi shows: index, load in percent, MiB in use and there; none without nvidia-smi."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[word.strip() for word in line.split(",")] for line in done.stdout.splitlines()]
    names = ("index", "load", "used", "total")
    # a divided GPU (MIG) says [N/A] of its load
    return [
        dict(zip(names, map(int, row), strict=True)) for row in rows if all(word.isdecimal() for word in row)
    ]
