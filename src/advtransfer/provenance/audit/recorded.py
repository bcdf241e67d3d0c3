"""Does DVC record and hold the very artifacts that the seals vouch for?"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.provenance.audit import unrecorded
from advtransfer.provenance.audit.code import git
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.verdict import FAIL, UNCHECKED, Check, judged
from advtransfer.regular_files import parse_json, read_bytes
from advtransfer.strict_yaml import parse_yaml, read_yaml

if TYPE_CHECKING:
    pass

LOCK, CACHE = "dvc.lock", ".dvc/cache/files/md5"
DIRECTORY = ".dir"
_MD5 = re.compile(r"[0-9a-f]{2,}(\.dir)?")  # part of a path of the cache and of the remote


@dataclass(frozen=True)
class Recorded:
    """One file or folder that dvc.lock records."""

    path: str
    md5: str
    files: int | None = None  # in a folder, where the lock tells

    @property
    def is_folder(self) -> bool:
        """Whether the hash is that of a list of files."""
        return self.md5.endswith(DIRECTORY)


def outputs(root: Path) -> list[Recorded]:
    """What dvc.lock records. Raises OSError, or ValueError for a file that is no lock of DVC."""
    try:
        found = _outputs(_stages(root))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{LOCK}: not a lock of DVC: {error!r}") from error
    _refuse_strange(found)
    return found


def _refuse_strange(found: Iterable[Recorded]) -> None:
    """Raises ValueError for a hash that leads elsewhere in a cache, or a path that leads out of the project."""
    if strange := [out for out in found if not _MD5.fullmatch(out.md5) or ".." in Path(out.path).parts]:
        raise ValueError(f"{LOCK}: not a lock of DVC: {strange[0].path!r} with the hash {strange[0].md5!r}")


def _outputs(stages: Mapping[str, Any]) -> list[Recorded]:
    outs = [out for stage in stages.values() for out in stage["outs"]]
    return [Recorded(str(out["path"]), str(out["md5"]), out.get("nfiles")) for out in outs if "md5" in out]


def files(root: Path) -> dict[str, str]:
    """Path -> MD5 of every file that DVC recorded; of a folder, as far as its listing is in the cache here.

    Raises as ``outputs``.
    """
    found: dict[str, str] = {}
    for out in outputs(root):
        if out.is_folder:
            found |= {f"{out.path}/{path}": md5 for path, md5 in _listing(root, out.md5).items()}
        else:
            found[out.path] = out.md5
    return found


def _stages(root: Path) -> dict[str, Any]:
    return read_yaml(root / LOCK)["stages"]


def lock_against_seals(evidence: Evidence) -> Check:
    """The recorded hash of each output is that of the files here, all of which the seals were compared with.

    Outputs that a run made anew and left out of the record (``unrecorded``) are compared with what it noted of them.
    """
    name = f"{LOCK} against files"
    try:
        recorded = outputs(evidence.root)
    except FileNotFoundError:
        return Check(name, UNCHECKED, f"there is no {LOCK}: nothing was recorded")
    except ValueError as error:
        return Check(name, FAIL, str(error))
    left = unrecorded.load(evidence.root, LOCK)
    findings, anew = [], 0
    for out in recorded:
        there = _listing(evidence.root, out.md5) if out.is_folder else {}
        lines = list(_differences(out, evidence, there))
        if lines and out.path in left.outs:
            noted = Recorded(out.path, left.outs[out.path])
            lines = list(_differences(noted, evidence, left.listing(out.path)))
            anew += not lines
        findings += lines
    findings += _params_changes(evidence.root)
    same = "and params.yaml is the recorded one"
    here = f"; the other {anew} were made anew and are left out of it: {unrecorded.TOLD}" if anew else ""
    return judged(
        name,
        findings,
        passed=f"{len(recorded) - anew} outputs have the recorded MD5, {same}{here}",
        failed=f"{len(findings)} differences (`dvc checkout` brings the recorded files, `make run` records anew)",
    )


def recorded_paths(evidence: Evidence) -> set[str]:
    """The files here, seals among them, that have the very content that dvc.lock records of them.

    That is the dvc.lock of the present commit, where there is one: what its authors recorded, not what was since.
    """
    committed = git(evidence.root, "show", f"HEAD:./{LOCK}")
    try:
        stages = parse_yaml(committed.decode())["stages"] if committed else _stages(evidence.root)
        recorded = _outputs(stages)
        _refuse_strange(recorded)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    found: set[str] = set()
    for out in recorded:
        here = evidence.below(out.path)
        if out.md5 == _hash(out, here):
            found |= set(here)
        elif out.is_folder:
            there = _listing(evidence.root, out.md5)
            found |= {
                path for path, md5 in here.items() if there.get(path.removeprefix(f"{out.path}/")) == md5
            }
    return found


def made_anew(evidence: Evidence) -> bool:
    """Whether as many files lie here as dvc.lock records, none that it does not know of, and some are other ones."""
    try:
        here = [(out, evidence.below(out.path)) for out in outputs(evidence.root)]
    except (OSError, ValueError):
        return False
    as_many = all(len(below) == (out.files or 1) for out, below in here)
    return as_many and any(_hash(out, below) != out.md5 for out, below in here)


def leave(evidence: Evidence) -> None:
    """Notes that what lies here was made anew and is left out of dvc.lock. Raises as ``outputs``."""
    here = {
        out.path: (_hash(out, evidence.below(out.path)), evidence.below(out.path))
        for out in outputs(evidence.root)
    }
    outs = {path: md5 for path, (md5, _) in here.items() if md5}
    files = {path: md5 for _, below in here.values() for path, md5 in below.items()}
    unrecorded.write(evidence.root, LOCK, outs, files)


def _hash(out: Recorded, here: Mapping[str, str]) -> str | None:
    """DVC's hash of an output as it lies here; None if there is none."""
    if out.is_folder:
        return _folder_hash({path.removeprefix(f"{out.path}/"): md5 for path, md5 in here.items()})
    return here.get(out.path)


