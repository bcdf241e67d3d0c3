"""Where the harness does its damage: small projects that can be disturbed, set right by a run, and compared."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tiny_project import Project, make_source

TESTS = Path(__file__).parents[1]
SECONDS = 300  # after which a command hangs
Kind = str
RECORDS = "Snakemake's records"


def _loaded(file: Path, name: str) -> Any:
    """A module of another folder of tests."""
    sys.path.insert(0, str(file.parent))  # for what lies beside it
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Disturbed:
    """A copy of an undisturbed project, and what a run must make of it again."""

    def __init__(self, pristine: Path, folder: Path, truth: Mapping[str, str]) -> None:
        self.pristine, self.root, self.truth = pristine, folder, truth
        self.restore()

    def restore(self) -> None:
        """As nothing had happened."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.pristine, self.root, symlinks=True)

    def targets(self) -> dict[Kind, list[Path]]:
        """The files that may be damaged, by kind."""
        raise NotImplementedError

    def start(self, output: Path) -> subprocess.Popen[Any]:
        """Begins the run that sets everything right, in a process group of its own."""
        raise NotImplementedError

    def artifacts(self) -> dict[str, str]:
        raise NotImplementedError

    def begin_anew(self) -> None:
        """Nothing computed, so that there is something to kill."""
        raise NotImplementedError

    def wrong(self, output: Path) -> str:
        """Runs; what is not as it was, or nothing."""
        process = self.start(output)
        try:
            code = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return f"the run hangs: {_end_of(output)}"
        finally:
            killed(process)
        if code:
            return f"the run failed ({code}): {_end_of(output)}"
        found = self.artifacts()
        different = sorted(name for name in {*found, *self.truth} if found.get(name) != self.truth.get(name))
        return f"other bytes: {', '.join(different[:3])}" if different else self.wrong_beside()

    def wrong_beside(self) -> str:
        """What is wrong beside the artifacts."""
        return ""


def killed(process: subprocess.Popen[Any]) -> bool:
    """Kills what is left of a process group; whether its first process was at work."""
    early = process.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return early


def _end_of(output: Path) -> str:
    lines = output.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-3:])


class Toy(Disturbed):
    """The nine jobs of tests/provenance under plain Snakemake; no torch, so that a case takes seconds."""

    def targets(self) -> dict[Kind, list[Path]]:
        made = list(_files(self.root / "out"))
        own = self.root / ".snakemake"
        return {
            "artifact": [path for path in made if path.suffix != ".seal"],
            "seal": [path for path in made if path.suffix == ".seal"],
            "spec": list(_files(own / "spec")),
            "hash cache": [own / "sha256.json"],
            RECORDS: list(_files(own / "metadata")),
        }

    def start(self, output: Path) -> subprocess.Popen[Any]:
        toy = _toy_module().Toy(self.root)
        with output.open("wb") as file:
            return toy.start_snakemake("--nolock", "--quiet", "all", output=file)

    def artifacts(self) -> dict[str, str]:
        return _toy_module().Toy(self.root).artifacts()

    def begin_anew(self) -> None:
        for name in ("out", ".snakemake"):
            shutil.rmtree(self.root / name, ignore_errors=True)


def _toy_module() -> Any:
    name = "toy_of_the_provenance_tests"
    return sys.modules.get(name) or _loaded(TESTS / "provenance/conftest.py", name)


class Study(Disturbed):
    """The tiny study of tests/workflow by `advtransfer run`: Snakemake, torch, papermill, MLflow and DVC."""

    RUN = (sys.executable, "-m", "advtransfer", "run")

    @property
    def project(self) -> Project:
        return Project(self.root)

    def targets(self) -> dict[Kind, list[Path]]:
        names = [self.root / name for name in sorted(self.project.files())]
        return {
            "artifact": [path for path in names if path.suffix != ".seal"],
            "seal": [path for path in names if path.suffix == ".seal"],
            "dvc.lock": [self.root / "dvc.lock"],
            "journal of the run": [self.root / ".snakemake/run.jsonl"],
            "mlflow.db": [self.root / "mlflow.db"],
            "ledger of what is tracked": [self.root / ".snakemake/tracked.json"],
        }

    def start(self, output: Path) -> subprocess.Popen[Any]:
        return self.project.start(*self.RUN, output=output)

    def artifacts(self) -> dict[str, str]:
        return self.project.timeless()

    def begin_anew(self) -> None:
        self.restore()
        for name in ("data/prepared", "data/pseudo_labels", "results", "reports/rendered", ".snakemake"):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def wrong_beside(self) -> str:
        done = self.project.call(sys.executable, "-m", "dvc", "status", seconds=SECONDS)
        return "" if "up to date" in done.stdout else f"dvc status: {done.stdout.strip()}"


