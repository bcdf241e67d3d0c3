"""What a crate says: each seal is an action, and the workflow around them."""

import hashlib
import json

import pytest
from crate_project import DATA, MADE, MODELS, SUMMARY, Crate, Toy, ids, model

from advtransfer.provenance.seal import all_seals


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return Toy(tmp_path_factory.mktemp("toy")).build()


@pytest.fixture(scope="module")
def crate(toy, tmp_path_factory) -> Crate:
    return toy.crate(tmp_path_factory.mktemp("out") / "crate", stored={DATA: md5(DATA), MODELS[0]: "0" * 32})


def md5(path):
    return hashlib.md5(f"{path}\n".encode()).hexdigest()


def values(crate, action):
    found = [entity for entity in crate.all(action, "object") if entity["@type"] == "PropertyValue"]
    return {entity["name"]: entity["value"] for entity in found}


def test_every_seal_is_an_action_on_its_inputs_outputs_and_params(toy, crate):
    seals = all_seals(toy.root)
    assert len(seals) == 4
    for primary, seal in seals.items():
        action = crate[f"#job/{primary}"]
        assert action["@type"] == "CreateAction"
        files = [one["name"] for one in crate.all(action, "object") if one["@type"] == "File"]
        assert files == seal.spec.input_paths
        assert [one["name"] for one in crate.all(action, "result")] == seal.spec.output_paths
        assert ids(action, "subjectOf") == [f"{primary}.seal"]
        assert ids(crate[f"{primary}.seal"], "about") == [action["@id"]]
        assert (action["startTime"], action["endTime"]) == (
            "2026-01-02T03:04:05.678+00:00",
            "2026-01-02T03:04:08.178+00:00",
        )
    assert len(crate.of_type("CreateAction")) == 4 + 1
    mentioned = ids(crate["./"], "mentions")
    assert {*mentioned} == {one["@id"] for one in crate.of_type("CreateAction")} | {"#engine-run"}
    assert not crate.dangling()


def test_params_are_values_under_their_dotted_paths(crate):
    first, second = (crate[f"#job/{path}"] for path in MODELS)
    assert values(crate, first) == {
        "attack.eps": 0.5,
        "attack.steps": 7,
        "layers": "[1,2]",
        "name": '""',
        "off": "null",
        "on": True,
        "seed": 0,
    }
    assert values(crate, second) == values(crate, first) | {"seed": 1}
    assert len(set(ids(first, "object")) & set(ids(second, "object"))) == 1 + 6, "equal values are one entity"
    assert values(crate, crate[f"#job/{SUMMARY}"]) == {}, "a job without params has none"
    types = {one["@id"]: one["additionalType"] for one in crate.of_type("FormalParameter")}
    assert types["#rule/train/params/attack.eps"] == "Float"
    assert types["#rule/train/params/seed"] == "Integer"
    assert types["#rule/train/params/on"] == "Boolean"
    assert types["#rule/train/params/layers"] == "PropertyValue"
    for value in crate.of_type("PropertyValue"):
        assert crate.all(value, "exampleOfWork")[0]["name"] == value["name"]


def test_a_file_is_in_the_crate_or_only_named_and_always_has_its_hash(toy, crate):
    parts = set(ids(crate["./"], "hasPart"))
    for entity in crate.of_type("File"):
        path = entity["@id"].removeprefix("#file/")
        content = (toy.root / path).read_bytes()
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))
        carried = not entity["@id"].startswith("#")
        assert carried == (entity["@id"] in parts) == (crate.folder / path).exists()
        assert not carried or (crate.folder / path).read_bytes() == content
    named = {one["name"] for one in crate.of_type("File") if one["@id"].startswith("#file/")}
    assert named == {DATA, "raw/data.txt", *model(0).values(), *model(1).values()}
    on_disk = {str(path.relative_to(crate.folder)) for path in crate.folder.rglob("*") if path.is_file()}
    assert on_disk == parts | {"ro-crate-metadata.json"}


def test_md5_is_told_only_where_dvc_recorded_these_bytes(crate):
    assert {one["name"]: one["md5"] for one in crate.of_type("File") if "md5" in one} == {DATA: md5(DATA)}


def test_the_tool_is_the_stage_with_its_code_and_software(toy, crate):
    tool = crate.all(crate[f"#job/{DATA}"], "instrument")[0]
    assert (tool["name"], ids(tool, "url")) == ("pkg.prepare", ["src/pkg/prepare.py"])
    seal = all_seals(toy.root)[DATA]
    assert {one["name"]: one["version"] for one in crate.all(tool, "hasPart")} == {
        "src/pkg/__init__.py": seal.spec.code["pkg"],
        "src/pkg/prepare.py": seal.spec.code["pkg.prepare"],
        "src/pkg/text.py": seal.spec.code["pkg.text"],
    }
    software = {one["name"]: one for one in crate.all(tool, "softwareRequirements")}
    assert {name: one["softwareVersion"] for name, one in software.items()} == {
        "CPython": "3.11.7",
        "numpy": "2.4.6",
        "obscure": "0.1",
    }
    assert software["numpy"]["url"] == "https://numpy.org/"
    assert "url" not in software["obscure"]
    assert [one["name"] for one in crate.all(tool, "input")] == ["raw", "n"]
    assert [one["name"] for one in crate.all(tool, "output")] == ["data"]


