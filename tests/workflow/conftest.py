"""A tiny project under the real Snakemake, DVC, MLflow and papermill: computed once, copied for each test."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import isolated
import patience
import pytest

from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import Seal, read_seal

CHECKOUT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny"
ARTIFACT_FOLDERS = ("data", "results", "reports/rendered")
# What a run makes, or what belongs to the published studies: not part of the tiny project.
LEFT_OUT = ("data/p", "results/p", "results/t", "reports/rendered/", "reports/published", "dvc.lock")
RULE = re.compile(r"^(?:local)?rule (\w+):$", re.MULTILINE)
WILDCARDS = re.compile(r"^    wildcards: (.*)$", re.MULTILINE)
PROFILE = "workflow/profiles/default"
OFFLINE = """
import socket

def refuse(self, address):
    if self.family != socket.AF_UNIX:
        raise AssertionError(f"the network was asked for: {address}")

socket.socket.connect = socket.socket.connect_ex = refuse
"""
TIMES = "reports/rendered/artifacts.html"
TOTAL = re.compile(r"^total +(\d+)$", re.MULTILINE)


@dataclass
class Project:
    """One copy of the project, and the commands that a user would type in it."""

    root: Path
    # What the commands that made the project printed, by name.
    said: dict[str, str] = field(default_factory=dict)
    # Artifacts after a step, path -> SHA-256.
    after: dict[str, dict[str, str]] = field(default_factory=dict)

    def environment(self, **changes: str) -> dict[str, str]:
        return isolated.environment(self.root.parent, str(self.root / "src")) | changes

    def start(self, *command: str, output: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own; what it says goes to a file."""
        with output.open("wb") as file:
            return subprocess.Popen(
                ("env", "--default-signal=INT", *command),  # background processes inherit that it is ignored
                cwd=self.root,
                env=self.environment(**environment),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def call(
        self, *command: str, seconds: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=patience.limit(seconds),
            check=False,
        )

    def advtransfer(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.call(sys.executable, "-m", "advtransfer", *arguments, **environment)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.call(sys.executable, "-m", "snakemake", *arguments)

    def tool(self, *command: str) -> str:
        """What git or dvc prints; it must succeed."""
        prefix = [sys.executable, "-m"] if command[0] == "dvc" else []
        done = self.call(*prefix, *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def without_network(self, offline: Path, *command: str) -> str:
        """What a Python module prints while there is no network; it must succeed."""
        path = os.pathsep.join([str(offline), str(self.path("src"))])
        done = self.call(sys.executable, "-m", *command, PYTHONPATH=path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`advtransfer run`, which must succeed."""
        done = self.advtransfer("run", *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def wait(self, process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
        """Wait until a condition holds while a process is at work."""
        patience.until(condition, 30, process)

    def pending(self) -> set[str]:
        """The jobs that a run would execute, as "rule wildcard/wildcard"."""
        done = self.snakemake("--workflow-profile", PROFILE, "--dry-run")
        assert done.returncode == 0, done.stdout + done.stderr
        blocks = RULE.split(done.stdout)[1:]
        jobs = set()
        for rule, block in zip(blocks[::2], blocks[1::2], strict=True):
            found = WILDCARDS.search(block)
            values = [pair.split("=", 1)[1] for pair in found.group(1).split(", ")] if found else []
            jobs.add(" ".join([rule, *(["/".join(values)] if values else [])]))
        total = TOTAL.search(done.stdout)
        assert total or "Nothing to be done" in done.stdout, done.stdout
        assert len(jobs) == (int(total.group(1)) if total else 0), done.stdout
        return jobs - {"all"}

    def path(self, name: str) -> Path:
        return self.root / name

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that must be there once."""
        text = self.path(name).read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        self.path(name).write_text(text.replace(old, new))

    def append(self, name: str, line: str) -> None:
        with self.path(name).open("a") as file:
            file.write(f"{line}\n")

    def copy_to(self, root: Path) -> "Project":
        """The same tree elsewhere, Git's, DVC's and Snakemake's own files included."""
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        return Project(root)

    def clone_to(self, root: Path) -> "Project":
        """What another user gets from Git."""
        self.tool("git", "clone", "--quiet", str(self.root), str(root))
        return Project(root)

    def pull_to(self, root: Path, remote: Path) -> "Project":
        """What another user gets from Git and, by way of the folder `remote`, from DVC."""
        default = ("dvc", "remote", "add", "--local", "--default", "--force", "folder", str(remote))
        self.tool(*default)
        self.tool("dvc", "push", "--quiet")
        clone = self.clone_to(root)
        clone.tool(*default)
        clone.tool("dvc", "pull", "--quiet")
        return clone

    def commit(self, message: str) -> None:
        self.tool("git", "add", "--all")
        self.tool("git", "commit", "--quiet", "--message", message)

    def files(self) -> set[str]:
        """All that lies where artifacts lie."""
        # os.walk, unlike rglob, bears with a folder that a job at work removes meanwhile
        walks = (step for folder in ARTIFACT_FOLDERS for step in os.walk(self.path(folder)))
        paths = (Path(folder, name) for folder, _, names in walks for name in names if name != ".gitignore")
        return {path.relative_to(self.root).as_posix() for path in paths}

    def seals(self) -> dict[str, Seal]:
        """Seal file -> seal; each must be readable."""
        return {name: read_seal(self.path(name)) for name in sorted(self.files()) if name.endswith(".seal")}

    def timeless(self) -> dict[str, str]:
        """`artifacts` without the page that tells how long jobs took, which is another after each run."""
        return {name: digest for name, digest in self.artifacts().items() if name != TIMES}

    def artifacts(self) -> dict[str, str]:
        """Artifact -> SHA-256 of its present content; seals, which hold times, are left out."""
        return {
            name: Hasher(None).sha256(self.path(name)) for name in self.files() if not name.endswith(".seal")
        }


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout that is tested."""
    return CHECKOUT


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project under Git, nothing computed: not to be changed."""
    return make_source(tmp_path_factory.mktemp("workflow") / "source")


def make_source(root: Path) -> Project:
    """The tiny project in a folder that is not there yet."""
    project = Project(root)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file() and not name.startswith((*LEFT_OUT, "tests/")):
            project.path(name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, project.path(name))
    shutil.copyfile(TINY / "params.yaml", project.path("params.yaml"))
    shutil.copyfile(TINY / "claims.yaml", project.path("reports/claims.yaml"))
    project.tool("git", "init", "--quiet")
    project.commit("A tiny project")
    return project


@pytest.fixture(scope="session")
def built(source: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after `advtransfer run --study other` and `advtransfer run`, committed: not to be changed."""
    base = tmp_path_factory.getbasetemp()
    # the processes that share the tests share it: it takes a minute
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (folder / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        project, told = Project(folder / "built/project"), folder / "built.json"
        if not told.exists():
            shutil.rmtree(folder / "built", ignore_errors=True)  # of a process that was not able to make it
            _build(source.copy_to(project.root), told)
    project.said, project.after = json.loads(told.read_text())
    return project


def _build(project: Project, told: Path) -> None:
    for name, arguments in {"other": ["--study", "other"], "default": []}.items():
        project.said[name] = project.run(*arguments).stdout
        project.after[name] = project.artifacts()
    project.commit("Its results")
    told.write_text(json.dumps([project.said, project.after]))


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that on PYTHONPATH makes a command fail which asks for the network."""
    folder = tmp_path_factory.mktemp("offline")
    folder.joinpath("sitecustomize.py").write_text(OFFLINE)
    ask = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    done = subprocess.run(
        ask, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )
    assert "the network was asked for" in done.stderr
    return folder


@pytest.fixture
def fresh(source: Project, tmp_path: Path) -> Project:
    """A copy of the project with nothing computed, that a test may change."""
    return source.copy_to(tmp_path / "fresh")


@pytest.fixture
def copied(built: Project, tmp_path: Path) -> Project:
    """A copy of the computed project that a test may change."""
    return built.copy_to(tmp_path / "copy")


@pytest.fixture(scope="module")
def _edited(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return built.copy_to(tmp_path_factory.mktemp("workflow") / "edited")


@pytest.fixture
def edited(_edited: Project) -> Iterator[Project]:
    """A copy of the computed project of which a test may change tracked files; they are restored after it."""
    yield _edited
    _edited.tool("git", "checkout", "--quiet", "--", ".")
