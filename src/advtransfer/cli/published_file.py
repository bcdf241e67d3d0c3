"""reports/published.json: what is published, from which artifacts, computed from what, and on what.

``numbers`` (key: value), ``claims`` (key: estimate, interval, p, n, verdict), ``artifacts`` (prefix of a key: the file
that its numbers come from), ``sha256`` (file: hash), ``specs`` (job, by its primary output: digest of its spec),
``machines`` (circumstances of jobs), ``made_on`` (file: which of them its jobs had, where that is not the first)
and ``drawn`` (the circumstances of the picture). Files of older releases have numbers, artifacts and sha256 alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advtransfer.evaluation.published import CLAIM, Results
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.lineage import chain
from advtransfer.provenance.audit.machine import Circumstances, circumstances
from advtransfer.regular_files import read_json, why_unreadable

FILE = Path("reports/published.json")


@dataclass(frozen=True)
class PublishedFile:
    """The content of published.json."""

    results: Results
    artifacts: dict[str, str]
    sha256: dict[str, str]
    specs: dict[str, str] = field(default_factory=dict)
    machines: list[Circumstances] = field(default_factory=list)
    made_on: dict[str, int] = field(default_factory=dict)
    drawn: Circumstances = field(default_factory=dict)

    @classmethod
    def parse(cls, content: Any) -> PublishedFile:
        """Raises KeyError, TypeError or ValueError for what is no such content."""
        numbers, claims = numbers_in(content), claims_in(content)
        machines = [_circumstances(one) for one in content.get("machines", [])]
        found = cls(
            Results(numbers, claims),
            _texts(content["artifacts"]),
            _texts(content["sha256"]),
            _texts(content.get("specs", {})),
            machines,
            {str(path): int(place) for path, place in content.get("made_on", {}).items()},
            _circumstances(content.get("drawn", {})),
        )
        if homeless := [key for key in found.results.numbers if not found.prefixes(key)]:
            raise ValueError(f"no artifact is given for {homeless[0]}")
        if hashless := [path for path in found.artifacts.values() if path not in found.sha256]:
            raise ValueError(f"no hash is given for {hashless[0]}")
        if strange := [path for path, place in found.made_on.items() if not 0 <= place < len(machines)]:
            raise ValueError(f"made_on: no such machine for {strange[0]}")
        return found

    @classmethod
    def load(cls, root: Path) -> PublishedFile:
        """Raises FileNotFoundError where nothing is published, ValueError, in one line, where the file is damaged."""
        try:
            return cls.parse(read_json(root / FILE))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ValueError(f"{FILE}: {why_unreadable(error)}; restore it from git") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{FILE}: damaged ({error!r}); restore it from git") from None

    def to_json(self) -> str:
        """The inverse of ``parse``, as text for people to read and git to compare."""
        content = {
            "numbers": self.results.numbers,
            "claims": self.results.claims,
            "artifacts": self.artifacts,
            "sha256": self.sha256,
            "specs": self.specs,
            "machines": [_short(one) for one in self.machines],
            "made_on": self.made_on,
            "drawn": _short(self.drawn),
        }
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    def prefixes(self, key: str) -> list[str]:
        """The beginnings of a number's key for which an artifact is given."""
        return [prefix for prefix in self.artifacts if key == prefix or key.startswith(f"{prefix}/")]

    def artifact_of(self, key: str) -> str:
        """The file that a number comes from: that of the longest prefix of its key."""
        return self.artifacts[max(self.prefixes(key), key=len)]

    def machine_of(self, path: str) -> Circumstances:
        """On what the jobs behind a published artifact ran; nothing where an older release did not tell."""
        return self.machines[self.made_on.get(path, 0)] if self.machines else {}


def made_on(paths: Mapping[str, str], evidence: Evidence) -> tuple[list[Circumstances], dict[str, int]]:
    """The circumstances of all jobs behind each artifact, the most frequent first, and which artifact has which."""
    found = {path: circumstances_of(path, evidence) for path in sorted(paths)}
    texts = {path: json.dumps(about, sort_keys=True) for path, about in found.items()}
    ranked = [text for text, _ in Counter(texts.values()).most_common()]
    places = {path: ranked.index(text) for path, text in texts.items()}
    return [json.loads(text) for text in ranked], {path: place for path, place in places.items() if place}


def circumstances_of(path: str, evidence: Evidence) -> Circumstances:
    """On what the jobs behind an artifact ran, by their seals."""
    return circumstances(
        evidence.seals[step].told for step in chain(path, evidence) if step in evidence.seals
    )


def numbers_in(content: Any) -> dict[str, float]:
    """The numbers of published.json or of a record. Raises KeyError or TypeError for content that holds none."""
    if not isinstance(numbers := content["numbers"], dict):
        raise TypeError("numbers: found no mapping")
    if strange := [key for key, value in numbers.items() if type(value) not in (int, float)]:
        raise TypeError(f"{strange[0]} is no number")
    return numbers


def claims_in(content: Any) -> dict[str, dict[str, Any]]:
    """The claims of published.json or of a record; none in one of an older release. Raises TypeError if damaged."""
    claims = content.get("claims", {})
    for key, claim in claims.items():
        if set(claim) != set(CLAIM) or not isinstance(claim["verdict"], str):
            raise TypeError(f"{key}: expected {', '.join(CLAIM)}")
        if strange := [name for name in CLAIM[:-1] if type(claim[name]) not in (int, float, type(None))]:
            raise TypeError(f"{key}/{strange[0]} is no number")
    return {key: dict(claim) for key, claim in claims.items()}


def _texts(value: Any) -> dict[str, str]:
    if strange := [key for key, text in value.items() if not isinstance(text, str)]:
        raise TypeError(f"{strange[0]} is no text")
    return dict(value)


def _short(about: Circumstances) -> dict[str, str | list[str]]:
    """With a single value as such, for people to read."""
    return {name: values[0] if len(values) == 1 else values for name, values in about.items()}


def _circumstances(value: Any) -> Circumstances:
    found = {name: [values] if isinstance(values, str) else values for name, values in value.items()}
    if strange := [name for name, values in found.items() if not _list_of_texts(values)]:
        raise TypeError(f"{strange[0]} is no text, nor a list of texts")
    return found


def _list_of_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(text, str) for text in values)
