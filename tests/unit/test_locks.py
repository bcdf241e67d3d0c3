"""What is installed for what: a run needs requirements.lock alone, and no package has two versions."""

import ast
import os
import re
import subprocess
import sys
from importlib import metadata
from itertools import combinations
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SETS = ("requirements", "requirements-cluster", "requirements-test")
RUN, CLUSTER, TEST = (f"{name}.lock" for name in SETS)
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)
ASKED = re.compile(r"^([\w-]+)", re.MULTILINE)


def normal(name):
    """A package's name as lock files have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock):
    """Package -> its versions: for other Pythons there may be others."""
    found = {}
    for name, version, _ in PIN.findall((CHECKOUT / lock).read_text()):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", [RUN, CLUSTER, TEST])
def test_every_line_of_a_lock_is_a_version_or_a_hash(lock):
    text = (CHECKOUT / lock).read_text()
    pins = PIN.findall(text)
    assert len(pins) > 100
    assert set(PIN.sub("", text).split()) <= {"\\", *re.findall(r"--hash=sha256:[0-9a-f]{64}", text)}


@pytest.mark.parametrize("name", SETS)
def test_what_is_asked_for_is_locked(name):
    asked = {normal(package) for package in ASKED.findall((CHECKOUT / f"{name}.in").read_text())}
    assert asked and asked <= pinned(f"{name}.lock").keys()


@pytest.mark.parametrize(("one", "other"), list(combinations([RUN, CLUSTER, TEST], 2)))
def test_a_package_has_one_version_in_all_locks(one, other):
    ours, theirs = pinned(one), pinned(other)
    both = ours.keys() & theirs.keys()
    assert both
    assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}


def test_the_environment_of_a_run_has_no_plugin_for_elsewhere():
    """Snakemake imports all that are installed, at each start: the one for Kubernetes takes longer than the rest."""
    plugins = {name for name in pinned(RUN) if re.match(r"snakemake-(executor|storage)-plugin-", name)}
    assert plugins == set()


def imported(file):
    """The top-level modules that a file of Python may import."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_all_that_the_package_imports_is_what_a_run_installs():
    own = {path.name for path in (CHECKOUT / "src").iterdir()}
    modules = {name for file in (CHECKOUT / "src").rglob("*.py") for name in imported(file)}
    others = modules - own - set(sys.stdlib_module_names)
    makers, locked = metadata.packages_distributions(), pinned(RUN)
    assert {"torch", "torchattacks", "timm", "dvc"} <= others
    assert [
        name for name in sorted(others) if not {normal(d) for d in makers.get(name, [])} & locked.keys()
    ] == []


# -- make -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def make(tmp_path):
    """The locks that a target would install in a folder, in which `done` are the environments that were set up."""
    names = ("Makefile", "pyproject.toml", "requirements.uv", RUN, CLUSTER, TEST)
    for name in names:
        (tmp_path / name).write_bytes((CHECKOUT / name).read_bytes())
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / ".venv/bin").mkdir(parents=True)
    os.utime(_touched(tmp_path / ".venv/bin/uv"), (2, 2))

    def call(*target, done=(), newer=()):
        for name in done:
            os.utime(_touched(tmp_path / ".venv" / name), (3, 3))
        for name in newer:
            os.utime(tmp_path / name, (4, 4))
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PROFILE", "MAKEFLAGS", "MAKELEVEL")
        }
        said = subprocess.run(
            ["make", "--dry-run", *target],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [
            re.findall(r"requirements\S*\.lock", line) for line in said.splitlines() if "pip sync" in line
        ]

    return call


def _touched(path):
    path.touch()
    return path


@pytest.mark.parametrize(
    ("target", "locks"),
    [
        (["run"], [RUN]),
        (["audit"], [RUN]),
        (["setup"], [RUN]),
        (["run", "PROFILE=gpu"], [RUN]),
        (["run", "PROFILE=slurm"], [RUN, CLUSTER]),
        (["setup-cluster"], [RUN, CLUSTER]),
        (["test"], [RUN, CLUSTER, TEST]),
        (["lint", "docs"], [RUN, CLUSTER, TEST]),
    ],
)
def test_a_command_installs_what_it_needs_at_once(make, target, locks):
    assert make(*target) == [locks]


def test_a_larger_environment_is_one_of_the_smaller_too_until_their_lock_changes(make):
    everything = ("set-up", "set-up-cluster", "set-up-test")
    for target in ("run", "setup-cluster", "test"):
        assert make(target, done=everything) == []
    assert make("run", newer=[TEST]) == make("setup-cluster") == []
    assert make("test") == [[RUN, CLUSTER, TEST]]
    assert make("run", newer=[RUN]) == [[RUN]]
    assert make("test") == [[RUN, CLUSTER, TEST]], "what the smaller one removed"