def test_the_workflow_has_a_step_a_rule_and_the_engine_orders_each_job(crate):
    workflow = crate.all(crate["./"], "mainEntity")[0]
    assert workflow["@id"] == "Snakefile"
    assert {*workflow["@type"]} >= {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"}
    steps = {one["name"]: one for one in crate.all(workflow, "step")}
    assert set(steps) == {"prepare", "train", "report"}
    tools = {tool for step in steps.values() for tool in ids(step, "workExample")}
    assert tools == set(ids(workflow, "hasPart"))
    engine_run = crate["#engine-run"]
    controls = crate.all(engine_run, "object")
    assert len(controls) == 4
    for control in controls:
        (job,), (step,) = crate.all(control, "object"), crate.all(control, "instrument")
        assert set(ids(job, "instrument")) <= set(ids(step, "workExample"))
    assert ids(engine_run, "result") == ["#run"]
    engine = crate.all(engine_run, "instrument")[0]
    assert (engine["name"], engine["softwareVersion"]) == ("Snakemake", "9.8.7")
    run = crate["#run"]
    assert (ids(run, "instrument"), ids(run, "result")) == (["Snakefile"], [SUMMARY])
    assert ids(run, "object") == ["params.yaml", "#file/raw/data.txt"]
    assert run["startTime"] == "2026-01-02T03:04:05.678+00:00"
    assert run["endTime"] == "2026-01-02T03:04:08.178+00:00" == crate["./"]["datePublished"]


def test_connections_lead_from_outputs_to_the_inputs_of_the_receiving_step(crate):
    links = {
        (ids(one, "sourceParameter")[0], ids(one, "targetParameter")[0]): one["@id"]
        for one in crate.of_type("ParameterConnection")
    }
    assert set(links) == {
        ("#rule/prepare/output/data", "#rule/train/input/data"),
        ("#rule/train/output/model", "#rule/report/input/models"),
    }
    for (_, target), identifier in links.items():
        assert ids(crate["/".join(target.split("/")[:2])], "connection") == [identifier]
    assert ids(crate.path(DATA), "exampleOfWork") == ["#rule/prepare/output/data", "#rule/train/input/data"]


def test_the_agent_is_the_author_of_the_commit_without_an_address(crate):
    (person,) = crate.of_type("Person")
    assert person["name"] == "Ada Ü. Lovelace"
    for action in [*crate.of_type("CreateAction"), *crate.of_type("OrganizeAction")]:
        assert ids(action, "agent") == [person["@id"]]
    assert "localhost" not in (crate.folder / "ro-crate-metadata.json").read_text()


def test_seals_are_known_by_the_id_that_others_name_them_by(toy, crate):
    seal = all_seals(toy.root)[MODELS[0]]
    assert crate[f"{MODELS[0]}.seal"]["identifier"] == seal.id
    assert json.loads((crate.folder / f"{MODELS[0]}.seal").read_text())["id"] == seal.id
    assert f"{MODELS[0]}.seal" in ids(crate[f"#job/{SUMMARY}"], "object")


def test_two_rules_of_one_stage_are_tools_of_their_own(tmp_path):
    toy = Toy(tmp_path / "toy").build()
    toy.run("again", {}, {"out": "results/again.txt"}, {"other": 1}, stage="pkg.train")
    crate = toy.crate(tmp_path / "crate")
    for rule, names in {"again": {"other"}, "train": {"data", "seed"}}.items():
        (tool,) = crate.all(crate[f"#rule/{rule}"], "workExample")
        assert tool["name"] == "pkg.train"
        assert names <= {one["name"] for one in crate.all(tool, "input")}


@pytest.mark.parametrize(
    "change",
    [
        {"imports": "pkg.text"},
        {"made": MADE | {"packages": {"numpy": "1.0"}}},
        {"made": MADE | {"interpreter": "PyPy 7"}},
    ],
)
def test_other_code_or_software_makes_another_tool_of_the_same_step(tmp_path, change):
    toy = Toy(tmp_path / "toy").build()
    toy.run("report", {}, {"summary": "results/more.txt"}, None, **change)
    crate = toy.crate(tmp_path / "crate")
    tools = crate.all(crate["#rule/report"], "workExample")
    assert [tool["name"] for tool in tools] == ["pkg.report"] * 2
    assert tools[0]["@id"] != tools[1]["@id"]
    assert (tools[0]["softwareVersion"] != tools[1]["softwareVersion"]) == ("imports" in change)