def _differences(out: Recorded, evidence: Evidence, there: Mapping[str, str]) -> Iterator[str]:
    """``there`` is the listing of a recorded folder, as far as it is known."""
    below = evidence.below(out.path)
    md5 = _hash(out, below)
    if md5 == out.md5:
        return
    if not out.is_folder and md5 is None:
        yield f"{out.path}: recorded, here {evidence.why_none(out.path)}"
        return
    if not out.is_folder:
        other = f"{md5}"[:12] if evidence.tellable(out.path) else "a file outside of the project"
        yield f"{out.path}: recorded as {out.md5[:12]}, here {other}"
        return
    here = {path.removeprefix(f"{out.path}/"): md5 for path, md5 in below.items()}
    yield from _named(out.path, there, here) if there else [f"{out.path}: not the recorded files"]


def _named(folder: str, there: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({*there, *here}):
        if there.get(path) != here.get(path):
            what = (
                "recorded, not here"
                if path not in here
                else "here, not recorded"
                if path not in there
                else "another"
            )
            yield f"{folder}/{path}: {what}" + (" content was recorded" if what == "another" else "")


def _folder_hash(files: Mapping[str, str]) -> str:
    """DVC's hash of a folder: the MD5 of the JSON list of its files, by path (`a-b/c` before `a/b`)."""
    entries = [{"md5": md5, "relpath": path} for path, md5 in sorted(files.items())]
    return (
        hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
        + DIRECTORY
    )


def _listing(root: Path, md5: str) -> dict[str, str]:
    """The files of a recorded folder, from the cache; empty where it is not to be had."""
    try:
        return entries(read_bytes(root / CACHE / md5[:2] / md5[2:]))
    except (OSError, ValueError):
        return {}


def entries(listing: bytes) -> dict[str, str]:
    """Raises ValueError for bytes that are no listing."""
    try:
        return {str(entry["relpath"]): str(entry["md5"]) for entry in parse_json(listing)}
    except (KeyError, TypeError) as error:
        raise ValueError("no listing of a folder") from error


def _params_changes(root: Path) -> list[str]:
    """Stages whose recorded params are not those of params.yaml."""
    present = read_yaml(root / "params.yaml")
    changed = [
        name
        for name, stage in _stages(root).items()
        if stage.get("params", {}).get("params.yaml", present) != present
    ]
    return (
        [f"params.yaml was changed after these phases were recorded: {', '.join(changed)}"] if changed else []
    )
