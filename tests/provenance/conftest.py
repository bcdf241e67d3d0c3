"""A toy project under real Snakemake, and as a Git repository under real DVC: built once, copied for each test."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import isolated
import patience
import pytest
import yaml
from jobs import end

import advtransfer

CHECKOUT = Path(__file__).parents[2]
TEMPLATE = Path(__file__).parent / "toy"
# The toy's own package, and ours as the tests import it.
CODE = os.pathsep.join(["src", str(Path(advtransfer.__file__).parents[1])])
# The settings under which our own results are recorded.
DVC_FILES = (".dvc/config", ".dvc/.gitignore", ".dvcignore")


@dataclass
class Run:
    """What one command did."""

    returncode: int
    text: str
    ran: list[str]
    stale: dict[str, str] = field(default_factory=dict)


@dataclass
class Toy:
    """One copy of the toy project."""

    root: Path
    # What the commands that made the project did, by name.
    said: dict[str, Run] = field(default_factory=dict)
    # Artifacts after them, path -> SHA-256.
    after: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Beside the project, whose tree it must not change: the primary output of each job that ran."""
        return self.root.parent / f"{self.root.name}.ran"

    def start(
        self, *command: str, output: int | IO[str] = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[str]:
        """Start a command, in a process group of its own."""
        own = {"TOY_LOG": str(self.log), "PYTHONWARNINGS": ""}
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={**isolated.environment(self.root.parent, CODE), **own, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def call(self, *command: str, **environment: str) -> Run:
        """Run a command: the primary outputs of the jobs that it ran and of those that it found stale."""
        self.log.unlink(missing_ok=True)
        # a file: the end of a pipe is held by a worker of DVC that outlives the command
        with tempfile.TemporaryFile("w+") as output:
            process = self.start(*command, output=output, **environment)
            try:
                process.wait(timeout=patience.limit(60))
            finally:
                end(process)
            output.seek(0)
            text = output.read()
        stale = [line.removeprefix("STALE ") for line in text.splitlines() if line.startswith("STALE ")]
        ran = sorted(self.log.read_text().split()) if self.log.exists() else []
        return Run(process.returncode, text, ran, dict(line.split(": ", 1) for line in stale))

    def start_snakemake(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return self.start(sys.executable, "-m", "snakemake", *arguments, **environment)

    def snakemake(self, *arguments: str, **environment: str) -> Run:
        return self.call(sys.executable, "-m", "snakemake", *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> Run:
        """`snakemake`, which must succeed."""
        return _succeeded(self.snakemake(*arguments, **environment))

    def git(self, *arguments: str) -> str:
        """What `git` prints; it must succeed."""
        return _succeeded(self.call("git", *arguments)).text

    def dvc(self, *arguments: str) -> Run:
        """`dvc`, which must succeed."""
        return _succeeded(self.call(sys.executable, "-m", "dvc", *arguments))

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def checkout(self, branch: str) -> None:
        """What a user does to have a branch with its artifacts."""
        self.git("checkout", "--quiet", branch)
        self.dvc("checkout", "--quiet")

    def path(self, name: str) -> Path:
        return self.root / name

    def artifacts(self) -> dict[str, str]:
        """Hash of every artifact; seals, which hold times, are left out."""
        files = [path for path in (self.root / "out").rglob("*") if path.is_file() and path.suffix != ".seal"]
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def lock(self, branch: str = "") -> dict:
        """What dvc.lock says of each stage, here or as it is committed on a branch."""
        text = self.git("show", f"{branch}:dvc.lock") if branch else self.path("dvc.lock").read_text()
        return yaml.safe_load(text)["stages"]

    def object(self, md5: str, store: Path | str = ".dvc/cache") -> Path:
        """A file of DVC's cache, or of a remote."""
        return self.root / store / "files" / "md5" / md5[:2] / md5[2:]

    def recorded(self, branch: str = "") -> dict[str, Path]:
        """Path -> object in the cache, of every file that dvc.lock has recorded."""
        files = {}
        for out in (out for stage in self.lock(branch).values() for out in stage["outs"]):
            entries = json.loads(self.object(out["md5"]).read_bytes())
            files |= {f"{out['path']}/{entry['relpath']}": self.object(entry["md5"]) for entry in entries}
        return files

    def recorded_artifacts(self) -> dict[str, str]:
        """`artifacts`, as DVC would bring them."""
        return {
            path: hashlib.sha256(file.read_bytes()).hexdigest()
            for path, file in self.recorded().items()
            if not path.endswith(".seal")
        }

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        text = self.path(name).read_text()
        assert old in text
        self.path(name).write_text(text.replace(old, new))

    def copy_to(self, root: Path, *without: str) -> "Toy":
        """The same tree elsewhere, with new times."""
        shutil.copytree(
            self.root,
            root,
            ignore=shutil.ignore_patterns("__pycache__", *without),
            copy_function=shutil.copyfile,
        )
        return Toy(root)

    def clone_to(self, root: Path) -> "Toy":
        """What another user gets from Git."""
        self.git("clone", "--quiet", str(self.root), str(root))
        return Toy(root)

    def worktree(self, root: Path, branch: str) -> "Toy":
        """Another branch of the same repository in another folder."""
        self.git("worktree", "add", "--quiet", str(root), branch)
        return Toy(root)

    def pulled_to(self, root: Path) -> "Toy":
        """What another user gets from Git and the remote of DVC."""
        clone = self.clone_to(root)
        clone.dvc("pull", "--quiet")
        return clone


def _succeeded(run: Run) -> Run:
    assert run.returncode == 0, run.text
    return run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The toy project after its first run: not to be changed."""
    toy = Toy(TEMPLATE).copy_to(tmp_path_factory.mktemp("toy") / "built")
    toy.said["first"] = toy.run()
    return toy


@pytest.fixture
def toy(built: Toy, tmp_path: Path) -> Toy:
    """A copy of the built project that a test may change."""
    return built.copy_to(tmp_path / "toy")


@pytest.fixture(scope="session")
def recorded(built: Toy, tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The toy under Git and DVC, on branch main; branch other has another eps. Not to be changed.

    Both branches are computed, recorded, committed and pushed to a folder, `remote`. `after` holds the artifacts of
    each branch, `said` what recording it did.
    """
    place = tmp_path_factory.mktemp("recorded")
    toy = built.copy_to(place / "toy")
    toy.path("phases.yaml").rename(toy.path("dvc.yaml"))
    for name in DVC_FILES:
        toy.path(name).parent.mkdir(exist_ok=True)
        shutil.copyfile(CHECKOUT / name, toy.path(name))
    toy.path(".gitignore").write_text("/out/\n.snakemake/\n__pycache__/\n")
    toy.git("init", "--quiet", "--initial-branch", "main")
    toy.dvc("remote", "add", "--quiet", "--default", "folder", str(place / "remote"))
    toy.said["main"] = toy.dvc("repro")
    toy.commit("Results")
    toy.git("checkout", "--quiet", "-b", "other")
    toy.edit("params.json", '"eps": 0.5', '"eps": 0.75')
    toy.said["other"] = toy.dvc("repro")
    toy.commit("Results with another eps")
    toy.after = {"main": built.artifacts(), "other": toy.artifacts()}
    toy.dvc("push", "--quiet", "--all-branches")
    toy.checkout("main")
    return toy


@pytest.fixture
def study(recorded: Toy, tmp_path: Path) -> Toy:
    """A copy of the recorded project, on branch main, that a test may change."""
    return recorded.copy_to(tmp_path / "study")
