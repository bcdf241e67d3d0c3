"""Shared by every stage."""

import hashlib


def expand(seed: str, size: int) -> bytes:
    """`size` bytes that depend on every character of the seed."""
    block = hashlib.sha256(seed.encode()).digest()
    return (block * (size // len(block) + 1))[:size]
