"""A training's state in one file: tensors and JSON, never a pickle, whole or absent."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_KEY = "state"


@dataclass
class Checkpoint:
    """Where and how often a training is written down.

    ``path`` belongs to one training: the caller derives it from all that the training depends on, and deletes it once
    the results are safe. Written every ``every_steps`` steps and every ``every_seconds`` seconds, whichever comes
    first, and at the end; when it is written does not change the result.
    """

    path: Path
    every_seconds: float | None = 300.0
    every_steps: int | None = None
    _written: float = field(default_factory=time.monotonic, init=False)

    def due_by_count(self, done: int) -> bool:
        """Whether ``done`` steps, from the start of the training, are a number to write at."""
        return self.every_steps is not None and done % self.every_steps == 0

    def due_by_clock(self) -> bool:
        """Whether the last one is old enough."""
        return self.every_seconds is not None and time.monotonic() - self._written >= self.every_seconds

    def write(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Replaces the file in one step; it survives a power cut."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(self.path.name + ".part")
        on_host = {name: t.detach().cpu().contiguous() for name, t in sorted(tensors.items())}
        save_file(on_host, draft, metadata={_KEY: json.dumps(facts, sort_keys=True)})
        _flush(draft)
        draft.replace(self.path)
        _flush(self.path.parent)
        self._written = time.monotonic()

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors on the host and facts, or None if there is nothing to go on from.

        A file that cannot be read is told of in one line and taken for absent: a job that is tried again must not
        fail for ever.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                facts = json.loads((file.metadata() or {})[_KEY])
                # cloned: what is read maps the file, which another process may replace
                return {name: file.get_tensor(name).clone() for name in file.keys()}, facts  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            print(f"checkpoint {self.path} cannot be read, training starts anew: {error}", file=sys.stderr)
            return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
