import json
import os
import time
from pathlib import Path
from typing import ClassVar

import pytest

from advtransfer.provenance.guard import ANCIENT, Guard
from advtransfer.provenance.hashing import Hasher, stamp
from advtransfer.provenance.seal import content_hash, read_seal, seal_path, write_seal
from advtransfer.provenance.spec import Spec, SpecError, load_spec

DAY = 86_400 * 10**9


class Chain:
    """raw -> middle (and a second output) -> last, one job each."""

    JOBS: ClassVar[dict[str, tuple[dict[str, str], dict[str, str]]]] = {
        "middle": ({"raw": "raw"}, {"middle": "out/middle", "extra": "out/extra"}),
        "last": ({"middle": "out/middle", "extra": "out/extra"}, {"last": "out/last"}),
        "page": ({"made": "out/middle.seal", "judged": "out/last.seal"}, {"page": "out/page"}),
    }
    FILES = ("raw", "out/middle", "out/extra", "out/middle.seal", "out/last", "out/last.seal")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "src"
        self.source.mkdir()
        (self.source / "stage.py").touch()
        (root / "raw").write_text("raw")

    def spec_file(self, guard: Guard, rule: str, **params: object) -> Path:
        inputs, outputs = self.JOBS[rule]
        return self.root / guard.spec_file(rule, "stage", params, inputs, outputs, {})

    def judge(self, rules: tuple[str, ...] = ("last", "middle"), **params: object) -> dict[str, str]:
        """The verdict of a new process, asked as Snakemake asks: from the targets up."""
        guard = Guard(self.root, self.source)
        for rule in rules:
            self.spec_file(guard, rule, **params)
        return guard.stale

    def seal(self, rule: str) -> None:
        spec = load_spec(self.spec_file(Guard(self.root, self.source), rule))
        for path in spec.output_paths:
            (self.root / path).parent.mkdir(exist_ok=True)
            (self.root / path).write_text(path)
        hashes = {
            path: content_hash(self.root / path, Hasher(None))
            for path in spec.input_paths + spec.output_paths
        }
        write_seal(spec, hashes, {}, self.root / seal_path(spec.primary))

    def time(self, path: str) -> int:
        return (self.root / path).stat().st_mtime_ns

    def set_times(self, **times: int) -> None:
        for path in self.FILES:
            value = times.get(Path(path).name.replace(".", "_"), times.get("default"))
            if value is not None:
                os.utime(self.root / path, ns=(value, value))

    def in_order(self) -> bool:
        """Whether Snakemake would see no input newer than an output."""
        spec, raw = ".snakemake/spec/out/{}/spec.json", self.time("raw")
        middle = [self.time(path) for path in ("out/middle", "out/extra", "out/middle.seal")]
        last = [self.time(path) for path in ("out/last", "out/last.seal")]
        return (
            min(middle) >= max(raw, self.time(spec.format("middle")))
            and min(last) >= max(*middle[:2], self.time(spec.format("last")))
            and max(*middle, *last) <= time.time_ns()
        )


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path)
    chain.seal("middle")
    chain.seal("last")
    return chain


def test_fresh_jobs_have_ancient_spec_files_that_are_not_written_again(chain):
    assert chain.judge() == {}
    file = chain.root / ".snakemake/spec/out/last/spec.json"
    before = stamp(file)
    assert file.stat().st_mtime_ns == ANCIENT
    assert chain.judge() == {}
    assert stamp(file) == before
    os.utime(file)
    assert chain.judge() == {}
    assert file.stat().st_mtime_ns == ANCIENT


