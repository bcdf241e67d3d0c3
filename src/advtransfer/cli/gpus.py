"""The GPUs that jobs of this machine may use."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# What CUDA_VISIBLE_DEVICES holds where a scheduler gave no device; CUDA ignores what follows such a word.
_NONE = re.compile(r"-\d+|NoDevFiles|none|void", re.IGNORECASE)
_LISTED = re.compile(r"^(GPU (\d+)|\s+MIG .*): .*\(UUID: ([^)]+)\)$", re.MULTILINE)


class GpuError(Exception):
    """A job cannot have its GPUs; the message is one line. ``exit_code`` is 2 if no waiting will help."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def pool(environment: Mapping[str, str]) -> list[str]:
    """The devices that a job of this process may use: CUDA_VISIBLE_DEVICES, or all that ``nvidia-smi`` lists.

    Devices are named by UUID, so that a position and a UUID, or two spellings of one, are the same lease. A position
    is nvidia-smi's. Where there is no nvidia-smi the names stay as CUDA_VISIBLE_DEVICES has them. Raises GpuError if
    that names a device that is not here, or one twice.
    """
    present = _present()
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [uuid for device in present for uuid in device.usable]
    names = [_resolve(word, present) for word in _words(visible)]
    if len(set(names)) < len(names):
        raise GpuError(f"CUDA_VISIBLE_DEVICES: found {visible!r}, expected each device once", 2)
    return names


@dataclass(frozen=True)
class _Gpu:
    """A GPU as nvidia-smi lists it, and the MIG devices that it is divided into."""

    uuid: str
    parts: tuple[str, ...] = ()

    @property
    def usable(self) -> tuple[str, ...]:
        """What a process can be given; CUDA takes the first part for the whole of a divided GPU."""
        return self.parts or (self.uuid,)


def _present() -> list[_Gpu]:
    """The GPUs of this machine by position; none where nvidia-smi is not there or finds no driver."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found: list[_Gpu] = []
    for _, position, uuid in _LISTED.findall(done.stdout):
        if position:
            found.append(_Gpu(uuid))
        elif found:
            found[-1] = _Gpu(found[-1].uuid, (*found[-1].parts, uuid))
    return found


def _words(visible: str) -> Iterator[str]:
    for word in (part.strip() for part in visible.split(",")):
        if not word or _NONE.fullmatch(word):
            return
        yield word


def _resolve(word: str, present: Sequence[_Gpu]) -> str:
    """The UUID of a position, of a UUID or of its unique beginning; the word itself if nothing is known here."""
    if not present:
        return word
    if word.isdecimal() and int(word) < len(present):
        return present[int(word)].usable[0]
    names = {gpu.usable[0] for gpu in present if gpu.uuid.startswith(word)}
    names |= {part for gpu in present for part in gpu.parts if part.startswith(word)}
    if len(names) != 1:
        raise GpuError(
            f"CUDA_VISIBLE_DEVICES: found {word!r}, expected one of the {len(present)} GPUs of this machine",
            2,
        )
    return names.pop()


def number(count: int) -> str:
    """A count of GPUs in words."""
    return f"{count} GPU{'s' * (count != 1)}"
