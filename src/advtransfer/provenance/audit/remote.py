"""Does the remote of DVC hold what dvc.lock records?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from advtransfer.provenance.audit.recorded import DIRECTORY, LOCK, Recorded, entries, outputs
from advtransfer.provenance.audit.verdict import FAIL, UNCHECKED, Check, judged
from advtransfer.provenance.masking import masked

if TYPE_CHECKING:
    from dvc_objects.db import ObjectDB

_CHUNK = 1 << 20
# Requests to a remote at a time: enough to hide its latency, few enough for any server.
_CONNECTIONS = 8
_ABSENT = "not in the remote"


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
                listed = entries(remote.fs.cat_file(remote.oid_to_path(out.md5)))
            except (FileNotFoundError, ValueError):
                continue  # said below, by its hash
            wanted |= {md5: f"{out.path}/{path}" for path, md5 in listed.items()}
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
    return "" if digest.hexdigest() == md5.removesuffix(DIRECTORY) else "altered in the remote"
