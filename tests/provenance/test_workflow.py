"""The seals under real Snakemake: exactly the jobs that must run do, whatever happened to the files."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from advtransfer.provenance.explain import why
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import SealError, read_seal

PREPARE = ["out/data/a.bin", "out/data/b.bin"]
TRAIN = ["out/model/0/model.bin", "out/model/1/model.bin"]
SCORE = ["out/score/0.json", "out/score/1.json"]
REPORT = ["out/report.md"]
ALL = sorted(PREPARE + TRAIN + SCORE + REPORT)
LINEAGE = {"0": [TRAIN[0], SCORE[0]], "1": [TRAIN[1], SCORE[1]]}


def check(run, ran, stale=None):
    """Exactly these jobs ran, and these were named with these reasons."""
    assert run.ran == sorted(ran), run.text
    assert {name: run.stale.get(name) for name in stale or {}} == (stale or {})


def flip(path: Path, *, keep_times: bool = False) -> None:
    """Flip one bit in the middle of a file."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if keep_times:
        os.utime(path, ns=times)


def files_of(toy):
    return [path for path in toy.root.rglob("*") if path.is_file() and ".snakemake/log" not in str(path)]


def test_first_run_makes_everything_and_seals_it(built):
    check(built.first, ALL)
    assert set(built.first.stale.values()) == {"no seal"}
    assert read_seal(built.path("out/data/a.bin.seal")).made["device"] == "cpu"
    assert built.path(TRAIN[0]).stat().st_size > 10**6


def test_nothing_runs_after_clock_chaos(toy):
    """Inputs above 1 MB included, which Snakemake never compares by checksum."""
    shuffled = random.Random(0)
    choices = [0, -(10**9), 1, 10**18, 4 * 10**18, time.time_ns(), time.time_ns() + 10**9]
    for clock in (time.time_ns, lambda: 0, lambda: shuffled.choice(choices)):
        for path in files_of(toy):
            value = clock()
            os.utime(path, ns=(value, value))
        check(toy.run("--dry-run"), [])
        check(toy.run(), [])


def test_nothing_runs_in_a_copy_without_snakemakes_memory(toy, tmp_path):
    copy = toy.copy_to(tmp_path / "elsewhere", ".snakemake")
    for index, path in enumerate(sorted(files_of(copy), reverse=True)):
        os.utime(path, (10**9 + index, 10**9 + index))
    run = copy.run()
    check(run, [])
    assert run.stale == {}
    assert "Nothing to be done" in run.text


def test_changed_param_runs_exactly_what_reads_it(toy, built):
    toy.edit("params.json", '"start": 0.25', '"start": 0.5')
    reason = "params changed: start 0.25 -> 0.5"
    check(toy.run("--dry-run"), [], {TRAIN[0]: reason})
    assert why(TRAIN[0], toy.root) == f"{TRAIN[0]}: {reason}"
    run = toy.run()
    check(run, LINEAGE["0"] + REPORT, {TRAIN[0]: reason})
    assert set(run.stale) == {TRAIN[0]}
    toy.edit("params.json", '"eps": 0.5', '"eps": 0.75')
    toy.edit("params.json", '"start": 0.5', '"start": 0.25')
    expected = {TRAIN[0]: "params changed: attack.eps 0.5 -> 0.75, start 0.5 -> 0.25"}
    check(toy.run(), TRAIN + SCORE + REPORT, expected)
    toy.edit("params.json", '"eps": 0.75', '"eps": 0.5')
    check(toy.run(), TRAIN + SCORE + REPORT)
    assert toy.artifacts() == built.artifacts()


def test_edited_code_runs_exactly_what_can_import_it(toy):
    for module in ("text", "size", "score"):
        path = toy.path(f"src/toy/{module}.py")
        path.write_text("# a comment\n\n\n" + path.read_text())
    toy.edit("src/toy/style.py", '"* "', '"- "')
    check(toy.run(), REPORT, {REPORT[0]: "code changed: toy.style"})
    toy.edit("src/toy/size.py", "2_000_000", "2_000_001")
    run = toy.run()
    check(run, TRAIN + SCORE + REPORT, {TRAIN[1]: "code changed: toy.size"})
    assert set(run.stale) == set(TRAIN)
    toy.edit("src/toy/text.py", "+ 1", "+ 2")
    run = toy.run()
    check(run, ALL, dict.fromkeys(PREPARE + TRAIN + SCORE, "code changed: toy.text"))
    assert REPORT[0] not in run.stale
    check(toy.run(), [])


