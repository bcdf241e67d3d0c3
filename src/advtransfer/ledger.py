"""What this folder remembers of what it has logged: saves the second import of MLflow when there is nothing to do."""

from __future__ import annotations

import json
from pathlib import Path

from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.masking import masked
from advtransfer.regular_files import read_json


class Ledger:
    """Seals known to be logged, per server.

    Servers are told apart by their addresses without the logins, which a file is no place for.
    """

    def __init__(self, path: Path, server: str, *, gone: bool) -> None:
        self._path, self._server = path, masked(server)
        try:
            kept = read_json(path)
            self._all: dict[str, list[str]] = {masked(known): seals for known, seals in kept.items()}
        except (OSError, ValueError, AttributeError):
            self._all = {}
        self.known = set() if gone else set(self._all.get(self._server, []))

    def keep(self, seals: set[str]) -> None:
        self._all[self._server] = sorted(seals)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._path, json.dumps(self._all, indent=1))
