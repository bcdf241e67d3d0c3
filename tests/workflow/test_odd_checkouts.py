"""A whole project among pipes, links, nonsense in seals; and one into which nobody may write."""

import json
import os
import subprocess
import sys

import pytest

READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 77
cd "$1" && shift && exec "$@"
"""
WEIGHTS = "results/pretrain/tiny/clean/r000-002.safetensors"


def tell(path, **changes):
    """Edits what a seal tells of its job."""
    value = json.loads(path.read_text())
    value["made"] |= changes
    path.write_text(json.dumps(value))


def test_the_next_run_mends_what_is_no_file_and_bears_what_it_cannot_mend(copied, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("mine")
    before = copied.timeless()
    (copied.path("results/pretrain") / "link").symlink_to(elsewhere)
    (copied.path("results/pretrain") / "self").symlink_to(copied.path("results/pretrain/self"))
    copied.path("results/pretrain/old.seal").write_text(
        json.dumps({"spec": {"outputs": [["a", "results/pretrain/link/thesis.txt"]]}})
    )
    for name in ("results/claims.json", "results/pretrain/INDEX"):
        copied.path(name).unlink()
    os.mkfifo(copied.path("results/claims.json"))
    copied.path("results/pretrain/INDEX").symlink_to("/dev/zero")
    copied.path("results/claims/tiny.json.seal").write_text("[" * 100_000)
    tell(copied.path(f"{WEIGHTS}.seal"), started="garbage", git="x", wall_seconds="long", packages=["torch"])
    done = copied.advtransfer("run")
    assert (done.returncode, done.stderr.splitlines()[-2:]) == (
        1,
        [
            "results/pretrain/link: a link to a folder; remove it, so that DVC does not record what is there",
            "the results are computed and sealed, not recorded with DVC",
        ],
    )
    assert (elsewhere / "thesis.txt").read_text() == "mine"
    assert copied.path("results/pretrain/old.seal").exists()
    for name in ("link", "self", "old.seal"):
        copied.path(f"results/pretrain/{name}").unlink()
    copied.run()
    assert copied.timeless() == before
    assert copied.pending() == set()


def read_only(project, *command):
    """A command in the project while nothing can be written into it, by this user or any other."""
    if os.geteuid():
        for path in [project.root, *project.root.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        return project.call(*command)
    done = project.call("unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(project.root), *command)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(
            f"root may write everywhere, and nothing can be mounted to be read: {done.stderr.strip()}"
        )
    return done


def test_an_auditor_can_audit_what_cannot_be_written(copied):
    assert copied.advtransfer("publish", "--yes").returncode == 0
    subprocess.run(["rm", "-r", copied.path(".snakemake"), copied.path("reports/audit")], check=False)
    tell(copied.path(f"{WEIGHTS}.seal"), git="x")
    done = read_only(copied, sys.executable, "-m", "advtransfer", "audit", "--json")
    report = json.loads(done.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["bytes against seals"]["verdict"] == "pass"
    assert checks["seals against params and code"]["verdict"] == "pass"
    assert checks["environments"]["findings"][0].startswith(f"{WEIGHTS}: made.git: found 'x', expected ")
    assert (
        "not written (read-only file system)" in done.stderr
        or "not written (permission denied)" in done.stderr
    )
    assert not copied.path(".snakemake").exists() and not copied.path("reports/audit").exists()


def test_a_run_that_may_not_write_says_so_in_one_line(copied):
    done = read_only(copied, sys.executable, "-m", "advtransfer", "run")
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line.split(": ")[0]) == (1, str(copied.path(".snakemake/run.lock")))
    assert line.endswith(": give this user the right to it, or work in a checkout of your own")