def test_damaged_artifacts_are_found_named_and_made_again(toy, built):
    """Small files, for which Snakemake's checksums would overrule the verdict; two damages at a time."""
    toy.path(SCORE[0] + ".seal").unlink()
    toy.edit(SCORE[1] + ".seal", "accuracy", "accurate")
    check(toy.run(), SCORE + REPORT, {SCORE[0]: "no seal", SCORE[1]: "seal altered"})
    assert toy.artifacts() == built.artifacts()

    reasons = {name: f"output {name} altered since it was sealed" for name in SCORE}
    reasons[REPORT[0]] = f"inputs changed: {', '.join(SCORE)}"
    for _ in range(2):  # the second time each spec file but for its nonce is the one that Snakemake knows
        flip(toy.path(SCORE[0]), keep_times=True)
        toy.path(SCORE[1]).write_bytes(toy.path(SCORE[1]).read_bytes()[:-1])
        check(toy.run(), SCORE + REPORT, reasons)
        assert toy.artifacts() == built.artifacts()

    toy.path(SCORE[0] + ".seal").write_text("{")
    toy.path(SCORE[1]).unlink()
    for path in files_of(toy):
        os.utime(path, (0, 0))  # an output of time 0 counts as none for Snakemake
    check(toy.run(), SCORE + REPORT, {SCORE[0]: "seal unreadable", SCORE[1]: f"output {SCORE[1]} missing"})
    assert toy.artifacts() == built.artifacts()
    check(toy.run(), [])


def test_damaged_models_are_made_again_with_all_that_depends_on_them(toy, built):
    for name in ("model.bin", "model.bin.seal", "log.txt"):
        one, other = toy.path(f"out/model/0/{name}"), toy.path(f"out/model/1/{name}")
        swap = one.rename(toy.path("swap"))
        other.rename(one)
        swap.rename(other)
    run = toy.run()
    check(run, TRAIN + SCORE + REPORT, {TRAIN[0]: "wildcards changed: seed 1 -> 0"})
    assert toy.artifacts() == built.artifacts()

    flip(toy.path("out/model/1/log.txt"))
    flip(toy.path(TRAIN[0]), keep_times=True)
    stale = {
        TRAIN[1]: "output out/model/1/log.txt altered since it was sealed",
        TRAIN[0]: f"output {TRAIN[0]} altered since it was sealed",
    }
    check(toy.run(), TRAIN + SCORE + REPORT, stale)
    assert toy.artifacts() == built.artifacts()

    toy.path("raw/a.txt").write_text("alpha, again\n")
    os.utime(toy.path("raw/a.txt"), (4 * 10**9, 4 * 10**9))
    check(toy.run(), [PREPARE[0], *TRAIN, *SCORE, *REPORT], {PREPARE[0]: "inputs changed: raw/a.txt"})
    lineage = why(REPORT[0], toy.root)
    assert lineage.count("rule train") == 4
    assert lineage.count("(raw, sha256") == 2
    assert "STALE" not in lineage


def sound(toy, reference):
    """Artifacts whose seal holds; each must be whole."""
    hasher = Hasher(None)
    for file in toy.path("out").rglob("*.seal"):
        try:
            seal = read_seal(file)
        except SealError:
            continue
        for path in seal.spec.output_paths:
            if toy.path(path).exists() and hasher.sha256(toy.path(path)) == seal.sha256[path]:
                assert seal.sha256[path] == reference[path]


@pytest.mark.parametrize("seed", [1])
def test_killed_at_any_moment_the_run_resumes_to_the_same_bytes(built, tmp_path, seed):
    toy = built.copy_to(tmp_path / "toy", "out", ".snakemake")
    moment = random.Random(seed)
    for _ in range(3):
        process = toy.start("--nolock", TOY_SLEEP="0.3")
        time.sleep(moment.uniform(1.2, 2.6))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        sound(toy, built.artifacts())
    toy.run("--nolock")
    assert toy.artifacts() == built.artifacts()
    check(toy.run("--nolock"), [])
    assert list(toy.root.rglob("out/**/.tmp-*")) == []


def test_verdicts_taken_while_a_run_is_under_way_do_not_disturb_it(toy, built):
    toy.edit("params.json", '"start": 0.25', '"start": 0.5')
    flip(toy.path(TRAIN[1]))
    process = toy.start(TOY_SLEEP="0.8")
    while process.poll() is None:
        toy.snakemake("--dry-run", "--nolock")
    text, _ = process.communicate()
    assert process.returncode == 0, text
    check(toy.run(), [])
    changed = {name for name, content in toy.artifacts().items() if built.artifacts()[name] != content}
    assert changed == {TRAIN[0], "out/model/0/log.txt", SCORE[0], REPORT[0]}
