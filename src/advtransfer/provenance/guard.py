"""The guard: lets Snakemake run exactly the jobs whose seals do not hold.

Snakemake decides by modification times, which git, DVC, copying and `touch` scramble; seals decide by
content. The guard translates: each rule takes a **spec file** as an input, and that file's modification time
carries the verdict. Run Snakemake with `rerun-triggers: mtime`, and:

- *fresh*: the spec file is as old as can be, and every output is at least as new as the inputs it was made
  from, so that nothing triggers. Times are put in order here, content never.
- *stale*: the spec file is newer than every output, so that the job runs and all that depend on it. It also
  holds a nonce: for inputs below a size limit Snakemake ignores a newer time if the checksum is the one it
  recorded at the last run.

Times in the future (clock skew, `touch -d`) are pulled back: Snakemake refuses the outputs of a job that are
older than its inputs. Inputs of a rule that are not in its spec take no part in this: mark them `ancient()`.
A `benchmark:` file counts as an output to Snakemake: name it, so that its time is put in order too.

The verdict depends on files alone, so any process may take it at any time: a dry run, a cluster job that
reads the Snakefile again while others run, the same project in another place.
"""

import atexit
import os
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from advtransfer.provenance.closure import code_hashes
from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.hashing import Hasher, hash_cache
from advtransfer.provenance.inside import Inside
from advtransfer.provenance.seal import (
    SUFFIX,
    Seal,
    SealError,
    present_content,
    read_seal,
    seal_path,
    why_differs,
)
from advtransfer.provenance.spec import Inputs, Spec, canonical, spec_path
from advtransfer.regular_files import read_text

_SECOND = 1_000_000_000
# Two files written at once may differ by a tick of the file system's clock: that is not the future yet.
_TICK = _SECOND // 50
# Not 0: an output of time 0 is to Snakemake as good as none, and no input counts as newer.
ANCIENT = _SECOND


class Guard:
    """Writes the spec file of each job and lets its time carry the verdict. One per Snakefile.

    `root` is the working directory of Snakemake, `source` the folder of the first-party code. `stale` maps
    the primary output of each job found stale so far to the reason; jobs that run only because they depend on
    those are not in it.
    """

    def __init__(self, root: Path, source: Path) -> None:
        self.root = Path(root).resolve()
        self.source = Path(source).resolve()
        self.stale: dict[str, str] = {}
        self._hasher = Hasher(hash_cache(self.root))
        self._answers: dict[str, str] = {}
        self._clock = _Clock(self.root / ".snakemake")
        self._times = _Times(self.root, self._clock)
        atexit.register(self._hasher.save)

    def spec_file(
        self,
        rule: str,
        stage: str,
        params: Any,
        inputs: Inputs,
        outputs: Mapping[str, str],
        wildcards: Mapping[str, str],
        notebooks: Sequence[Path | str] = (),
        named: Sequence[str] = (),
        benchmark: str | None = None,
    ) -> str:
        """Path of the job's spec file, written with the verdict; to be called from the rule's input function.

        Paths are relative to the root. `notebooks` are those the stage executes: code that they import is
        code of the job (they themselves belong among `inputs`). `named` are modules that the stage imports
        because `params` name them. The first call for a primary output decides,
        later ones return its answer. Raises SpecError for params that are not plain JSON, ModuleNotFoundError
        for a stage or a named module that is not there.
        """
        primary = str(next(iter(outputs.values()), ""))
        if primary not in self._answers:
            paths = [self.root / path for path in notebooks]
            code = code_hashes(stage, paths, named, source=self.source)
            spec = Spec(rule, stage, dict(wildcards), params, code, dict(inputs), dict(outputs))  # type: ignore[arg-type]
            self._answers[primary] = self._judge(spec, benchmark)
        return self._answers[primary]

    def seconds(self, primary: str) -> float | None:
        """What a job took when it was last computed; None if no seal tells."""
        seal = self._times.seals.own(primary)
        return seal.told.get("wall_seconds") if isinstance(seal, Seal) else None

    def _judge(self, spec: Spec, benchmark: str | None) -> str:
        """Put times in order first: that changes the stamps by which the hasher knows the files."""
        self._times.settle_job(spec, benchmark)
        reason = self._why_stale(spec)
        file = spec_path(spec.primary)
        if reason:
            self.stale[spec.primary] = reason
            _write_stale(self.root / file, spec, reason, self._times.newest_output(spec))
        else:
            _write_fresh(self.root / file, spec)
        return str(file)

    def _why_stale(self, spec: Spec) -> str | None:
        seal = self._times.seals.own(spec.primary)
        return str(seal) if isinstance(seal, SealError) else why_differs(seal, spec, self._content)

    def _content(self, path: str) -> str | None:
        """What `present_content` finds, without a second reading of seals."""
        if path.endswith(SUFFIX):
            seal = self._times.seals.own(path.removesuffix(SUFFIX))
            return seal.id if isinstance(seal, Seal) else None
        return present_content(self.root / path, self._hasher)


def _write_fresh(file: Path, spec: Spec) -> None:
    """The same bytes whenever the job is fresh, so that most calls only read."""
    text = _spec_text(spec, {})
    try:
        if read_text(file) == text:
            if file.stat().st_mtime_ns != ANCIENT:
                os.utime(file, ns=(ANCIENT, ANCIENT))
            return
    except (OSError, ValueError):
        pass
    atomic_write(file, text, mtime_ns=ANCIENT)


