"""What the seals of the published jobs tell, kept in git: who computes one of them anew gets its very seal.

A seal tells when and on what its job ran, and DVC hashes seals with the artifacts. A job that was run again, even with
the same bytes, would have another one, so that dvc.lock or `dvc status` would tell of a change where nothing changed.
Therefore a job that makes the published bytes from the published spec seals them with what the published seal tells;
when and on what it ran here is noted beside, in a file of this folder alone.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.seal import Seal
from advtransfer.provenance.spec import canonical
from advtransfer.regular_files import read_json

FILE = Path("reports/published-seals.json")
AGAIN = Path(".snakemake/again")
# A stage's own remarks on files of one machine, which another cannot take over.
_LOCAL = "raw"


def to_json(seals: Mapping[str, Seal]) -> str:
    """The text of FILE, for seals by the primary outputs of their jobs; what most tell alike stands there once."""
    kept = {primary: seal for primary, seal in seals.items() if _LOCAL not in seal.made}
    alike = _most_frequent([seal.made for seal in kept.values()])
    jobs = {
        primary: {
            "id": seal.id,
            "made": {key: value for key, value in seal.made.items() if not _holds(alike, key, value)},
            "without": sorted(alike.keys() - seal.made.keys()),
        }
        for primary, seal in kept.items()
    }
    return json.dumps({"alike": alike, "jobs": jobs}, indent=1, sort_keys=True) + "\n"


def told(seal: Seal, root: Path) -> dict[str, Any] | None:
    """What the published seal of the same spec and the same bytes tells; None where none is published."""
    try:
        content = read_json(root / FILE)
        job = content["jobs"].get(seal.spec.primary)
        if job is None or job["id"] != seal.id:
            return None
        alike = {key: value for key, value in content["alike"].items() if key not in job["without"]}
        return alike | job["made"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def note(seal: Seal, root: Path) -> None:
    """Notes what a seal tells of a job that was run here, before it is sealed as the published one."""
    atomic_write(root / AGAIN / f"{seal.id}.json", json.dumps(seal.made, indent=1, sort_keys=True) + "\n")


def here(seal: Seal, root: Path) -> Seal:
    """The seal as it tells of the job that was run in this folder, if one was; else as it is."""
    try:
        return Seal(seal.spec, seal.sha256, dict(read_json(root / AGAIN / f"{seal.id}.json")))
    except (OSError, ValueError, TypeError):
        return seal


def _most_frequent(all_made: list[dict[str, Any]]) -> dict[str, Any]:
    """Key -> the value that most have, of keys that most have with one value."""
    counted = Counter((key, canonical(value)) for made in all_made for key, value in made.items())
    return {key: json.loads(value) for (key, value), count in counted.items() if 2 * count > len(all_made)}


def _holds(alike: Mapping[str, Any], key: str, value: Any) -> bool:
    return key in alike and canonical(alike[key]) == canonical(
        value
    )  # not ==, to which 1, 1.0 and true are one
