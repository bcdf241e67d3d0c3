"""A study of every kind, computed by this processor and by two emulated ones of different makers: the same bytes."""

import shlex
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import patience
import pictures
import pytest
import tiny_project

source = tiny_project.source
HERE = Path(__file__).parent
QEMU = shutil.which("qemu-x86_64")
# Without TSX, which the emulator lacks and would warn of; both have AVX2, neither AVX-512.
PROCESSORS = {"intel": "Haswell-noTSX", "amd": "EPYC"}
FALLEN = -signal.SIGSEGV
# It shows wall times, so it differs from run to run on one machine too.
TIMES = {"reports/rendered/artifacts.html"}


@pytest.fixture(scope="module")
def computed(source, tmp_path_factory):
    """The project of params.yaml beside this file, computed here."""
    project = source.copy_to(tmp_path_factory.mktemp("portability") / "project")
    shutil.copyfile(HERE / "params.yaml", project.path("params.yaml"))
    shutil.copyfile(HERE / "claims.yaml", project.path("reports/claims.yaml"))
    images = project.root.parent / "images"
    pictures.paint(images)
    run = (sys.executable, "-m", "advtransfer", "run")
    done = project.call(*run, seconds=300, ADVTRANSFER_DATA=str(images))
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def computed_again(project, processor, folder):
    """What another processor made of every job: path -> ``same`` or ``other``."""
    folder.mkdir()
    python, told = folder / "python", folder / "told"
    python.write_text(f'#!/bin/sh\nexec {QEMU} -cpu {processor} {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    told.touch()
    environment = project.environment(ADVTRANSFER_DATA=str(project.root.parent / "images"))
    while True:
        before = told.read_text(encoding="utf-8")
        done = subprocess.run(
            [python, HERE / "again.py", project.root, python, told],
            env=environment, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        # the emulator itself falls now and then; what has been compared by then stays so
        if done.returncode != FALLEN or told.read_text(encoding="utf-8") == before:
            break
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(line.split(" ", 1)[::-1] for line in told.read_text(encoding="utf-8").splitlines())


@pytest.mark.timeout(patience.limit(1500))
@pytest.mark.skipif(QEMU is None, reason="no qemu-x86_64 on this machine (Debian: apt-get install qemu-user)")
def test_every_artifact_has_the_same_bytes_on_the_processors_of_either_maker(computed, tmp_path):
    listed = {path for path in computed.artifacts() if not path.endswith("INDEX")}
    with ThreadPoolExecutor() as at_once:
        found = {
            maker: at_once.submit(computed_again, computed, processor, tmp_path / maker)
            for maker, processor in PROCESSORS.items()
        }
    for maker, verdicts in ((maker, each.result()) for maker, each in found.items()):
        assert set(verdicts) == listed
        assert {path for path, verdict in verdicts.items() if verdict == "other"} <= TIMES, maker
