"""Pipes, links, folders and closed files in the place of artifacts, seals and specs; seals that lead out."""

import hashlib
import json
import os
import sys

import patience
import pytest

from advtransfer.provenance.closure import forget
from advtransfer.provenance.guard import Guard
from advtransfer.provenance.hashing import Hasher, hash_cache
from advtransfer.provenance.job import run_job
from advtransfer.provenance.seal import SealError, find_seal, read_seal, seal_path, why_stale, write_seal
from advtransfer.provenance.spec import SpecError, canonical, load_spec, spec_path

pytestmark = pytest.mark.timeout(patience.limit(1))  # a test that waits at a pipe has failed
DAY = 86_400 * 10**9


@pytest.fixture
def sealed(tmp_path, make_spec):
    """A spec whose files exist and are sealed."""
    spec = make_spec()
    for path in spec.input_paths + spec.output_paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    hashes = {path: Hasher(None).sha256(tmp_path / path) for path in spec.input_paths + spec.output_paths}
    write_seal(spec, hashes, {}, tmp_path / seal_path(spec.primary))
    return spec


ODD = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "self": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("out/model", "output out/model cannot be read"),
        ("raw/a", "inputs changed: raw/a"),
        ("out/model.seal", "seal unreadable"),
    ],
)
@pytest.mark.parametrize("cached", [True, False])
def test_what_is_no_regular_file_is_stale(tmp_path, sealed, kind, path, reason, cached):
    (tmp_path / path).unlink()
    ODD[kind](tmp_path / path)
    assert why_stale(sealed, tmp_path, Hasher(hash_cache(tmp_path) if cached else None)) == reason


def nested(text):
    """A seal whose params nobody would nest so deeply; json.loads itself gives up at the last."""
    value = json.loads(text)
    del value["spec"]["params"]
    for depth in (200, 100_000):
        params = "[" * depth + "]" * depth
        yield json.dumps(value).replace('"spec": {', f'"spec": {{"params": {params}, ', 1)


def test_deeply_nested_seals_are_unreadable(tmp_path, sealed):
    file = tmp_path / "out/model.seal"
    for text in nested(file.read_text()):
        file.write_text(text)
        with pytest.raises(SealError, match=r"^seal unreadable$"):
            read_seal(file)
        assert why_stale(sealed, tmp_path, Hasher(None)) == "seal unreadable"
        assert find_seal("out/log", tmp_path) is None


def forge(root, spec, **changes):
    """A seal beside out/model whose id agrees, with paths that no `Spec` would take."""
    value = {**spec.to_dict(), "inputs": [], **changes}
    paths = [path for _, path in [*value["outputs"], *value["inputs"]]]
    decisive = {"spec": value, "sha256": dict.fromkeys(paths, "0" * 64)}
    identity = hashlib.sha256(canonical(decisive).encode()).hexdigest()
    (root / seal_path(spec.primary)).write_text(json.dumps({**decisive, "id": identity, "made": {}}))


OUTSIDE = ["/etc/shadow", "../victim", "raw/../../victim", "..", "", "a\0b", "\ud800", "a\nb"]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_a_seal_that_leads_out_of_the_project_is_not_believed(tmp_path, sealed, kind, path):
    named = [["model", "out/model"]] if kind == "outputs" else []
    forge(tmp_path, sealed, **{kind: [*named, ["more", path]]})
    with pytest.raises(SealError, match=r"^seal leads out of the project \([ -~]*\)$"):
        read_seal(tmp_path / "out/model.seal")
    assert why_stale(sealed, tmp_path, Hasher(None)).startswith("seal leads out of the project (")


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": {}},
        {"sha256": {"out/model": 5, "out/log": "0", "raw/a": "0", "raw/b": "0", "raw/c": "0"}},
        {"sha256": []},
        {"spec": 7},
        {"made": 7},
        {"id": None},
    ],
)
def test_a_seal_that_lacks_what_others_rely_on_is_not_believed(tmp_path, sealed, change):
    file = tmp_path / "out/model.seal"
    value = json.loads(file.read_text()) | change
    decisive = {key: value[key] for key in ("spec", "sha256")}
    identity = hashlib.sha256(canonical(decisive).encode()).hexdigest()
    file.write_text(json.dumps({**value, "id": value["id"] and identity}))
    with pytest.raises(SealError):
        read_seal(file)


@pytest.mark.parametrize(
    "fields",
    [
        {"rule": "two\nlines"},
        {"rule": "\ud800"},
        {"stage": "../../etc/passwd"},
        {"stage": "pkg./etc/passwd"},
        {"code": {"pkg./etc/passwd": "0" * 16}},
        {"code": {"": "0" * 16}},
    ],
)
def test_names_in_a_spec_are_names(make_spec, fields):
    with pytest.raises(SpecError, match=r"^found '.*', expected (a name on one line|the name of a module)$"):
        make_spec(**fields)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_spec_that_leads_out_cannot_be(make_spec, path):
    with pytest.raises(SpecError, match=r"expected one below the project, without \.\."):
        make_spec(inputs={"data": ["raw/a", path]})
    with pytest.raises(SpecError, match=r"expected one below the project, without \.\."):
        make_spec(outputs={"model": path})


# ---- the guard ---------------------------------------------------------------------------------------------


@pytest.fixture
def guard(tmp_path):
    """Makes a new guard, as a new process has it, of a project with one stage."""
    (tmp_path / "src/pkg").mkdir(parents=True)
    (tmp_path / "src/pkg/__init__.py").touch()
    (tmp_path / "src/pkg/train.py").touch()
    return lambda: Guard(tmp_path, tmp_path / "src")


