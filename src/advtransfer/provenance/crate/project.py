"""What the caller tells a crate of the project, and why a crate may be refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from advtransfer.provenance.environment import LOCK_FILE

_SHOWN = 5


class CrateError(Exception):
    """The results cannot be claimed. `reasons` has a line for each thing that is wrong; the text shows the first."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = list(reasons)
        more = [f"and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
        listed = "\n".join(f"  {reason}" for reason in [*self.reasons[:_SHOWN], *more])
        super().__init__(
            "no crate was written (`advtransfer run` makes stale results anew, with --study NAME those of a study that "
            f"is no default one):\n{listed}"
        )


class TargetError(Exception):
    """The crate cannot be written there; the message is one line."""


@dataclass(frozen=True)
class Project:
    """A project with a Snakefile at `root`, and what of it goes into a crate.

    `license` is an SPDX identifier. `files` (files and folders that no job made) and `results` (files that jobs made)
    are glob patterns relative to the root: what a job made and none of them names is described, not copied. Among
    `files` are the folder `source` of the first-party code, the workflow, its `settings`, the readme and the lock
    file. `stored` is path -> MD5 as DVC recorded it.
    """

    root: Path
    name: str
    version: str
    description: str
    license: str
    files: Sequence[str]
    results: Sequence[str]
    source: str = "src"
    workflow: str = "Snakefile"
    settings: Sequence[str] = ("params.yaml",)
    readme: str = "README.md"
    stored: Mapping[str, str] = field(default_factory=dict)

    def needed(self) -> set[str]:
        """The files without which there is no crate."""
        return {self.workflow, self.readme, LOCK_FILE, *self.settings}

    def plain_files(self) -> list[str]:
        """Every file that `files` names, without byte code."""
        found = {path for start in self._glob(self.files) for path in _files_in(start)}
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def result_files(self) -> set[str]:
        """Every file that `results` names."""
        return {path.relative_to(self.root).as_posix() for path in self._glob(self.results) if path.is_file()}

    def _glob(self, patterns: Sequence[str]) -> Iterator[Path]:
        for pattern in patterns:
            yield from self.root.glob(pattern)


def _files_in(start: Path) -> Iterator[Path]:
    for path in [start, *start.rglob("*")] if start.is_dir() else [start]:
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
