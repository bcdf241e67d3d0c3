"""The life of a job: take the spec, run the stage on private files, move them into place, seal them."""

import contextlib
import hashlib
import importlib
import inspect
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from advtransfer.provenance import environment, published_seals
from advtransfer.provenance.files import flush_file, private_folder, sweep
from advtransfer.provenance.hashing import Hasher, Stamp, hash_cache, stamp
from advtransfer.provenance.job_code import JobCode, refuse, shared_spec
from advtransfer.provenance.seal import Seal, SealError, content_hash, seal_path, write_seal
from advtransfer.provenance.spec import Spec, SpecError, canonical, load_spec, plain
from advtransfer.regular_files import require_regular, why_unreadable


def run_job(
    spec_file: Path, outputs: Sequence[str], inputs: Sequence[str], *, source: Path, root: Path | None = None
) -> None:
    """Run the stage of a spec file and seal what it made.

    `outputs` and `inputs` are the paths of the spec in its order, or others that stand for them (a storage
    plugin's local copies): the seal keeps the spec's. Calls `main(params, inputs, outputs)` of the stage with
    dicts of paths keyed by the spec's names; the outputs it is given lie in a private folder and are moved
    into place once all are whole; a dict it returns is added to the seal's `made`. A stage with a parameter
    `scratch` is given a folder of the job's own (it need not exist yet) that outlives a failure, for checkpoints: the
    same spec on inputs of the same content finds it again, and success removes it. `root` is the project's folder, by
    default the working directory.

    Raises SystemExit with one line if the job must not run or its result must not be kept: the code changed since
    the spec was written; the stage, or a process that it started with `advtransfer process`, imports first-party code
    that the spec does not know; an input changed meanwhile; an output is missing. What the stage raises passes
    through. In all those cases, and when killed at any moment, no artifact is left that could be taken for whole.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    job = _Job(_spec(spec_file), list(map(Path, outputs)), list(map(Path, inputs)), Path(root or Path.cwd()))
    code = JobCode(job.spec, Path(source))
    code.refuse_change()
    job.refuse_folders()
    made = environment.describe(job.root)
    sealed = _Inputs(job)
    scratch = job.scratch(sealed.sha256)
    sweep(job.folder)
    with _terminable(), private_folder(job.folder) as folder:
        drafts = job.drafts(folder)
        with code.watched(), shared_spec(job.spec, folder):
            extras, compute_seconds = _compute(job, code, drafts, scratch)
        sealed.refuse_change()
        hashes = sealed.sha256 | _hash_drafts(job, drafts)
        made |= {
            "started": started.isoformat(timespec="milliseconds"),
            "compute_seconds": round(compute_seconds, 3),
            "peak_memory_mib": environment.peak_memory(),
        }
        _publish(job, drafts)
    made |= {"wall_seconds": round(time.monotonic() - clock, 3), **extras}
    write_seal(job.spec, hashes, _told(Seal(job.spec, hashes, made), job.root), seal_path(job.outputs[0]))
    shutil.rmtree(scratch, ignore_errors=True)


def _told(seal: Seal, root: Path) -> dict[str, Any]:
    """What the seal of a job tells: of the job as it was published, if this made the same bytes from the same spec."""
    published = published_seals.told(seal, root)
    if published is None:
        return seal.made
    published_seals.note(seal, root)
    return published


def _spec(path: Path) -> Spec:
    try:
        return load_spec(path)
    except (OSError, SpecError) as error:
        refuse(f"cannot read the job's spec: {error}")


@dataclass(frozen=True)
class _Job:
    """A spec and the files that stand for its paths."""

    spec: Spec
    outputs: list[Path]
    inputs: list[Path]
    root: Path

    def __post_init__(self) -> None:
        for kind, given, expected in (
            ("outputs", self.outputs, self.spec.output_paths),
            ("inputs", self.inputs, self.spec.input_paths),
        ):
            if len(given) != len(expected):
                refuse(f"{self.spec.primary}: {len(given)} {kind} given, its spec has {len(expected)}")

    @property
    def folder(self) -> Path:
        """Where the primary output goes."""
        return self.outputs[0].parent

    def scratch(self, sha256: Mapping[str, str]) -> Path:
        """What the stage may keep from one attempt to the next: other params, code or inputs are another folder.

        `sha256` holds the content of the inputs by path; a spec alone names their paths.
        """
        key = hashlib.sha256(canonical([self.spec.digest, sha256]).encode()).hexdigest()
        return self.root.absolute() / ".snakemake" / "scratch" / key

    def refuse_folders(self) -> None:
        """Exit if a folder with something in it lies where the job would move a file to; an empty one goes."""
        for path in (*self.outputs, seal_path(self.outputs[0])):
            if path.is_dir() and not path.is_symlink():
                try:
                    path.rmdir()
                except OSError:
                    refuse(f"{path} is a folder where a file of this job belongs: remove it")

    def named_inputs(self) -> dict[str, Path | list[Path]]:
        given = iter(self.inputs)
        return {
            name: next(given) if isinstance(value, str) else [next(given) for _ in value]
            for name, value in self.spec.inputs.items()
        }

    def drafts(self, folder: Path) -> dict[str, Path]:
        """Where the stage writes: the outputs' own file names, in folders of their own if two are equal."""
        names = [path.name for path in self.outputs]
        drafts = {}
        for key, name in zip(self.spec.outputs, names, strict=True):
            drafts[key] = folder / name if names.count(name) == 1 else folder / key / name
            drafts[key].parent.mkdir(exist_ok=True)
        return drafts


