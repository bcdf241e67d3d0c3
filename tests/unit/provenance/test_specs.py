import json
from pathlib import Path

import pytest

from advtransfer.provenance.spec import Spec, SpecError, load_spec, spec_path


def test_round_trip_keeps_everything_and_the_order_of_names(make_spec):
    spec = make_spec()
    again = Spec.from_json(spec.to_json())
    assert again == spec
    assert again.digest == spec.digest
    assert again.input_paths == ["raw/a", "raw/b", "raw/c"]
    assert again.output_paths == ["out/model", "out/log"]
    assert again.primary == "out/model"


def test_digest_depends_on_values_and_not_on_the_order_of_keys(make_spec):
    one = make_spec(params={"a": 1, "b": 2})
    assert one.digest == make_spec(params={"b": 2, "a": 1}).digest
    others = [{"a": 1.0, "b": 2}, {"a": True, "b": 2}, {"a": 2, "b": 1}, {"a": "1", "b": 2}]
    assert len({one.digest, *(make_spec(params=params).digest for params in others)}) == 5


def test_later_changes_of_the_params_do_not_reach_the_spec(make_spec):
    params = {"layers": [1]}
    spec = make_spec(params=params)
    params["layers"].append(2)
    assert spec.params == {"layers": [1]}


class Text(str):
    """A string with flags, as Snakemake's paths are."""


def test_paths_and_wildcards_become_plain_strings(make_spec):
    spec = make_spec(inputs={"a": Text("x"), "b": (Path("y"), Text("z"))}, wildcards={"seed": 3})
    assert spec.inputs == {"a": "x", "b": ["y", "z"]}
    assert type(spec.inputs["a"]) is str
    assert spec.wildcards == {"seed": "3"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"a": {"eps": float("nan")}}, r"params\.a\.eps: nan is not plain JSON; expected a finite number"),
        ({"a": [1, float("-inf")]}, r"params\.a\.1: -inf"),
        ({"a": (1, 2)}, r"params\.a: \(1, 2\) \(tuple\)"),
        ({1: 2}, r"params: key 1 \(int\) is not plain JSON; expected str"),
        ({"path": Path("x")}, r"params\.path"),
        (Text("x"), "Text"),
    ],
)
def test_params_that_are_not_plain_json_are_named(make_spec, params, message):
    with pytest.raises(SpecError, match=message):
        make_spec(params=params)


def test_spec_needs_an_output(make_spec):
    with pytest.raises(SpecError, match="without outputs"):
        make_spec(outputs={})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"spec": 3}', '{"spec": {"rule": "x"}}'])
def test_files_without_a_spec_are_named(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SpecError, match=r"x\.json"):
        load_spec(tmp_path / "x.json")
    with pytest.raises(SpecError):
        Spec.from_json(text)


def test_unknown_fields_are_refused(make_spec):
    with pytest.raises(SpecError, match="extra"):
        Spec.from_json(json.dumps({**make_spec().to_dict(), "extra": 1}))


def test_spec_files_stay_inside_the_project():
    assert spec_path("out/a.b") == Path(".snakemake/spec/out/a.b/spec.json")
    assert spec_path("/out/a") == Path(".snakemake/spec/out/a/spec.json")
