"""A toy project under real Snakemake, built once and copied for each test."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import advtransfer

# The toy's own package, and ours as the tests import it.
CODE = os.pathsep.join(["src", str(Path(advtransfer.__file__).parents[1])])
TEMPLATE = Path(__file__).parent / "toy"


@dataclass
class Run:
    """What one call of Snakemake did."""

    returncode: int
    text: str
    ran: list[str]
    stale: dict[str, str] = field(default_factory=dict)


@dataclass
class Toy:
    """One copy of the toy project."""

    root: Path

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start Snakemake, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.root,
            env={
                **os.environ,
                "PYTHONPATH": CODE,
                "TOY_LOG": "ran.txt",
                "PYTHONWARNINGS": "",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def snakemake(self, *arguments: str, **environment: str) -> Run:
        """Run Snakemake; the primary outputs of the jobs that ran and of those found stale."""
        log = self.root / "ran.txt"
        log.unlink(missing_ok=True)
        process = self.start(*arguments, **environment)
        text, _ = process.communicate(timeout=120)
        stale = [
            line[len("STALE ") :].split(": ", 1) for line in text.splitlines() if line.startswith("STALE ")
        ]
        ran = sorted(log.read_text().split()) if log.exists() else []
        return Run(process.returncode, text, ran, dict(stale))

    def run(self, *arguments: str, **environment: str) -> Run:
        """`snakemake`, which must succeed."""
        done = self.snakemake(*arguments, **environment)
        assert done.returncode == 0, done.text
        return done

    def path(self, name: str) -> Path:
        return self.root / name

    def artifacts(self) -> dict[str, str]:
        """Hash of every artifact; seals, which hold times, are left out."""
        files = [path for path in (self.root / "out").rglob("*") if path.is_file() and path.suffix != ".seal"]
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        text = self.path(name).read_text()
        assert old in text
        self.path(name).write_text(text.replace(old, new))

    def copy_to(self, root: Path, *without: str) -> "Toy":
        """The same tree elsewhere, with new times, as after a clone."""
        shutil.copytree(
            self.root,
            root,
            ignore=shutil.ignore_patterns("__pycache__", *without),
            copy_function=shutil.copyfile,
        )
        return Toy(root)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """The toy project after its first run: not to be changed."""
    toy = Toy(TEMPLATE).copy_to(tmp_path_factory.mktemp("toy") / "built")
    toy.first = toy.run()  # type: ignore[attr-defined]
    return toy


@pytest.fixture
def toy(built: Toy, tmp_path: Path) -> Toy:
    """A copy of the built project that a test may change."""
    return built.copy_to(tmp_path / "toy")
