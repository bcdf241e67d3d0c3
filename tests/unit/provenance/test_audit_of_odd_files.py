"""An audit makes every check whatever lies there: closed files, pipes, links, seals that lead out or tell nonsense."""

import json
import os

import patience
import pytest
from unprivileged import as_nobody, open_folder  # noqa: F401 (a fixture)

from advtransfer.provenance.audit import code, content, machine, recorded
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.lineage import describe
from advtransfer.provenance.explain import explain
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import seal_path, write_seal
from advtransfer.provenance.spec import Spec

pytestmark = pytest.mark.timeout(patience.limit(1))  # a test that waits at a pipe has failed
MODEL, OTHER, RAW = "results/model", "results/other", "data/raw/images"


def build(root, raw=RAW, made=None):
    """Two sealed jobs: model from a raw file, other from nothing."""
    for path in (MODEL, OTHER, raw):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    for output, inputs in ((MODEL, {"images": raw}), (OTHER, {})):
        spec = Spec("train", "pkg.train", {}, None, {"pkg.train": "0" * 16}, inputs, {"out": output})
        hashes = {path: Hasher(None).sha256(root / path) for path in (*inputs.values(), output)}
        write_seal(spec, hashes, made or {"packages": {"torch": "1"}}, root / seal_path(output))
    return root


@pytest.fixture
def project(tmp_path):
    return build(tmp_path / "project")


def gather(root):
    return Evidence.gather(root, ["data", "results"], without=["data/raw"])


def found(root):
    """What the check of bytes finds."""
    return list(content.sealed_bytes(gather(root)).findings)


ODD = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "too many levels of symbolic links": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file_is_a_finding(project, kind):
    (project / MODEL).unlink()
    ODD[kind](project / MODEL)
    ODD[kind](project / "results/stray")
    why = kind if " of " in kind else f"no regular file ({kind})"
    assert found(project) == [
        f"{MODEL}: cannot be read ({why}), its seal is there",
        f"results/stray: cannot be read ({why})",
    ]


@pytest.mark.parametrize("kind", ODD)
def test_a_raw_file_that_is_none_is_a_finding(project, kind):
    (project / RAW).unlink()
    ODD[kind](project / RAW)
    (finding,) = found(project)
    assert finding.startswith(f"{MODEL}: was made from another {RAW} (")


def test_closed_files_and_folders_are_findings_and_all_else_is_checked(open_folder):  # noqa: F811
    root = build(open_folder / "project")
    (root / "results/closed").mkdir()
    (root / "results/closed/file").touch()
    (root / MODEL).chmod(0o000)
    (root / seal_path(OTHER)).chmod(0o000)
    (root / "results/closed").chmod(0o000)
    assert as_nobody(lambda: found(root)) == [
        f"{OTHER}.seal: seal unreadable",
        f"{MODEL}: cannot be read (permission denied), its seal is there",
        "results/closed: cannot be read (permission denied)",
    ]
    (root / "results/closed").chmod(0o755)