def _compute(
    job: _Job, code: JobCode, drafts: Mapping[str, Path], scratch: Path
) -> tuple[dict[str, Any], float]:
    """Run the stage; what it returned and how long it took."""
    code.drop_stale_bytecode()
    stage = importlib.import_module(job.spec.stage)
    code.refuse_strangers()
    began = time.monotonic()
    wanted = inspect.signature(stage.main).parameters
    more = {"scratch": scratch} if "scratch" in wanted else {}
    extras = stage.main(job.spec.params, job.named_inputs(), dict(drafts), **more)
    seconds = time.monotonic() - began
    code.refuse_strangers()
    return _extras(job.spec, extras), seconds


def _extras(spec: Spec, returned: Any) -> dict[str, Any]:
    if returned is None:
        return {}
    if not isinstance(returned, dict):
        refuse(f"{spec.stage} returned {type(returned).__name__}; expected None or a dict for the seal")
    try:
        return plain(returned, "extras")
    except SpecError as error:
        refuse(f"{spec.stage} returned what no seal can hold: {error}")


def _hash_drafts(job: _Job, drafts: Mapping[str, Path]) -> dict[str, str]:
    for name, draft in drafts.items():
        if not draft.is_file() or draft.is_symlink():
            refuse(f"{job.spec.stage} did not write a file for its output {name} ({job.spec.outputs[name]})")
    hasher = Hasher(None)
    return {job.spec.outputs[name]: hasher.sha256(draft) for name, draft in drafts.items()}


def _publish(job: _Job, drafts: Mapping[str, Path]) -> None:
    """The old seal goes first and the new one comes last: nothing in between passes for whole."""
    job.refuse_folders()
    seal_path(job.outputs[0]).unlink(missing_ok=True)
    for draft, output in zip(drafts.values(), job.outputs, strict=True):
        flush_file(draft)
        output.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(output)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM (a cluster's time limit) unwind the stack, so that the private folder is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


class _Inputs:
    """The inputs as they were before the stage ran."""

    def __init__(self, job: _Job) -> None:
        self._job = job
        hasher = Hasher(hash_cache(job.root))
        # Stamps before hashes: a change between the two shows.
        self._stamps = [self._stamp(path) for path in job.inputs]
        self._hashes = [self._hash(path, hasher) for path in job.inputs]
        self.sha256 = dict(zip(job.spec.input_paths, self._hashes, strict=True))
        hasher.save()

    def _hash(self, path: Path, hasher: Hasher) -> str:
        try:
            return content_hash(path, hasher)
        except SealError as error:
            refuse(f"{self._job.spec.primary}: input {path}: {error}")
        except OSError as error:
            refuse(f"{self._job.spec.primary}: input {path}: {why_unreadable(error)}")

    def _stamp(self, path: Path) -> Stamp:
        try:
            require_regular(path)
            return stamp(path)
        except OSError as error:
            refuse(f"{self._job.spec.primary}: input {path} is missing or no file: {why_unreadable(error)}")

    def refuse_change(self) -> None:
        """Exit if the stage may have read other content than was hashed; a mere `touch` does no harm."""
        for path, before, digest in zip(self._job.inputs, self._stamps, self._hashes, strict=True):
            if self._stamp(path) != before and self._hash(path, Hasher(None)) != digest:
                refuse(f"{self._job.spec.primary}: input {path} changed while the job ran; run it again")
