"""Copies what goes into the crate, and checks the copies."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from advtransfer.provenance.closure import changed_modules
from advtransfer.provenance.crate.check import Reader
from advtransfer.provenance.crate.project import CrateError, Project
from advtransfer.provenance.inside import Inside
from advtransfer.provenance.seal import Seal, SealError, content_hash, seal_path


def gather(project: Project, seals: Mapping[str, Seal], folder: Path, reader: Reader) -> list[str]:
    """Copy the project's files, its results and every seal to `folder`; returns what was copied.

    Raises CrateError if a file that every crate has is missing, or if a copy is not what the seals say: something
    changed since they were checked.
    """
    made = {path for seal in seals.values() for path in seal.spec.output_paths}
    evidence = {str(seal_path(primary)) for primary in seals}
    paths = sorted({*project.plain_files(), *(made & project.result_files()), *evidence})
    if missing := sorted(project.needed() - set(paths)):
        raise CrateError([f"{path}: not found, and a crate needs it" for path in missing])
    inside = Inside(project.root)
    if strange := [path for path in paths if path not in inside]:
        raise CrateError([f"{path}: a link that leads out of the project" for path in strange])
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.root / path, folder / path)
    if wrong := [*_altered(seals, paths, folder, reader), *_other_code(project, seals, folder)]:
        raise CrateError(wrong)
    return paths


def _altered(seals: Mapping[str, Seal], paths: list[str], folder: Path, reader: Reader) -> Iterator[str]:
    sealed = {path: digest for seal in seals.values() for path, digest in seal.sha256.items()}
    sealed |= {str(seal_path(primary)): seal.id for primary, seal in seals.items()}
    for path in paths:
        if path in sealed and _content(folder / path, reader) != sealed[path]:
            yield f"{path}: changed while it was copied"


def _content(path: Path, reader: Reader) -> str | None:
    try:
        return content_hash(path, reader)
    except SealError:
        return None


def _other_code(project: Project, seals: Mapping[str, Seal], folder: Path) -> Iterator[str]:
    """Modules that some job's code was, and the copied code is not."""
    code = sorted({pair for seal in seals.values() for pair in seal.spec.code.items()})
    hashes = dict(code)
    twice = {name for name, known in code if hashes[name] != known}
    for name in sorted({*twice, *changed_modules(hashes, folder / project.source)}):
        primary = next(primary for primary, seal in seals.items() if name in seal.spec.code)
        yield f"{primary}: code changed: {name}"
