"""What a check says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from advtransfer.regular_files import printable

PASS, FAIL, UNCHECKED = "pass", "fail", "not checkable"
# Not the same bytes, and nothing wrong: made anew on another kind of machine, and within tolerance.
REPRODUCED = "reproduced"


@dataclass(frozen=True)
class Check:
    """One named check: its verdict, the reason in one line, and each thing found, one line each.

    Names of files may be anything: what cannot be printed stands as escapes.
    """

    name: str
    verdict: str
    reason: str
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", printable(self.reason))
        object.__setattr__(self, "findings", tuple(map(printable, self.findings)))

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        return {**asdict(self), "findings": list(self.findings)}


def judged(name: str, findings: Sequence[str], *, passed: str, failed: str) -> Check:
    """Fails if anything was found; ``passed`` and ``failed`` are the reasons."""
    return Check(name, FAIL if findings else PASS, failed if findings else passed, tuple(findings))


def overall(checks: Sequence[Check]) -> str:
    """The verdict of all checks together; what cannot be checked fails nothing."""
    verdicts = {check.verdict for check in checks}
    return next((verdict for verdict in (FAIL, REPRODUCED) if verdict in verdicts), PASS)
