"""What this folder remembers of what it has logged: saves the second import of MLflow when there is nothing to do."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.masking import masked
from advtransfer.regular_files import read_json, why_unreadable


class Ledger:
    """Seals known to be logged, per server.

    Servers are told apart by their addresses without the logins, which a file is no place for.
    """

    def __init__(self, path: Path, server: str, *, gone: bool) -> None:
        self._path, self._server = path, masked(server)
        self._all: dict[str, list[str]] = {}
        # damaged: what is logged once more is the same run
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            kept = read_json(path)
            self._all = {masked(known): seals for known, seals in kept.items() if _are_seals(seals)}
        self.known = set() if gone else set(self._all.get(self._server, []))

    def keep(self, seals: set[str]) -> None:
        """Writes down what is logged; where that cannot be done, a line on stderr says so."""
        self._all[self._server] = sorted(seals)
        try:
            if self._path.is_dir() and not self._path.is_symlink():
                self._path.rmdir()
            atomic_write(self._path, json.dumps(self._all, indent=1))
        except OSError as error:
            print(f"warning: {self._path} cannot be written: {why_unreadable(error)}", file=sys.stderr)


def _are_seals(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(seal, str) for seal in value)
