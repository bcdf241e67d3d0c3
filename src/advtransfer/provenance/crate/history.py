"""What the repository knows of the commits that seals name."""

import hashlib
import re
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from advtransfer.provenance.crate.jobs import Told
from advtransfer.provenance.environment import GIT_SECONDS, LOCK_FILE


class History:
    """Read-only questions to git; every answer is None where there is no git, or it does not know the commit."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.author = cache(self._author)
        self._lock = cache(self._lock_text)

    def engine_versions(self, jobs: Iterable[Told], engine: str) -> list[str]:
        """The versions of a package that the jobs' lock files pin; a lock file counts if it has the sealed hash."""
        asked = {(job.lock_sha256, job.commit) for job in jobs if job.lock_sha256}
        pinned = {_pinned(self._lock(digest, commit), engine) for digest, commit in asked}
        return sorted(version for version in pinned if version)

    def _author(self, commit: str) -> str | None:
        """Name of the author of a commit."""
        said = self._git(
            "show", "--no-patch", "--no-show-signature", "--encoding=UTF-8", "--format=%an", commit
        )
        return (said or b"").decode(errors="replace").strip() or None

    def _lock_text(self, digest: str, commit: str | None) -> str:
        """The lock file of that SHA-256: the present one, or the one of the commit; empty if neither is it."""
        path = self._root / LOCK_FILE
        present = path.read_bytes() if path.is_file() else b""
        committed = self._git("cat-file", "blob", f"{commit}:{LOCK_FILE}") if commit else None
        found = [text for text in (present, committed or b"") if hashlib.sha256(text).hexdigest() == digest]
        return found[0].decode(errors="replace") if found else ""

    def _git(self, *arguments: str) -> bytes | None:
        command = ["git", "--no-optional-locks", *arguments]
        try:
            return subprocess.run(
                command, cwd=self._root, capture_output=True, timeout=GIT_SECONDS, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return None


def _pinned(lock: str, name: str) -> str | None:
    found = re.search(rf"^{re.escape(name)}==([^\s;\\]+)", lock, flags=re.MULTILINE)
    return found.group(1) if found else None