def judge(guard, spec):
    return guard.spec_file(spec.rule, spec.stage, spec.params, spec.inputs, spec.outputs, spec.wildcards)


def future(path):
    later = path.lstat().st_mtime_ns + DAY
    os.utime(path, ns=(later, later), follow_symlinks=False)
    return later


def test_times_outside_of_the_project_stay_where_a_link_leads_out(tmp_path, tmp_path_factory, sealed, guard):
    outside = tmp_path_factory.mktemp("elsewhere") / "thesis"
    outside.write_text("raw/a")
    (tmp_path / "raw/a").unlink()
    (tmp_path / "raw/a").symlink_to(outside)
    later = future(outside)
    judge(guard(), sealed)
    assert outside.stat().st_mtime_ns == later


def test_times_of_what_a_seal_alone_names_stay(tmp_path, sealed, guard):
    """A raw file of another job, or whatever a forged seal names."""
    (tmp_path / "raw/mine").write_text("x")
    later = future(tmp_path / "raw/mine")
    forge(tmp_path, sealed, inputs=[["data", "raw/mine"]])
    judge(guard(), sealed)
    assert (tmp_path / "raw/mine").stat().st_mtime_ns == later


def test_times_are_put_in_order_where_an_artifact_folder_is_a_link_to_another_disk(
    tmp_path, tmp_path_factory, make_spec, guard
):
    disk = tmp_path_factory.mktemp("disk")
    (tmp_path / "results").symlink_to(disk)
    (tmp_path / "raw").mkdir()
    spec = make_spec(inputs={"data": "raw/a"}, outputs={"model": "results/model"})
    (tmp_path / "raw/a").write_text("a")
    (disk / "model").write_text("model")
    later = future(disk / "model")
    judge(guard(), spec)
    assert (disk / "model").stat().st_mtime_ns < later


def test_a_raw_file_of_a_spec_is_settled_though_a_seal_named_it_before(tmp_path, sealed, make_spec, guard):
    """Snakemake asks from the targets up: the seal of `out/model` tells of raw/a before its own job is judged."""
    last = make_spec(stage="pkg.train", inputs={"model": "out/model"}, outputs={"last": "out/last"})
    later = future(tmp_path / "raw/a")
    asked = guard()
    judge(asked, last)
    assert (tmp_path / "raw/a").stat().st_mtime_ns == later
    assert (tmp_path / "out/model").stat().st_mtime_ns < later
    judge(asked, sealed)
    settled = (tmp_path / "raw/a").stat().st_mtime_ns
    assert settled < later and settled <= (tmp_path / "out/model").stat().st_mtime_ns


@pytest.mark.parametrize("kind", ODD)
def test_the_guard_replaces_what_lies_in_the_place_of_a_spec_file_or_its_cache(tmp_path, sealed, guard, kind):
    file = tmp_path / spec_path(sealed.primary)
    for path in (file, hash_cache(tmp_path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        ODD[kind](path)
    asked = guard()
    judge(asked, sealed)
    assert load_spec(file).primary == "out/model" and not file.is_symlink()
    asked._hasher.save()


@pytest.mark.parametrize("content", ["[" * 100_000, '{"spec": ' + "[" * 200 + "]" * 200 + "}", "[]", "7"])
def test_a_damaged_spec_file_is_one_error(tmp_path, content):
    (tmp_path / "spec.json").write_text(content)
    with pytest.raises(SpecError, match=r"spec\.json"):
        load_spec(tmp_path / "spec.json")


# ---- the job -----------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, source, write, monkeypatch):
    """Runs a job that copies in/a to out/b and tells whether it computed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(source))
    write("copying/__init__.py", "")
    stage = "def main(params, inputs, outputs):\n    outputs['b'].write_text(inputs['a'].read_text())\n"
    write("copying/stage.py", stage + "    open('computed', 'w').close()\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_text("a")

    def run_it():
        spec = Guard(tmp_path, source).spec_file("r", "copying.stage", {}, {"a": "in/a"}, {"b": "out/b"}, {})
        run_job(tmp_path / spec, ["out/b"], ["in/a"], source=source)

    yield run_it
    for name in [name for name in sys.modules if name.startswith("copying")]:
        del sys.modules[name]
    forget()


@pytest.mark.parametrize("name", ["b", "b.seal"])
@pytest.mark.parametrize("kind", [*ODD, "empty folder"])
def test_the_next_run_mends_what_lies_in_the_place_of_artifact_or_seal(tmp_path, run, name, kind):
    (tmp_path / "out").mkdir()
    (ODD | {"empty folder": lambda path: path.mkdir()})[kind](tmp_path / "out" / name)
    run()
    assert (tmp_path / "out/b").read_text() == "a" and read_seal(tmp_path / "out/b.seal")
    assert not (tmp_path / "out/b").is_symlink()


@pytest.mark.parametrize("name", ["b", "b.seal"])
def test_a_folder_with_something_in_it_is_told_before_anything_is_computed(tmp_path, run, name):
    (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / name / "mine").touch()
    with pytest.raises(
        SystemExit, match=rf"^out/{name} is a folder where a file of this job belongs: remove it$"
    ):
        run()
    assert (tmp_path / "out" / name / "mine").exists() and not (tmp_path / "computed").exists()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pipe", r"no regular file \(a pipe\)"),
        ("device", r"no regular file \(a device\)"),
        ("self", "too many levels"),
    ],
)
def test_an_input_that_is_no_file_is_one_line_before_anything_is_computed(tmp_path, run, kind, words):
    (tmp_path / "in/a").unlink()
    ODD[kind](tmp_path / "in/a")
    with pytest.raises(SystemExit, match=f"^out/b: input in/a is missing or no file: {words}"):
        run()
    assert not (tmp_path / "computed").exists()