def _write_stale(file: Path, spec: Spec, reason: str, newest_output: int) -> None:
    """Newer than the outputs, even if written within the same tick of the file system's clock."""
    atomic_write(file, _spec_text(spec, {"stale": reason, "nonce": os.urandom(8).hex()}))
    later = newest_output + _SECOND // 1000
    if file.stat().st_mtime_ns < later:
        os.utime(file, ns=(later, later))


def _spec_text(spec: Spec, verdict: dict[str, str]) -> str:
    """Without indentation, which would take a third of the time of a dry run."""
    return canonical({"spec": spec.to_dict(), **verdict}) + "\n"


class _Clock:
    """The time of the file system, which need not be that of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def past(self, time_ns: int) -> int:
        """`time_ns`, or a moment ago if that has not come yet: the same moment for every such time."""
        return self._start - _SECOND if time_ns > time.time_ns() + self._skew + _TICK else time_ns

    @cached_property
    def _start(self) -> int:
        probe = self._folder / f".now-{os.getpid()}-{os.urandom(4).hex()}"
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.touch()
            return probe.stat().st_mtime_ns
        finally:
            probe.unlink(missing_ok=True)

    @cached_property
    def _skew(self) -> int:
        return self._start - time.time_ns()


class _Seals:
    """Seals read so far; each file once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: dict[str, Seal | SealError] = {}
        self._covering: dict[PurePosixPath, dict[str, Seal]] = {}

    def own(self, primary: str) -> Seal | SealError:
        """The seal beside a primary output, or what is wrong with it."""
        if primary not in self._own:
            try:
                self._own[primary] = read_seal(self._root / seal_path(primary))
            except SealError as error:
                self._own[primary] = error
        return self._own[primary]

    def covering(self, path: str) -> Seal | None:
        """The seal of the job that made `path`, primary output or not; None for what no job made."""
        folder = PurePosixPath(path).parent
        if folder not in self._covering:
            self._covering[folder] = self._covered_in(folder)
        return self._covering[folder].get(path)

    def _covered_in(self, folder: PurePosixPath) -> dict[str, Seal]:
        """What the seals of a folder cover; a primary output is covered by the seal beside it, whatever others say."""
        files = sorted((self._root / folder).glob(f"*{SUFFIX}"))
        primaries = [str(folder / file.name.removesuffix(SUFFIX)) for file in files]
        own = {path: seal for path in primaries if isinstance(seal := self.own(path), Seal)}
        return {output: seal for seal in own.values() for output in seal.spec.output_paths} | own


class _Times:
    """Puts modification times in order.

    None in the future or before `ANCIENT`, no artifact older than what it was made from. Stale artifacts too:
    their spec files carry the verdict, and whoever is fresh needs all that it was made from in order.

    Only what a spec names or a job made is touched, and only below the project, links resolved: a raw file that a seal
    alone tells of is looked at.
    """

    def __init__(self, root: Path, clock: _Clock) -> None:
        self.seals = _Seals(root)
        self._root = root
        self._clock = clock
        self._settled: dict[str, int] = {}
        self._ours = Inside(root)

    def settle_job(self, spec: Spec, benchmark: str | None) -> None:
        """Settle every file of a job and all that they were made from."""
        for path in (*spec.input_paths, *spec.output_paths):
            self._settle(path)
            if not self.seals.covering(path):
                self._place(path, ANCIENT)
        seal = self.seals.own(spec.primary)
        floor = self._floor(seal if isinstance(seal, Seal) else None)
        self._place(str(seal_path(spec.primary)), floor)
        if benchmark:
            self._place(benchmark, floor)

    def newest_output(self, spec: Spec) -> int:
        """The latest time among what Snakemake takes for outputs of the job; 0 if there are none."""
        times = [_mtime(self._root / path) for path in (*spec.output_paths, str(seal_path(spec.primary)))]
        return max(time or 0 for time in times)

    def _settle(self, path: str) -> int:
        """The time of `path`, after it was put in order if a job made it; 0 if it is missing."""
        if path not in self._settled:
            self._settled[path] = 0  # seals that were tampered with may run in a circle
            seal = self.seals.covering(path)
            self._settled[path] = self._place(path, self._floor(seal)) if seal else self._time(path)
        return self._settled[path]

    def _time(self, path: str) -> int:
        """The time that `_place` would give a raw file."""
        time = _mtime(self._root / path, follow_symlinks=True)
        return 0 if time is None else max(self._clock.past(time), ANCIENT)

    def _floor(self, seal: Seal | None) -> int:
        """The time below which a file covered by `seal` would look outdated."""
        return max([ANCIENT, *(self._settle(path) for path in seal.spec.input_paths)]) if seal else ANCIENT

    def _place(self, path: str, floor: int) -> int:
        """Both times of a link: Snakemake reads its own of an output and its target's of an input."""
        file = self._root / path
        if file.is_symlink():
            self._adjust(file, floor, follow_symlinks=False)
        return self._adjust(file, floor)

    def _adjust(self, file: Path, floor: int, *, follow_symlinks: bool = True) -> int:
        time = _mtime(file, follow_symlinks=follow_symlinks)
        if time is None:
            return 0
        wanted = max(self._clock.past(time), floor)
        if wanted != time:
            if (file if follow_symlinks else file.parent) not in self._ours:
                return time
            try:
                os.utime(file, ns=(wanted, wanted), follow_symlinks=follow_symlinks)
            except OSError:  # not ours to set: Snakemake then judges by the time it has
                return time
        return wanted


def _mtime(file: Path, *, follow_symlinks: bool = False) -> int | None:
    try:
        return file.stat(follow_symlinks=follow_symlinks).st_mtime_ns
    except OSError:
        return None
