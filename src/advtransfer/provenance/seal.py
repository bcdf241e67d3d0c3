"""The seal: a file beside an artifact that says what made it; fresh means that it still holds exactly."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from advtransfer.provenance.files import PREFIX, atomic_write
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.spec import OutsideError, Spec, SpecError, canonical
from advtransfer.regular_files import parse_json, read_text

SUFFIX = ".seal"
ARTIFACT_FOLDERS = ("data", "results", "reports")
# In place of the hash of what is there and cannot be read: equal to no hash.
UNREADABLE = "unreadable"
_MAX_SHOWN = 60


class SealError(Exception):
    """A seal that cannot be believed.

    The message is `no seal`, `seal unreadable`, `seal altered` or `seal leads out of the project (PATH)`.
    """


@dataclass(frozen=True)
class Seal:
    """What made an artifact: the spec, the SHA-256 of each input and output, and `made`, the circumstances.

    `id` is the SHA-256 of spec and hashes: it decides freshness together with them. `made` (machine,
    packages, times) does not, and nothing vouches for it: read it as `told`.
    """

    spec: Spec
    sha256: dict[str, str]
    made: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """SHA-256 over the part that decides freshness; equal for equal computations on any machine."""
        return hashlib.sha256(canonical(self._decisive()).encode()).hexdigest()

    @cached_property
    def told(self) -> dict[str, Any]:
        """`made` without what makes no sense (`advtransfer.circumstances`)."""
        from advtransfer.circumstances import sensible  # jobs never ask, so it is no code of theirs

        return sensible(self.made)

    def _decisive(self) -> dict[str, Any]:
        return {"spec": self.spec.to_dict(), "sha256": self.sha256}

    def to_json(self) -> str:
        """JSON text for people to read and git to compare."""
        value = {**self._decisive(), "id": self.id, "made": self.made}
        return json.dumps(value, indent=1, sort_keys=True) + "\n"


def seal_path(primary: str | Path) -> Path:
    """Where the seal of the job with that primary output lies."""
    return Path(f"{primary}{SUFFIX}")


def write_seal(spec: Spec, sha256: Mapping[str, str], made: Mapping[str, Any], path: Path) -> Seal:
    """Write the seal of a job that just ended to `path`, in one step and through to the disk.

    `sha256` holds the hash of every input and output under its logical path. Raises SpecError if it does not,
    exactly.
    """
    expected = {*spec.input_paths, *spec.output_paths}
    if expected != set(sha256):
        raise SpecError(f"{path}: hashes of other files than the spec's: {sorted(expected ^ set(sha256))}")
    seal = Seal(spec, dict(sha256), dict(made))
    atomic_write(path, seal.to_json(), durable=True)
    return seal


def read_seal(path: Path) -> Seal:
    """Read a seal file. Raises SealError if it is absent, is no seal, or was edited since it was written."""
    try:
        text = read_text(path)
    except (FileNotFoundError, NotADirectoryError):
        raise SealError("no seal") from None
    except (OSError, ValueError):
        raise SealError("seal unreadable") from None
    return parse_seal(text)


def parse_seal(text: str) -> Seal:
    """The inverse of `Seal.to_json`. Raises SealError as `read_seal`."""
    try:
        value = parse_json(text)
        spec = Spec.from_dict(value["spec"])
        seal = Seal(spec, _hashes(value["sha256"], spec), dict(value["made"]))
        identity = str(value["id"])
    except OutsideError as error:
        raise SealError(f"seal leads out of the project ({error.path})") from None
    except (KeyError, TypeError, ValueError):
        raise SealError("seal unreadable") from None
    if seal.id != identity:
        raise SealError("seal altered")
    return seal


def _hashes(value: Any, spec: Spec) -> dict[str, str]:
    """The hashes of a seal. Raises ValueError if they are not those of its spec's files, each a text."""
    hashes = dict(value)
    if hashes.keys() != {*spec.input_paths, *spec.output_paths}:
        raise ValueError("hashes of other files than the spec's")
    if not all(isinstance(digest, str) for digest in hashes.values()):
        raise ValueError("a hash that is no text")
    return hashes


def find_seal(path: str, root: Path) -> Seal | None:
    """The readable seal that covers an artifact: its own, or the one in its folder that names it."""
    own = _seal_or_none(root / seal_path(path))
    if own and path in own.spec.output_paths:
        return own
    return next((seal for seal in seals_in((root / path).parent) if path in seal.spec.output_paths), None)


def seals_in(folder: Path) -> Iterator[Seal]:
    """Every readable seal in a folder, by name."""
    for path in sorted(folder.glob("*" + SUFFIX)):
        seal = _seal_or_none(path)
        if seal:
            yield seal


