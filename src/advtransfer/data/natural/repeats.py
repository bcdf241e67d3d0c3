"""Images that occur more than once in a source, told by the SHA-256 of their decoded pixels."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np

from advtransfer.data.natural.records import UNLABELLED, Record
from advtransfer.data.natural.rejects import Reject


def pixel_digest(pixels: np.ndarray) -> bytes:
    """Of height, width and pixels [H, W, 3] uint8."""
    digest = hashlib.sha256(np.array(pixels.shape, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


SHOWN = 5  # names of a conflict in the table of rejects


class Repeats:
    """Sees all usable records in the order of their names and says at the end which of them to leave out."""

    def __init__(self) -> None:
        self._first: dict[bytes, tuple[str, int, str]] = {}
        self._later: defaultdict[bytes, list[tuple[str, int, str]]] = defaultdict(list)

    def is_new(self, digest: bytes, record: Record) -> bool:
        """False for the pixels of an earlier record."""
        entry = (record.name, record.label, record.split)
        if self._first.setdefault(digest, entry) is entry:
            return True
        self._later[digest].append(entry)
        return False

    def rejects(self) -> list[Reject]:
        """``duplicate``: every later record with the same pixels and label. ``conflict``: all records with
        the same pixels if two of them have different labels, the first one too: none of the labels can be
        trusted."""
        found = []
        for digest, later in self._later.items():
            first = self._first[digest]
            group = [first, *later]
            labels = {label for _, label, _ in group} - {UNLABELLED}
            if len(labels) > 1:
                names = ", ".join(name for name, _, _ in group[:SHOWN]) + (
                    ", ..." if len(group) > SHOWN else ""
                )
                shown = f"same pixels under the labels {', '.join(map(str, sorted(labels)))}: {names}"
                found += [Reject(*entry, "conflict", shown) for entry in group]
            else:
                found += [Reject(*entry, "duplicate", f"same pixels as {first[0]}") for entry in later]
        return found
