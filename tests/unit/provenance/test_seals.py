import json
import os
import re

import pytest

from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import SealError, find_seal, read_seal, seal_path, why_stale, write_seal
from advtransfer.provenance.spec import SpecError


@pytest.fixture
def sealed(tmp_path, make_spec):
    """A spec whose files exist and are sealed."""
    spec = make_spec()
    for path in spec.input_paths + spec.output_paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    hashes = {path: Hasher(None).sha256(tmp_path / path) for path in spec.input_paths + spec.output_paths}
    write_seal(spec, hashes, {"cpu": "x"}, tmp_path / seal_path(spec.primary))
    return spec


@pytest.fixture
def verdict(tmp_path):
    return lambda spec: why_stale(spec, tmp_path, Hasher(None))


def test_seal_reads_back_and_its_file_is_deterministic_but_for_made(tmp_path, sealed):
    path = tmp_path / "out/model.seal"
    seal = read_seal(path)
    assert (seal.spec, seal.made) == (sealed, {"cpu": "x"})
    text = path.read_text()
    again = write_seal(sealed, seal.sha256, {"cpu": "y"}, path)
    assert again.id == seal.id
    assert path.read_text() == text.replace('"x"', '"y"')


def test_seal_must_cover_exactly_the_files_of_the_spec(tmp_path, make_spec):
    with pytest.raises(SpecError, match="out/log"):
        write_seal(make_spec(), {"raw/a": "0"}, {}, tmp_path / "x")


def test_what_was_sealed_is_fresh_wherever_it_lies_and_whatever_its_times(tmp_path, sealed, verdict):
    assert verdict(sealed) is None
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0))
    assert verdict(sealed) is None


ATTACK = {"eps": 0.5, "steps": 7}


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"attack": ATTACK | {"eps": 1.0}, "layers": [1, 2]}, "attack.eps 0.5 -> 1.0"),
        ({"attack": ATTACK | {"steps": 7.0}, "layers": [1, 2]}, "attack.steps 7 -> 7.0"),
        ({"attack": None, "layers": [1, 3]}, 'attack {"eps": 0.5, "steps": 7} -> null, layers.1 2 -> 3'),
        (
            {"attack": {"eps": 0.5, "norm": "linf"}, "layers": [1, 2]},
            "attack.norm added (linf), attack.steps removed (was 7)",
        ),
        ({"attack": ATTACK, "layers": [1]}, "layers [1, 2] -> [1]"),
        (None, '{"attack": {"eps": 0.5, "steps": 7}, "layers": [1, 2]} -> null'),
    ],
)
def test_change_of_params_is_named_by_its_dotted_path(sealed, make_spec, verdict, params, reason):
    assert verdict(make_spec(params=params)) == f"params changed: {reason}"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"wildcards": {"seed": "1"}}, "wildcards changed: seed 0 -> 1"),
        ({"rule": "other"}, "rule changed: train -> other"),
        ({"stage": "pkg.other"}, "stage changed: pkg.train -> pkg.other"),
        ({"code": {"pkg": "0" * 16, "pkg.train": "2", "pkg.new": "3"}}, "code changed: pkg.new, pkg.train"),
        (
            {"inputs": {"data": ["raw/a", "raw/d"], "labels": "raw/c"}},
            "inputs changed: raw/d added, raw/b removed",
        ),
        ({"inputs": {"data": ["raw/b", "raw/a"], "labels": "raw/c"}}, "inputs changed: names or order"),
        (
            {"outputs": {"model": "out/model", "note": "out/log"}},
            "outputs changed: log removed (was out/log), note added (out/log)",
        ),
    ],
)
def test_change_of_the_rest_of_the_spec_is_named(sealed, make_spec, verdict, fields, reason):
    assert verdict(make_spec(**fields)) == reason


def test_long_values_are_cut_and_reasons_stay_on_one_line(sealed, make_spec, verdict):
    params = {"attack": "x" * 1000 + "\n", "layers": "a\nb"}
    reason = verdict(make_spec(params=params))
    assert "\n" not in reason
    assert len(reason) < 200


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("raw/b", "inputs changed: raw/b"),
        ("out/model", "output out/model altered since it was sealed"),
        ("out/log", "output out/log altered since it was sealed"),
    ],
)
def test_change_of_content_is_named(tmp_path, sealed, verdict, path, reason):
    (tmp_path / path).write_text("other")
    assert verdict(sealed) == reason


def test_missing_files_are_named(tmp_path, sealed, verdict):
    (tmp_path / "raw/a").unlink()
    assert verdict(sealed) == "inputs changed: raw/a"
    (tmp_path / "out/log").unlink()
    assert verdict(sealed) == "output out/log missing"
    (tmp_path / "out/log").mkdir()
    assert verdict(sealed) == "output out/log missing"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[:-20], "seal unreadable"),
        (lambda text: "[]", "seal unreadable"),
        (lambda text: "", "seal unreadable"),
        (lambda text: text.replace("0.5", "1.0"), "seal altered"),
        (lambda text: re.sub('"out/log": "[0-9a-f]{64}"', f'"out/log": "{"0" * 64}"', text), "seal altered"),
        (lambda text: re.sub('"id": "[0-9a-f]{8}', '"id": "00000000', text), "seal altered"),
        (lambda text: text.replace('"pkg": "0', '"pkg": "4'), "seal altered"),
    ],
)
def test_damaged_seals_are_told_apart(tmp_path, sealed, verdict, damage, reason):
    path = tmp_path / "out/model.seal"
    text = path.read_text()
    path.write_text(damage(text))
    assert path.read_text() != text
    assert verdict(sealed) == reason
    with pytest.raises(SealError, match=reason):
        read_seal(path)


def test_without_seal(tmp_path, sealed, verdict):
    (tmp_path / "out/model.seal").unlink()
    assert verdict(sealed) == "no seal"
    (tmp_path / "out/model.seal").mkdir()
    assert verdict(sealed) == "seal unreadable"
    (tmp_path / "out/model.seal").rmdir()
    (tmp_path / "out/model.seal").write_bytes(b"\xff\xfe")
    assert verdict(sealed) == "seal unreadable"


def test_reformatted_seal_still_holds(tmp_path, sealed, verdict):
    path = tmp_path / "out/model.seal"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert verdict(sealed) is None


def test_seal_is_found_from_every_output(tmp_path, sealed):
    assert find_seal("out/model", tmp_path).spec == sealed
    assert find_seal("out/log", tmp_path).spec == sealed
    assert find_seal("raw/a", tmp_path) is None
    assert find_seal("gone/a", tmp_path) is None
