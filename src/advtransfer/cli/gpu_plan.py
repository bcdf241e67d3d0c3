"""Whether the GPUs that a plan asks for are there, before any of it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advtransfer.cli.gpus import GpuError, pool
from advtransfer.strict_yaml import read_yaml


def stated(profile: Path) -> dict[Any, Any]:
    """What a profile's file says. Raises GpuError, in one line, if it is no YAML with keys."""
    try:
        content = read_yaml(profile) or {}
    except ValueError as error:
        raise GpuError(str(error), 2) from None
    if not isinstance(content, dict):
        raise GpuError(f"{profile}: found {type(content).__name__}, expected options of Snakemake by name", 2)
    return content


def limit(profile: Path, environment: Mapping[str, str]) -> list[str]:
    """Arguments that keep Snakemake from starting more GPU jobs than there are GPUs, under a profile for this machine.

    None where the profile sends jobs elsewhere or states its own limits. Raises GpuError as ``pool``.
    """
    if {"executor", "resources"} & stated(profile).keys():
        return []
    devices = pool(environment)
    return ["--resources", f"gpu={len(devices)}"] if devices else []


def check_plan(needs: Mapping[str, tuple[int, int]], environment: Mapping[str, str]) -> None:
    """Refuses, before anything is computed, jobs that would be refused when they start.

    ``needs``: key of params.yaml -> GPUs that its jobs may have (as ``snakemake --resources`` limits them) and cannot
    do without. Raises GpuError with one line.
    """
    if not any(least for _, least in needs.values()):
        return
    present = len(pool(environment))
    for key, (given, least) in needs.items():
        most, why = (
            (given, "Snakemake was told `--resources gpu=..`")
            if given < present
            else (present, "the GPUs of this machine, or of CUDA_VISIBLE_DEVICES")
        )
        if most < least:
            choice = "; `gpu_optional: true` beside it would let the CPU compute" if not most else ""
            raise GpuError(
                f"params.yaml: key {key}: found {least}, expected at most {most}: {why}{choice}", 2
            )
