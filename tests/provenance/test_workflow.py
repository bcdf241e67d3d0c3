"""The seals under real Snakemake: exactly the jobs that must run do, whatever happened to the files."""

import os
import random
import time

from jobs import (
    ALL,
    LINEAGE,
    MODEL_INDEX,
    PAGE,
    PREPARE,
    REPORT,
    REPORT_INDEX,
    SCORE,
    SUMS,
    TRAIN,
    altered,
    check,
    flip,
    swap,
)

from advtransfer.provenance.explain import explain
from advtransfer.provenance.seal import read_seal


def files_of(toy):
    return [path for path in toy.root.rglob("*") if path.is_file() and ".snakemake/log" not in str(path)]


def test_first_run_makes_everything_and_seals_it(built):
    first = built.said["first"]
    check(first, ALL)
    assert set(first.stale.values()) == {"no seal"}
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
    assert explain(TRAIN[0], toy.root).text() == f"{TRAIN[0]}: {reason}"
    run = toy.run()
    check(run, LINEAGE["0"] + SUMS, {TRAIN[0]: reason})
    assert set(run.stale) == {TRAIN[0]}
    toy.edit("params.json", '"eps": 0.5', '"eps": 0.75')
    toy.edit("params.json", '"start": 0.5', '"start": 0.25')
    expected = {TRAIN[0]: "params changed: attack.eps 0.5 -> 0.75, start 0.5 -> 0.25"}
    check(toy.run(), TRAIN + SCORE + SUMS, expected)
    toy.edit("params.json", '"eps": 0.75', '"eps": 0.5')
    check(toy.run(), TRAIN + SCORE + SUMS)
    assert toy.artifacts() == built.artifacts()


def test_edited_code_runs_exactly_what_can_import_it(toy):
    for module in ("text", "size", "score"):
        path = toy.path(f"src/toy/{module}.py")
        path.write_text("# a comment\n\n\n" + path.read_text())
    toy.edit("src/toy/style.py", '"* "', '"- "')
    check(toy.run(), REPORT, {PAGE: "code changed: toy.style"})
    toy.edit("src/toy/size.py", "2_000_000", "2_000_001")
    run = toy.run()
    check(run, TRAIN + SCORE + SUMS, {TRAIN[1]: "code changed: toy.size"})
    assert set(run.stale) == set(TRAIN)
    toy.edit("src/toy/text.py", "+ 1", "+ 2")
    run = toy.run()
    check(run, ALL, dict.fromkeys(PREPARE + TRAIN + SCORE, "code changed: toy.text"))
    assert PAGE not in run.stale
    check(toy.run(), [])


def test_damaged_artifacts_are_found_named_and_made_again(toy, built):
    """Small files, for which Snakemake's checksums would overrule the verdict; two damages at a time."""
    toy.path(SCORE[0] + ".seal").unlink()
    toy.edit(SCORE[1] + ".seal", "accuracy", "accurate")
    check(toy.run(), SCORE + SUMS, {SCORE[0]: "no seal", SCORE[1]: "seal altered"})
    assert toy.artifacts() == built.artifacts()

    reasons = {name: altered(name) for name in SCORE}
    reasons[PAGE] = f"inputs changed: {', '.join(SCORE)}"
    for _ in range(2):  # the second time each spec file but for its nonce is the one that Snakemake knows
        flip(toy.path(SCORE[0]), keep_times=True)
        toy.path(SCORE[1]).write_bytes(toy.path(SCORE[1]).read_bytes()[:-1])
        check(toy.run(), SCORE + SUMS, reasons)
        assert toy.artifacts() == built.artifacts()

    toy.path(SCORE[0] + ".seal").write_text("{")
    toy.path(SCORE[1]).unlink()
    for path in files_of(toy):
        os.utime(path, (0, 0))  # an output of time 0 counts as none for Snakemake
    check(toy.run(), SCORE + SUMS, {SCORE[0]: "seal unreadable", SCORE[1]: f"output {SCORE[1]} missing"})
    assert toy.artifacts() == built.artifacts()
    check(toy.run(), [])


def test_damaged_models_are_made_again_with_all_that_depends_on_them(toy, built):
    for name in ("model.bin", "model.bin.seal", "log.txt"):
        swap(toy.path(f"out/model/0/{name}"), toy.path(f"out/model/1/{name}"))
    run = toy.run()
    check(run, TRAIN + SCORE + SUMS, {TRAIN[0]: "wildcards changed: seed 1 -> 0"})
    assert toy.artifacts() == built.artifacts()

    flip(toy.path("out/model/1/log.txt"))
    flip(toy.path(TRAIN[0]), keep_times=True)
    stale = {
        TRAIN[1]: altered("out/model/1/log.txt"),
        TRAIN[0]: altered(TRAIN[0]),
    }
    check(toy.run(), TRAIN + SCORE + SUMS, stale)
    assert toy.artifacts() == built.artifacts()

    toy.path("raw/a.txt").write_text("alpha, again\n")
    os.utime(toy.path("raw/a.txt"), (4 * 10**9, 4 * 10**9))
    flip(
        toy.path(PREPARE[1]), keep_times=True
    )  # its hash is remembered: it was last read long after it was written
    check(toy.run(), ALL, {PREPARE[0]: "inputs changed: raw/a.txt", PREPARE[1]: altered(PREPARE[1])})
    lineage = explain(PAGE, toy.root).text()
    assert lineage.count("rule train") == 4
    assert lineage.count("(raw, sha256") == 2
    assert "STALE" not in lineage


def test_what_nothing_depends_on_is_guarded_too(toy, built):
    """The last artifacts, of which no other job would notice; times are those of before."""
    flip(toy.path(PAGE), keep_times=True)
    swap(toy.path(SCORE[0]), toy.path(SCORE[1]))
    check(toy.run(), SCORE + SUMS, {name: altered(name) for name in (PAGE, *SCORE)})
    flip(toy.path(REPORT_INDEX), keep_times=True)
    toy.edit(MODEL_INDEX + ".seal", PREPARE[0], PREPARE[1])
    run = toy.run()
    check(run, [MODEL_INDEX, REPORT_INDEX])
    assert run.stale == {REPORT_INDEX: altered(REPORT_INDEX), MODEL_INDEX: "seal altered"}
    assert toy.artifacts() == built.artifacts()