@pytest.mark.parametrize(
    "times",
    [
        {"default": 0},
        {"default": -DAY},
        {"default": 10**9 // 2},
        {
            "raw": 0,
            "middle": 5 * DAY,
            "extra": 9 * DAY,
            "middle_seal": 2 * DAY,
            "last": 3 * DAY,
            "last_seal": DAY,
        },
        {"raw": 9 * DAY, "default": DAY},
        {"raw": 4 * 10**18, "default": DAY},
        {"default": 4 * 10**18},
        {"middle": 4 * 10**18},
        {"extra": 4 * 10**18},
        {"last": 4 * 10**18, "last_seal": 0},
    ],
)
def test_times_are_put_in_order_and_content_is_left_alone(chain, times):
    content = {path: (chain.root / path).read_bytes() for path in chain.FILES}
    chain.set_times(**times)
    assert chain.judge() == {}
    assert chain.in_order()
    assert {path: (chain.root / path).read_bytes() for path in chain.FILES} == content
    settled = [chain.time(path) for path in chain.FILES]
    assert chain.judge() == {}
    assert [chain.time(path) for path in chain.FILES] == settled


@pytest.mark.parametrize("time_ns", [0, -DAY, 4 * 10**18, None])
def test_stale_spec_is_newer_than_the_outputs_and_never_the_same_twice(chain, time_ns):
    if time_ns is not None:
        chain.set_times(default=time_ns)
    file = chain.root / ".snakemake/spec/out/last/spec.json"
    texts = set()
    for _ in range(3):
        assert chain.judge(eps=1)["out/last"] == "params changed: eps added (1)"
        assert file.stat().st_mtime_ns > max(chain.time("out/last"), chain.time("out/last.seal")) > 0
        assert file.stat().st_mtime_ns < time.time_ns() + 10**7
        texts.add(file.read_text())
    assert len(texts) == 3
    assert json.loads(file.read_text())["stale"] == "params changed: eps added (1)"
    assert load_spec(file).params == {"eps": 1}


def test_outputs_written_this_very_moment_are_still_older_than_a_stale_spec(chain):
    for _ in range(5):
        (chain.root / "out/last").write_text("altered")
        ahead = time.time_ns() + 15 * 10**6  # as far as clocks may differ
        os.utime(chain.root / "out/last", ns=(ahead, ahead))
        assert chain.judge() == {"out/last": "output out/last altered since it was sealed"}
        assert chain.time(".snakemake/spec/out/last/spec.json") > chain.time("out/last")


def test_every_stale_job_is_named_with_its_own_reason(chain):
    (chain.root / "out/extra").write_text("altered")
    assert chain.judge() == {
        "out/middle": "output out/extra altered since it was sealed",
        "out/last": "inputs changed: out/extra",
    }
    (chain.root / "out/middle.seal").unlink()
    assert chain.judge()["out/middle"] == "no seal"


def test_a_seal_that_is_read_counts_by_what_it_vouches_for(chain):
    rules = ("page", "last", "middle")
    chain.seal("page")
    assert chain.judge(rules) == {}
    file = chain.root / "out/last.seal"
    text = file.read_text()
    file.write_text(text.replace('"made": {}', '"made": {"wall_seconds": 1.0}'))
    assert file.read_text() != text
    assert chain.judge(rules) == {}
    file.write_text(text.replace('"rule": "last"', '"rule": "lost"'))
    altered = {"out/page": "inputs changed: out/last.seal", "out/last": "seal altered"}
    assert chain.judge(rules) == altered
    file.unlink()
    assert chain.judge(rules) == altered | {"out/last": "no seal"}


def test_each_seal_is_read_once(chain, monkeypatch):
    chain.seal("page")
    read = []
    monkeypatch.setattr(
        "advtransfer.provenance.guard.read_seal", lambda path: read.append(path.name) or read_seal(path)
    )
    assert chain.judge(("page", "last", "middle")) == {}
    assert sorted(read) == ["last.seal", "middle.seal", "page.seal"]


def test_the_seal_beside_a_file_says_what_it_was_made_from_whatever_others_say(chain):
    """Another seal that names it would call it older than an input that it never had."""
    (chain.root / "late").touch()
    late = chain.time("out/middle") + 5 * 10**6
    os.utime(chain.root / "late", ns=(late, late))
    spec = load_spec(chain.root / ".snakemake/spec/out/middle/spec.json").to_dict()
    named = {"inputs": [["late", "late"]], "outputs": [["z", "out/z"], ["middle", "out/middle"]]}
    forged = Spec.from_dict(spec | named)
    write_seal(
        forged, dict.fromkeys(("late", "out/z", "out/middle"), "0" * 64), {}, chain.root / "out/z.seal"
    )
    assert chain.judge() == {}
    assert chain.time("out/middle") < late


def test_symbolic_links_are_put_in_order_themselves(chain):
    last = chain.root / "out/last"
    last.rename(chain.root / "elsewhere")
    last.symlink_to(chain.root / "elsewhere")
    os.utime(last, ns=(0, 0), follow_symlinks=False)
    assert chain.judge() == {}
    assert os.lstat(last).st_mtime_ns >= chain.time("out/middle")


def test_seals_that_run_in_a_circle_end(chain):
    spec = load_spec(chain.root / ".snakemake/spec/out/last/spec.json")
    around = type(spec).from_dict(spec.to_dict() | {"inputs": [["self", "out/last"]]})
    digest = Hasher(None).sha256(chain.root / "out/last")
    write_seal(around, {"out/last": digest}, {}, chain.root / "out/last.seal")
    assert chain.judge()["out/last"].startswith("inputs changed")


def test_first_answer_for_an_output_stands(chain):
    guard = Guard(chain.root, chain.source)
    file = chain.spec_file(guard, "last")
    (chain.root / "out/last").write_text("altered")
    assert chain.spec_file(guard, "last") == file
    assert guard.stale == {}


def test_mistakes_in_rules_are_reported(chain):
    guard = Guard(chain.root, chain.source)
    with pytest.raises(SpecError, match="nan"):
        guard.spec_file("r", "stage", {"x": float("nan")}, {}, {"a": "a"}, {})
    with pytest.raises(SpecError, match="without outputs"):
        guard.spec_file("r", "stage", {}, {}, {}, {})
    with pytest.raises(ModuleNotFoundError):
        guard.spec_file("r", "gone", {}, {}, {"a": "a"}, {})
