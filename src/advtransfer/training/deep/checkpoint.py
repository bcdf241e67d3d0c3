"""A training's state in one file: tensors and JSON, never a pickle; whole and unaltered, or not used."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_STATE = "state"  # digest and facts under one key: safetensors writes several in no order


class Unusable(Exception):
    """Why a checkpoint is not gone on from, in one line."""


class Found(NamedTuple):
    """What a checkpoint holds: tensors on the host, facts, and the digest of both."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    digest: str


@dataclass
class Checkpoint:
    """Where and how often a training is written down.

    ``path`` belongs to one training: the caller derives it from all that the training depends on, and deletes it once
    the results are safe. Written every ``every_steps`` steps and every ``every_seconds`` seconds, whichever comes
    first, and at the end; when it is written does not change the result. ``owner`` says which training that is, so
    that the file is not used for another one, wherever it was moved.
    """

    path: Path
    every_seconds: float | None = 300.0
    every_steps: int | None = None
    owner: str = ""
    _written: float = field(default_factory=time.monotonic, init=False)

    def due_by_count(self, done: int) -> bool:
        """Whether ``done`` steps, from the start of the training, are a number to write at."""
        return self.every_steps is not None and done % self.every_steps == 0

    def due_by_clock(self) -> bool:
        """Whether the last one is old enough."""
        return self.every_seconds is not None and time.monotonic() - self._written >= self.every_seconds

    def write(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Replaces the file, and whatever else stands in its place, in one step; it survives a power cut.

        Where that cannot be done (a full disk) it is told of in one line: a training does not fail for want of it.
        """
        try:
            self._write({name: t.detach().cpu().contiguous() for name, t in sorted(tensors.items())}, facts)
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                _remove(self._draft)
            print(
                f"checkpoint {self.path} cannot be written, training goes on without it: {error}",
                file=sys.stderr,
                flush=True,
            )
        self._written = time.monotonic()

    @property
    def _draft(self) -> Path:
        return self.path.with_name(self.path.name + ".part")

    def _write(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts, sort_keys=True)
        _remove(self._draft)  # a link would lead the bytes elsewhere
        save_file(dict(tensors), self._draft, metadata={_STATE: json.dumps([_digest(tensors, text), text])})
        _flush(self._draft)
        if self.path.is_dir():
            _remove(self.path)
        self._draft.replace(self.path)
        _flush(self.path.parent)

    def read(self) -> Found | None:
        """What the file holds, or None without one. Raises Unusable if it is damaged or cannot be read."""
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # opening a pipe would wait for ever
                raise Unusable("it is no regular file")
            with safe_open(self.path, framework="pt") as file:
                told, text = json.loads(file.metadata()[_STATE])
                # cloned: what is read maps the file, which another process may replace
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            facts = json.loads(text)
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise Unusable(f"it cannot be read ({' '.join(str(error).split())})") from None
        if _digest(tensors, text) != told:
            raise Unusable("its content is not what was written")
        return Found(tensors, facts, told)


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    """SHA-256 of all that a checkpoint holds; of every tensor its name, dtype, shape and bytes."""
    hasher = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        hasher.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        hasher.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