def all_seals(root: Path) -> dict[str, Seal | SealError]:
    """Primary output -> the seal beside it, or what is wrong with it, for every seal where artifacts lie."""
    found: dict[str, Seal | SealError] = {}
    for folder in ARTIFACT_FOLDERS:
        for path in sorted((root / folder).rglob("*" + SUFFIX)):
            if not any(part.startswith(PREFIX) for part in path.parts):
                primary = path.relative_to(root).as_posix().removesuffix(SUFFIX)
                try:
                    found[primary] = read_seal(path)
                except SealError as error:
                    found[primary] = error
    return found


def _seal_or_none(path: Path) -> Seal | None:
    try:
        return read_seal(path)
    except SealError:
        return None


# ---- the verdict -------------------------------------------------------------------------------------------


def why_stale(spec: Spec, root: Path, hasher: Hasher) -> str | None:
    """Why the artifact of `spec` has to be made again, in one line; None if it is fresh.

    Fresh means: its seal is unaltered and holds this spec, and every input and output under `root` has the
    sealed content.
    """
    try:
        seal = read_seal(root / seal_path(spec.primary))
    except SealError as error:
        return str(error)
    return why_differs(seal, spec, lambda path: present_content(root / path, hasher))


def why_differs(seal: Seal, spec: Spec, content: Callable[[str], str | None]) -> str | None:
    """`why_stale` for a seal that was read already; `content` is asked last, being the dearest.

    It gives the `present_content` of a path of the spec.
    """
    if reason := spec_change(seal.spec, spec):
        return reason
    for path in spec.output_paths:
        reason = _output_change(path, seal, content(path))
        if reason:
            return reason
    changed = [path for path in spec.input_paths if content(path) != seal.sha256.get(path)]
    return f"inputs changed: {', '.join(changed)}" if changed else None


def _output_change(path: str, seal: Seal, content: str | None) -> str | None:
    if content is None:
        return f"output {path} missing"
    if content == UNREADABLE:
        return f"output {path} cannot be read"
    return None if content == seal.sha256.get(path) else f"output {path} altered since it was sealed"


def content_hash(path: Path, hasher: Hasher) -> str:
    """SHA-256 of a file; of a seal its id, since what a job reads of a seal must not change with wall times.

    Raises OSError if the file cannot be read, SealError for a seal that cannot be believed.
    """
    return read_seal(path).id if path.name.endswith(SUFFIX) else hasher.sha256(path)


def present_content(path: Path, hasher: Hasher) -> str | None:
    """`content_hash`; None where there is no such file or a seal that cannot be believed, UNREADABLE for all else.

    That is a file that is closed to this user, a pipe or a device in its place, a link to itself.
    """
    try:
        return content_hash(path, hasher)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, SealError):
        return None
    except OSError:
        return UNREADABLE


def spec_change(old: Spec, new: Spec) -> str | None:
    """What distinguishes two specs of a job, in one line; None if they are the same."""
    if old.to_json() == new.to_json():
        return None
    for part in ("rule", "stage", "wildcards", "params", "outputs"):
        changes = list(_changes(getattr(old, part), getattr(new, part)))
        if changes:
            return f"{part} changed: {', '.join(changes)}"
    modules = [name for name in sorted({*old.code, *new.code}) if old.code.get(name) != new.code.get(name)]
    if modules:
        return f"code changed: {', '.join(modules)}"
    return f"inputs changed: {', '.join(_input_changes(old, new)) or 'names or order'}"


def _input_changes(old: Spec, new: Spec) -> Iterator[str]:
    before, after = set(old.input_paths), set(new.input_paths)
    yield from (f"{path} added" for path in sorted(after - before))
    yield from (f"{path} removed" for path in sorted(before - after))


def _changes(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Each difference between two JSON values under its dotted path."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _key_changes(old, new, key, f"{where}.{key}" if where else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _changes(before, after, f"{where}.{index}" if where else str(index))
    elif canonical(old) != canonical(new):  # not ==, to which 1, 1.0 and true are one
        yield f"{where} {_shown(old)} -> {_shown(new)}".lstrip()


def _key_changes(old: dict[str, Any], new: dict[str, Any], key: str, where: str) -> Iterator[str]:
    if key not in old:
        yield f"{where} added ({_shown(new[key])})"
    elif key not in new:
        yield f"{where} removed (was {_shown(old[key])})"
    else:
        yield from _changes(old[key], new[key], where)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = json.dumps(text) if "\n" in text else text
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
