"""The official validator on small crates; tests/workflow has it on the crate of real results."""

import json

import pytest
from crate_project import DATA, Toy
from ro_crate import Validator


@pytest.fixture(scope="module")
def validator(tmp_path_factory):
    return Validator(tmp_path_factory.mktemp("validator"))


def test_a_crate_of_seals_that_tell_nothing_still_meets_what_is_required(validator, tmp_path):
    toy = Toy(tmp_path / "toy").build()
    for path in toy.root.rglob("*.seal"):
        path.unlink()
    toy.run("prepare", {"raw": "raw/data.txt"}, {"data": DATA}, {"n": 3}, made={})
    toy.export(tmp_path / "crate")
    assert validator.issues(tmp_path / "crate")["REQUIRED"] == set()


def test_the_validator_is_at_work(validator, tmp_path):
    """Terms that the contexts of the tests hold wrongly would be nothing to it."""
    toy = Toy(tmp_path / "toy").build()
    toy.export(tmp_path / "crate")
    metadata = tmp_path / "crate/ro-crate-metadata.json"
    content = json.loads(metadata.read_text())
    for entity in content["@graph"]:
        if entity["@type"] in ("ControlAction", "ParameterConnection"):
            entity.pop("instrument", entity.pop("sourceParameter", None))
        if entity["@type"] == "HowToStep":
            del entity["workExample"]
        if entity["@type"] == "FormalParameter":
            del entity["additionalType"]
    metadata.write_text(json.dumps(content))
    (tmp_path / "crate/params.yaml").unlink()
    assert validator.issues(tmp_path / "crate")["REQUIRED"] == {
        "ControlAction instrument",
        "ParameterConnection sourceParameter",
        "HowToStep workExample",
        "FormalParameter additionalType",
        "Data Entity: REQUIRED resource availability",
    }