class Tracking(Disturbed):
    """What `advtransfer track` reads and writes: the seals and curves of the tiny study's trainings, MLflow's files."""

    def restore(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        for name in ("results/pretrain", "mlflow.db", ".snakemake/tracked.json"):
            path = self.pristine / name
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, self.root / name)
        (self.root / "params.yaml").touch()

    def targets(self) -> dict[Kind, list[Path]]:
        return {
            "mlflow.db": [self.root / "mlflow.db"],
            "ledger of what is tracked": [self.root / ".snakemake/tracked.json"],
        }

    def start(self, output: Path) -> subprocess.Popen[Any]:
        code = os.pathsep.join(sys.path)
        return Project(self.root).start(
            *(sys.executable, "-m", "advtransfer", "track"), output=output, PYTHONPATH=code
        )

    def artifacts(self) -> dict[str, str]:
        return dict(self.truth)

    def begin_anew(self) -> None:
        for path in [*self.root.glob("mlflow.db*"), self.root / ".snakemake/tracked.json"]:
            path.unlink(missing_ok=True)

    def wrong_beside(self) -> str:
        """Every training has a finished run."""
        with sqlite3.connect(self.root / "mlflow.db") as database:
            query = "SELECT count(DISTINCT name), min(status), max(status) FROM runs"
            found = database.execute(query).fetchone()
        wanted = (
            len(list((self.root / "results/pretrain").rglob("*.safetensors.seal"))),
            "FINISHED",
            "FINISHED",
        )
        return "" if found == wanted else f"mlflow.db: found {found}, expected {wanted}"


class Training:
    """A training that broke off and goes on from what is left of its checkpoint; in this process."""

    def __init__(self, folder: Path) -> None:
        lab = _lab()
        folder.mkdir(parents=True)
        self.root, self._lab = folder, lab
        self._of_case = {"SGD": lab.SGD, "AdamW": lab.ADAMW}
        self._kept: dict[str, bytes] = {}
        self._truth: dict[str, dict[str, bytes]] = {}
        for name in self._of_case:
            self._truth[name] = self._result(name, None)
            self._kept[name] = self._broken_off(name)

    def wrong(self, name: str, damage: Callable[[Path, Path], None]) -> str:
        """Damages the checkpoint of a training, and another one's beside it, and trains; what is wrong then."""
        places = {each: self.root / each for each in self._of_case}
        for each, place in places.items():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            (place / "checkpoint").write_bytes(self._kept[each])
        other = next(each for each in self._of_case if each != name)
        damage(places[name] / "checkpoint", places[other] / "checkpoint")
        signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(SECONDS)
        try:
            found = self._result(name, places[name] / "checkpoint")
        except Exception as error:
            return f"the training failed: {error!r}"
        finally:
            signal.alarm(0)
        return "" if found == self._truth[name] else "other weights or curves"

    def _train(self, name: str, checkpoint: Path | None, batches: Any = None) -> Any:
        from advtransfer.training.deep.checkpoint import Checkpoint

        keeps = checkpoint and Checkpoint(checkpoint, None, 4, owner=name)
        more = {"batches": batches} if batches else {}
        recipe = {"average": 0.9}
        return self._lab.train(optimisation=self._of_case[name], recipe=recipe, checkpoint=keeps, **more)

    def _result(self, name: str, checkpoint: Path | None) -> dict[str, bytes]:
        done = self._train(name, checkpoint)
        parts = {**done.weights, **{f"averaged.{key}": t for key, t in done.averaged.items()}, **done.curves}
        return {key: tensor.numpy().tobytes() for key, tensor in parts.items()}

    def _broken_off(self, name: str) -> bytes:
        file = self.root / f"{name}.first"

        def batches(start: int) -> Iterator[Any]:
            for step, images in enumerate(self._lab.loader()(start), start):
                if step == 6:
                    raise InterruptedError
                yield images

        try:
            self._train(name, file, batches)
        except InterruptedError:
            return file.read_bytes()
        raise AssertionError("the training did not break off")


def _hangs(number: int, frame: Any) -> None:
    raise TimeoutError("it hangs")


def _lab() -> Any:
    import torch

    torch.set_num_threads(1)
    return sys.modules.get("deep_lab") or _loaded(TESTS / "unit/training/deep/deep_lab.py", "deep_lab")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def undisturbed_toy(folder: Path) -> dict[str, str]:
    """Makes the toy in a folder, runs it, and tells its artifacts."""
    module = _toy_module()
    toy = module.Toy(module.TEMPLATE).copy_to(folder)
    toy.run()
    return toy.artifacts()


def undisturbed_study(folder: Path) -> dict[str, str]:
    """Makes the tiny study in a folder, runs it, and tells its artifacts."""
    project = make_source(folder)
    done = project.call(*Study.RUN, seconds=90)
    if done.returncode:
        raise SystemExit(f"the undisturbed run failed: {done.stdout}{done.stderr}")
    project.commit("Results")
    return project.timeless()


def wait_a_while(process: subprocess.Popen[Any], moment: random.Random, most: float) -> None:
    """Some of the time that a run takes, or until it has ended."""
    end = time.monotonic() + moment.uniform(0, most)
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