def test_other_content_is_told_by_its_hash_only_where_it_lies_in_the_project(project, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    digest = Hasher(None).sha256(secret)[:8]
    for name in (MODEL, RAW):
        (project / name).unlink()
        (project / name).symlink_to(secret)
    evidence = gather(project)
    lines = content.sealed_bytes(evidence).findings
    assert [line.partition(":")[0] for line in lines] == [MODEL, MODEL]
    assert all("another file, outside of the project" in line for line in lines)
    told = json.dumps([describe(step, evidence) for step in (RAW, "../secret", str(secret), MODEL)])
    assert digest not in told and digest not in "".join(lines)
    (project / MODEL).unlink()
    (project / MODEL).write_text("secret")
    assert digest in content.sealed_bytes(gather(project)).findings[0]


def test_names_of_files_may_be_anything(project):
    for name in (b"\xff\xfe", b"two\nlines", b"\x1b[2J"):
        (project / "results" / os.fsdecode(name)).touch()
    findings = content.strays(gather(project)).findings
    assert len(findings) == 3 and all(line.isprintable() and line.encode() for line in findings)


def test_artifacts_may_lie_on_another_disk(project, tmp_path):
    (project / "results").rename(tmp_path / "disk")
    (project / "results").symlink_to(tmp_path / "disk")
    assert found(project) == []
    (tmp_path / "disk/model").write_text("other")
    assert Hasher(None).sha256(project / MODEL)[:8] in found(project)[0]


def test_the_record_of_dvc_tells_no_hash_of_a_file_outside(project, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (project / MODEL).unlink()
    (project / MODEL).symlink_to(tmp_path / "secret")
    lock = {"stages": {"a": {"outs": [{"path": MODEL, "md5": "0" * 32}, {"path": OTHER, "md5": "0" * 32}]}}}
    (project / "dvc.lock").write_text(json.dumps(lock))
    (project / "params.yaml").write_text("{}")
    first, second = recorded.lock_against_seals(gather(project)).findings
    assert first == f"{MODEL}: recorded as {'0' * 12}, here a file outside of the project"
    assert second.startswith(f"{OTHER}: recorded as {'0' * 12}, here ") and "outside" not in second


@pytest.mark.parametrize(
    "out",
    [{"path": "a", "md5": "../../../../etc/passwd"}, {"path": "../a", "md5": "00"}, {"path": "a", "md5": 5}],
)
def test_a_lock_of_dvc_that_leads_out_is_no_lock(project, out):
    (project / "dvc.lock").write_text(json.dumps({"stages": {"a": {"outs": [out]}}}))
    check = recorded.lock_against_seals(gather(project))
    assert check.verdict == "fail" and check.reason.startswith("dvc.lock: not a lock of DVC: ")


def test_a_lock_of_dvc_that_is_a_pipe_keeps_nobody_waiting(project):
    os.mkfifo(project / "dvc.lock")
    check = recorded.lock_against_seals(gather(project))
    assert check.verdict == "fail" and "no regular file (a pipe)" in check.reason


# ---- what seals tell of their jobs -------------------------------------------------------------------------

NONSENSE = [
    {"started": "garbage"},
    {"git": "x"},
    {"git": {"commit": 7, "dirty": "x"}},
    {"packages": ["torch"]},
    {"packages": "torch"},
    {"wall_seconds": "long"},
    {"threads": {"many": 1}, "device": 5, "cpu": [1], "interpreter": {}},
]


@pytest.mark.parametrize("made", NONSENSE)
def test_an_edited_made_is_a_finding_and_stops_nothing(tmp_path, made):
    root = build(tmp_path, made={"packages": {"torch": "1"}} | made)
    evidence = gather(root)
    assert content.sealed_bytes(evidence).verdict == "pass", "it decides nothing"
    check = machine.environments(evidence, [MODEL, OTHER])
    assert (check.verdict, check.reason) == ("fail", "what seals tell of their jobs makes no sense")
    assert len(check.findings) == 2 * len(made)
    assert all(f"made.{key}: found " in " ".join(check.findings) for key in made)
    assert code.committed(evidence, [MODEL]).verdict == "not checkable"
    assert describe(MODEL, evidence)["made"].keys() == {"packages"} - made.keys()
    assert MODEL in explain(MODEL, root).text()


def test_what_old_seals_do_not_tell_is_no_nonsense(tmp_path):
    root = build(
        tmp_path, made={"packages": {"torch": "1"}, "git": None, "threads": None, "lock_sha256": None}
    )
    assert machine.environments(gather(root), [MODEL, OTHER]).verdict == "pass"


def test_a_folder_of_another_user_is_not_taken_for_one_without_git(tmp_path, monkeypatch):
    monkeypatch.setattr(code, "git", lambda *arguments: None)
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(code.os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    check = code.committed(gather(tmp_path), [])
    assert check.verdict == "not checkable" and "git config --global --add safe.directory" in check.reason
