"""Are the numbers of this run the ones we published, and if not, how far off?

``reports/published.json`` holds ``numbers`` (flat key: value), ``artifacts`` (prefix of a key: the file its
numbers come from) and ``sha256`` (file: hash).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

DIGITS = 6


def make(summary: dict[str, Any], artifacts: Mapping[str, str], sha256: Mapping[str, str]) -> dict[str, Any]:
    """The content of published.json. Raises ValueError for a number without artifact, or one without hash."""
    numbers = flatten(summary)
    for key in numbers:
        if not any(key == prefix or key.startswith(f"{prefix}/") for prefix in artifacts):
            raise ValueError(
                f"{key}: no artifact given for this number, expected a prefix of it in {sorted(artifacts)}"
            )
    for prefix, path in artifacts.items():
        if path not in sha256:
            raise ValueError(f"{prefix}: no hash given for its artifact {path}")
    return {"numbers": numbers, "artifacts": dict(artifacts), "sha256": dict(sha256)}


def compare(
    published: dict[str, Any], summary: dict[str, Any], sha256: Mapping[str, str] | None = None
) -> str:
    """One line on how this run relates to the published one.

    ``sha256`` holds this run's hashes of the published files; without it only the numbers can be compared.
    """
    line = _numbers_differ(published["numbers"], flatten(summary))
    if line:
        return line
    if sha256 is None:
        return f"same numbers as published (to {DIGITS} digits)"
    changed = [path for path, digest in sorted(published["sha256"].items()) if sha256.get(path) != digest]
    if not changed:
        return "same bytes as published"
    return (
        f"differs from the published bytes in {len(changed)} of {len(published['sha256'])} files "
        f"(first: {changed[0]}), same numbers to {DIGITS} digits"
    )


def flatten(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a nested summary by their path, e.g. ``digits/contrast/clean/linear/accuracy/5``."""
    return dict(_walk(summary, ()))


def _walk(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _walk(value, (*path, str(key)))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield "/".join(path), float(node)


def _numbers_differ(old: Mapping[str, float], new: Mapping[str, float]) -> str | None:
    gaps = {key: abs(new[key] - old[key]) for key in old if key in new}
    missing, added = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    parts = []
    if any(gaps.values()):
        worst = max(gaps, key=lambda key: gaps[key])
        digits = 4 if gaps[worst] >= 5e-5 else DIGITS  # four read well, unless the gap would vanish in them
        change = f"{old[worst]:.{digits}f} -> {new[worst]:.{digits}f}"
        parts.append(f"largest difference {gaps[worst]:.{digits}f} at {worst} ({change})")
    if missing:
        parts.append(f"{len(missing)} published numbers are not in this run (first: {missing[0]})")
    if added:
        parts.append(f"{len(added)} numbers of this run are not published (first: {added[0]})")
    return f"differs from the published numbers: {'; '.join(parts)}" if parts else None
