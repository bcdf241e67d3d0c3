"""Does DVC record and hold the very artifacts that the seals vouch for?"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.verdict import FAIL, UNCHECKED, Check, judged
from advtransfer.provenance.masking import masked
from advtransfer.regular_files import parse_json, read_bytes
from advtransfer.strict_yaml import read_yaml

if TYPE_CHECKING:
    from dvc_objects.db import ObjectDB

LOCK, CACHE = "dvc.lock", ".dvc/cache/files/md5"
_DIRECTORY = ".dir"
_MD5 = re.compile(r"[0-9a-f]{2,}(\.dir)?")  # part of a path of the cache and of the remote
_CHUNK = 1 << 20
# Requests to a remote at a time: enough to hide its latency, few enough for any server.
_CONNECTIONS = 8
_ABSENT = "not in the remote"


@dataclass(frozen=True)
class Recorded:
    """One file or folder that dvc.lock records."""

    path: str
    md5: str

    @property
    def is_folder(self) -> bool:
        """Whether the hash is that of a list of files."""
        return self.md5.endswith(_DIRECTORY)


def outputs(root: Path) -> list[Recorded]:
    """What dvc.lock records. Raises OSError, or ValueError for a file that is no lock of DVC."""
    try:
        outs = [out for stage in _stages(root).values() for out in stage["outs"]]
        found = [Recorded(str(out["path"]), str(out["md5"])) for out in outs if "md5" in out]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{LOCK}: not a lock of DVC: {error!r}") from error
    if strange := [out for out in found if not _MD5.fullmatch(out.md5) or ".." in Path(out.path).parts]:
        raise ValueError(f"{LOCK}: not a lock of DVC: {strange[0].path!r} with the hash {strange[0].md5!r}")
    return found


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
    """The recorded hash of each output is that of the files here, all of which the seals were compared with."""
    name = f"{LOCK} against files"
    try:
        recorded = outputs(evidence.root)
    except FileNotFoundError:
        return Check(name, UNCHECKED, f"there is no {LOCK}: nothing was recorded")
    except ValueError as error:
        return Check(name, FAIL, str(error))
    findings = [line for out in recorded for line in _differences(out, evidence)]
    findings += _params_changes(evidence.root)
    return judged(
        name,
        findings,
        passed=f"{len(recorded)} outputs have the recorded MD5, and params.yaml is the recorded one",
        failed=f"{len(findings)} differences (`dvc checkout` brings the recorded files, `make run` records anew)",
    )


def _differences(out: Recorded, evidence: Evidence) -> Iterator[str]:
    if not out.is_folder:
        present = evidence.files.get(out.path)
        if present is None:
            yield f"{out.path}: recorded, here {evidence.why_none(out.path)}"
        elif present.md5 != out.md5:
            other = present.md5[:12] if evidence.tellable(out.path) else "a file outside of the project"
            yield f"{out.path}: recorded as {out.md5[:12]}, here {other}"
        return
    here = {
        p.removeprefix(f"{out.path}/"): c.md5
        for p, c in evidence.files.items()
        if p.startswith(f"{out.path}/")
    }
    if _folder_hash(here) != out.md5:
        there = _listing(evidence.root, out.md5)
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
        + _DIRECTORY
    )


def _listing(root: Path, md5: str) -> dict[str, str]:
    """The files of a recorded folder, from the cache; empty where it is not to be had."""
    try:
        return _entries(read_bytes(root / CACHE / md5[:2] / md5[2:]))
    except (OSError, ValueError):
        return {}


def _entries(listing: bytes) -> dict[str, str]:
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


def remote_against_lock(root: Path) -> Check:
    """Every object that dvc.lock names is in the default remote and has the content that its name promises."""
    name = f"remote against {LOCK}"
    from dvc.repo import Repo

    try:
        recorded = outputs(root)
        with Repo(root) as repo:
            if not repo.config["core"].get("remote"):
                return Check(name, UNCHECKED, "no DVC remote is configured (dvc remote add -d NAME URL)")
            remote = repo.cloud.get_remote_odb()
            findings = list(_broken(remote, recorded))
    except Exception as error:
        # whatever an object store's client raises (botocore's errors are not OSError) is no verdict on its content
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        what = "refuses access (credentials?)" if isinstance(error, PermissionError) else "cannot be read"
        return Check(name, UNCHECKED, masked(f"the remote {what}: {reason}"))
    if findings and findings == [_line(out.path, _ABSENT, out.md5) for out in recorded]:
        where = masked(remote.fs.unstrip_protocol(remote.path))
        return Check(
            name, FAIL, f"no output is whole at {where}: another address, or not pushed (`dvc push`)"
        )
    return judged(
        name,
        findings,
        passed=f"all objects of the {len(recorded)} recorded outputs are in the remote, unaltered",
        failed=f"{len(findings)} objects are missing or altered: `dvc push` from a folder where the audit passes",
    )


def _line(path: str, state: str, md5: str) -> str:
    return f"{path}: {state} ({md5[:12]})"


def _broken(remote: ObjectDB, recorded: Iterable[Recorded]) -> Iterator[str]:
    wanted: dict[str, str] = {}
    for out in recorded:
        wanted[out.md5] = out.path
        if out.is_folder:
            try:
                entries = _entries(remote.fs.cat_file(remote.oid_to_path(out.md5)))
            except (FileNotFoundError, ValueError):
                continue  # said below, by its hash
            wanted |= {md5: f"{out.path}/{path}" for path, md5 in entries.items()}
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        states = pool.map(lambda md5: _state(remote, md5), wanted)
        yield from (
            _line(path, state, md5)
            for (md5, path), state in zip(wanted.items(), states, strict=True)
            if state
        )


def _state(remote: ObjectDB, md5: str) -> str:
    """What is wrong with an object of the remote, read to its end; nothing if it is whole."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with remote.fs.open(remote.oid_to_path(md5), "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return _ABSENT
    return "" if digest.hexdigest() == md5.removesuffix(_DIRECTORY) else "altered in the remote"
