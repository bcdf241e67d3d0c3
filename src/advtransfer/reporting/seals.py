"""What reports show of seals: which files they vouch for, and what made these."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advtransfer.circumstances import sensible


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The seals, ordered by the files they vouch for, so that the order given does not matter.

    Of what they tell of their jobs only what makes sense: nothing vouches for it.
    """
    seals = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return sorted(({**seal, "made": sensible(seal["made"])} for seal in seals), key=outputs)


def outputs(seal: dict[str, Any]) -> list[str]:
    """Paths of the files that the sealed job wrote; a spec names them, as a dict or as pairs."""
    return sorted(dict(seal["spec"]["outputs"]).values())


def artifacts(seals: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """One row per sealed file: path, rule, stage, seal, sha256."""
    return [
        {
            "path": path,
            "rule": seal["spec"]["rule"],
            "stage": seal["spec"]["stage"],
            "seal": seal["id"],
            "sha256": seal["sha256"].get(path, ""),
        }
        for seal in seals
        for path in outputs(seal)
    ]


def versions(seals: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Every version of every package that took part in making the artifacts."""
    found: dict[str, set[str]] = {}
    for seal in seals:
        for package, version in (seal["made"].get("packages") or {}).items():
            found.setdefault(package, set()).add(str(version))
    return {package: sorted(versions) for package, versions in sorted(found.items())}
