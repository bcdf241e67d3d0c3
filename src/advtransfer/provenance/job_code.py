"""The first-party code of a job: every process of it runs what the spec says, from the first import to the last."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from advtransfer.provenance.closure import changed_modules, find_module
from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.hashing import RACY_NS, Stamp, stamp
from advtransfer.provenance.spec import Spec, canonical

# Second part of the names of modules that run jobs rather than being run by them, or that do both.
RUNNER = ("provenance", "tracking", "cli", "__main__", "regular_files")
SHARED = "ADVTRANSFER_SPEC"  # where the processes of a job find its spec


def refuse(message: str) -> NoReturn:
    """End the job in one line."""
    raise SystemExit(message)


@contextlib.contextmanager
def shared_spec(spec: Spec, folder: Path) -> Iterator[None]:
    """Lays the spec where processes that the stage starts find it, whatever becomes of the guard's own file."""
    file = folder / ".processes" / "spec.json"
    atomic_write(file, canonical({"spec": spec.to_dict()}))
    os.environ[SHARED] = str(file.absolute())
    try:
        yield
    finally:
        del os.environ[SHARED]


@dataclass
class JobCode:
    """The code of a spec, as it lies in the folder `source` when this is made."""

    spec: Spec
    source: Path
    _stamps: dict[str, Stamp] = field(init=False)
    _checked: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._stamps = {name: stamp(path) for name, path in self._files().items()}

    def _files(self) -> dict[str, Path]:
        found = {name: find_module(name, self.source) for name in self.spec.code}
        return {name: path for name, path in found.items() if path}

    def refuse_change(self) -> None:
        """Exit if the code is not what it was when the spec was written."""
        changed = changed_modules(self.spec.code, self.source)
        if changed:
            refuse(f"code changed since the spec was written: {', '.join(changed)}; run snakemake again")

    def drop_stale_bytecode(self) -> None:
        """Python knows stale bytecode by the source's size and second of mtime: an edit can keep both."""
        for path in self._files().values():
            compiled = Path(importlib.util.cache_from_source(str(path)))
            with contextlib.suppress(OSError):
                if stamp(path)[2] > compiled.stat().st_ctime_ns - RACY_NS:
                    compiled.unlink()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Inside, code is checked at the moment of its import: what is edited later was not run, and does no harm."""
        watch = _Watch(self)
        sys.meta_path.insert(0, watch)
        try:
            yield
        finally:
            sys.meta_path.remove(watch)

    def refuse_import(self, name: str) -> None:
        """Exit if a module that is about to be loaded changed, or is first-party code that the spec does not know."""
        if _of_the_runner(name) or name in self._checked:
            return
        if name in self._stamps:
            self._refuse_changed([name])
            self._checked.add(name)
        elif find_module(name, self.source):
            self._refuse_strangers([name])

    def refuse_strangers(self) -> None:
        """Exit if code is loaded that the spec does not know, or that changed before it was loaded."""
        loaded = self._loaded()
        strangers = sorted(name for name, path in loaded.items() if not self._known(name, path))
        if strangers:
            self._refuse_strangers(strangers)
        self._refuse_changed(sorted(loaded.keys() & self._stamps.keys() - self._checked))
        self._checked.update(loaded)

    def _refuse_strangers(self, names: list[str]) -> NoReturn:
        refuse(f"{self.spec.stage} imported code that its spec does not know: {', '.join(names)}")

    def _refuse_changed(self, names: list[str]) -> None:
        changed = [name for name in names if self._present(name) != self._stamps[name]]
        if changed:
            refuse(f"code changed while the job ran: {', '.join(changed)}; run snakemake again")

    def _present(self, name: str) -> Stamp | None:
        path = find_module(name, self.source)
        return stamp(path) if path else None

    def _known(self, name: str, path: Path) -> bool:
        if _of_the_runner(name):
            return True
        expected = find_module(name, self.source) if name in self.spec.code else None
        return expected is not None and path.exists() and expected.samefile(path)

    def _loaded(self) -> dict[str, Path]:
        """Modules in memory that lie under the source folder, and those of the spec from wherever."""
        folders = (f"{self.source}{os.sep}", f"{self.source.resolve()}{os.sep}")
        files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
        return {
            name: Path(file)
            for name, file in files.items()
            if file and (name in self.spec.code or file.startswith(folders))
        }


class _Watch(MetaPathFinder):
    """Finds nothing; sees every import before it happens."""

    def __init__(self, code: JobCode) -> None:
        self._code = code
        self._ours = {path.stem for path in code.source.iterdir()}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        if name.partition(".")[0] in self._ours:
            self._code.refuse_import(name)


def _of_the_runner(name: str) -> bool:
    parts = name.split(".")
    return parts[0] in ("__main__", "__mp_main__") or (len(parts) > 1 and parts[1] in RUNNER)
