"""What each job reads of params.yaml: one changed value changes exactly the slices of the jobs that use it."""

import json
from pathlib import Path

import pytest
from change import DELETE, change

from advtransfer.attacks.pgd import PGD
from advtransfer.evaluation import claims_file
from advtransfer.objectives.classification import make_perturbation
from advtransfer.params import load_params

ROOT = Path(__file__).parents[3]
VARIANTS = ["clean", "attacked", "noisy", "taught", "oracle"]
BASELINES = ["raw", "untrained"]
TARGETS = ["dark", "other"]


def slices(params):
    """(study, rule, ...) -> the slice of each job, as text."""
    found = {}
    for name, study in params.studies.items():
        found[name, "report"] = study.report(name)
        for block in study.blocks:
            found[name, "split", block] = study.split(block)
            if study.pseudo_labels:
                found[name, "pseudo_label", block] = study.pseudo_label(block)
            for variant in study.variants:
                found[name, "pretrain", variant, block] = study.pretrain(variant, block)
            for target in study.targets:
                for variant in study.representations:
                    found[name, "transfer", target, variant, block] = study.transfer_to(
                        name, target, variant, block
                    )
    return {job: json.dumps(value, sort_keys=True) for job, value in found.items()}


def changed(load, document, edits):
    """Jobs of study one whose slice is other than before, without their blocks; the other study never changes."""
    before = slices(load(document))
    for path, value in edits.items():
        change(document, path, value)
    after = slices(load(document))
    differing = {job for job in before.keys() | after.keys() if before.get(job) != after.get(job)}
    assert all(job[0] == "one" for job in differing)
    return {":".join(part for part in job[1:] if part not in BLOCKS) for job in differing}


BLOCKS = ["r000-001", "r002-003"]


def pretrain(*variants):
    return {f"pretrain:{variant}" for variant in variants}


def transfer(variants=(*BASELINES, *VARIANTS), targets=TARGETS):
    return {f"transfer:{target}:{variant}" for target in targets for variant in variants}


REPORT, SPLIT, PSEUDO = {"report"}, {"split"}, {"pseudo_label"}
ALL_PRETRAIN = pretrain(*VARIANTS)
EVERYTHING = REPORT | SPLIT | PSEUDO | ALL_PRETRAIN | transfer()
ATTACK = "variants.attacked.perturbation.attack."

CHANGES = [
    ({"title": "Other"}, REPORT),
    ({"resources": {"pretrain": {"threads": 2}, "transfer": {"mem_mb": 4000}}}, set()),
    ({"seed": 3}, EVERYTHING),
    ({"portable": False}, EVERYTHING),
    ({"labelled_fraction": 0.2}, REPORT | SPLIT),
    ({"test_fraction": 0.4}, REPORT | SPLIT),
    ({"source.shift.0.noise.sigma": 0.3}, REPORT | PSEUDO | ALL_PRETRAIN),
    ({"source.classes": [0, 1, 3, 2]}, REPORT | SPLIT | PSEUDO | ALL_PRETRAIN),
    ({"source.classes": [0, 1, 2]}, REPORT | SPLIT | PSEUDO | ALL_PRETRAIN | transfer(["untrained"])),
    ({"targets.dark.shift.0.contrast.gain": 0.4}, REPORT | transfer(targets=["dark"])),
    ({"targets.other.classes": [7, 8]}, REPORT | SPLIT | transfer(targets=["other"])),
    ({"targets.third": {"classes": [0, 1]}}, REPORT | transfer(targets=["third"])),
    ({"targets.other": DELETE}, REPORT | SPLIT | transfer(targets=["other"])),
    ({"model.hidden": [16, 9]}, REPORT | ALL_PRETRAIN | transfer(["untrained"])),
    ({"optimiser.learning_rate": 0.01}, REPORT | ALL_PRETRAIN),
    ({"optimiser.steps": 21}, REPORT | pretrain("clean", "attacked", "taught", "oracle")),
    ({"variants.noisy.optimiser.steps": 31}, REPORT | pretrain("noisy")),
    ({ATTACK + "eps": 1.0}, REPORT | pretrain("attacked")),
    ({ATTACK + "relative_step": 2.0}, REPORT | pretrain("attacked")),
    ({ATTACK + "relative_step": 2.5}, set()),  # the default, said aloud
    ({ATTACK + "clip": [0.0, 1.0]}, REPORT | pretrain("attacked")),
    ({"variants.noisy.perturbation.gaussian.sigma": 0.2}, REPORT | pretrain("noisy")),
    ({"variants.taught.labels": "oracle"}, REPORT | pretrain("taught")),
    ({"variants.new": {"labels": "labelled"}}, REPORT | pretrain("new") | transfer(["new"])),
    ({"variants.oracle": DELETE}, REPORT | pretrain("oracle") | transfer(["oracle"])),
    ({"pseudo_labels.confidence_threshold": 0.9}, REPORT | PSEUDO),
    ({"pseudo_labels.teacher": "noisy"}, REPORT),  # which weights are read is an input, not a value
    ({"transfer.draws": 3}, REPORT | transfer()),
    ({"transfer.linear.shots": [1, 2, 5]}, REPORT | transfer()),
    ({"transfer.linear.l2_strength": 1.0}, REPORT | transfer()),
    ({"transfer.robust.attack.eps": 0.2}, REPORT | transfer()),
    ({"transfer.robust": DELETE}, REPORT | transfer()),
    ({"transfer.finetune.steps": 11}, REPORT | transfer(["untrained", *VARIANTS])),
    ({"transfer.baselines": ["raw"]}, REPORT | transfer(["untrained"])),
]


@pytest.mark.parametrize(("edits", "expected"), CHANGES, ids=[str(edits)[:80] for edits, _ in CHANGES])
def test_a_change_reaches_exactly_the_jobs_that_read_it(load, document, edits, expected):
    assert (
        changed(load, document, {f"studies.one.{path}": value for path, value in edits.items()}) == expected
    )


def test_more_replicas_are_new_jobs_beside_the_old_ones(load, document):
    found = changed(load, document, {"studies.one.replicas": 5})
    new = {job for job in found if job.endswith(":r004-004")}
    assert found - new == REPORT
    assert {job.removesuffix(":r004-004") for job in new} == EVERYTHING - REPORT


def test_the_default_studies_are_nobodys_slice(load, document):
    assert changed(load, document, {"default_studies": ["two", "one"]}) == set()


def test_blocks_cover_the_replicas_once(load, document):
    for replicas, together, expected in [
        (4, 2, ["r000-001", "r002-003"]),
        (5, 2, ["r000-001", "r002-003", "r004-004"]),
        (3, 10, ["r000-002"]),
        (2, 1, ["r000-000", "r001-001"]),
        (1000, 400, ["r000-399", "r400-799", "r800-999"]),
    ]:
        document["studies"]["one"] |= {"replicas": replicas, "replicas_per_job": together}
        study = load(document).studies["one"]
        assert study.blocks == expected
        assert [r for block in study.blocks for r in study.split(block)["replicas"]] == list(range(replicas))


def test_slices_hold_what_the_jobs_are_told(load, document):
    study = load(document).studies["one"]
    assert study.split("r002-003") == {
        "seed": 1,
        "portable": True,
        "replicas": [2, 3],
        "source_classes": [0, 1, 2, 3],
        "target_classes": [0, 1, 2, 3, 8, 9],
        "labelled_fraction": 0.1,
        "test_fraction": 0.5,
    }
    noisy = study.pretrain("noisy", "r000-001")
    assert noisy["optimiser"] == {"steps": 30, "batch_size": 8, "learning_rate": 0.003, "weight_decay": 0.01}
    assert noisy["perturbation"] == {"gaussian": {"sigma": 0.1}} and noisy["labels"] == "labelled"
    assert study.pretrain("taught", "r000-001")["perturbation"] is None
    raw, untrained, clean = (
        study.transfer_to("one", "dark", v, "r000-001") for v in ("raw", "untrained", "clean")
    )
    assert (raw["representation"], untrained["representation"], clean["representation"]) == (
        "raw",
        "untrained",
        "pretrained",
    )
    assert clean["target"]["name"] == clean["row"]["target"] == "dark"
    assert raw["protocols"]["finetune"] is None and clean["protocols"]["finetune"]["steps"] == 10
    assert untrained["source_classes"] == 4 and "model" not in clean


def test_slices_are_plain_json(load, document):
    for text in slices(load(document)).values():
        assert json.dumps(json.loads(text), sort_keys=True) == text


def test_measured_is_what_the_metrics_will_hold(load, document):
    measured = load(document).measured()["one"]
    together = measured.pop("measurement")
    assert "clean: finetune accuracy at 5 shots" in together and "raw: linear accuracy at 1 shots" in together
    assert "raw: finetune accuracy at 5 shots" not in together  # raw pixels have nothing to tune
    assert measured == {
        "target": TARGETS,
        "variant": BASELINES + VARIANTS,
        "protocol": ["linear", "finetune"],
        "metric": ["accuracy", "robust_accuracy"],
        "shots": [1, 5],
        "rate": [],
    }


def test_resources_default_and_by_rule(load, document):
    change(document, "studies.one.resources", {"pretrain": {"threads": 3, "gpu": 1}})
    params = load(document)
    assert (params.resources("pretrain", "one").threads, params.resources("pretrain", "one").gpu) == (3, 1)
    assert params.resources("pretrain", "two").gpu == params.resources("transfer", "one").gpu == 0
    assert params.resources("collect").threads == 1


@pytest.mark.parametrize(
    ("stated", "least"), [({"gpu": 2}, 2), ({"gpu": 2, "gpu_optional": True}, 0), ({}, 0)]
)
def test_a_job_cannot_do_without_its_gpus_unless_they_are_optional(load, document, stated, least):
    change(document, "studies.one.resources", {"pretrain": stated})
    assert load(document).resources("pretrain", "one").gpu_least == least


# -- the file that is shipped ------------------------------------------------------------------------------------------


def test_the_shipped_file_loads_and_its_slices_build_what_they_describe():
    params = load_params(ROOT / "params.yaml")
    assert set(params.default_studies) <= set(params.studies)
    for study in (study for study in params.studies.values() if study.kind == "image"):
        for variant in study.variants:
            given = study.pretrain(variant, study.blocks[0])
            make_perturbation(given["perturbation"])
            assert set(given["optimiser"]) == {"steps", "batch_size", "learning_rate", "weight_decay"}
        if study.transfer.robust:
            attack = study.transfer_to("x", next(iter(study.targets)), "raw", study.blocks[0])["protocols"][
                "robust"
            ]
            assert isinstance(PGD(**attack["attack"]), PGD)


def test_the_shipped_studies_run_on_a_machine_without_gpus():
    params = load_params(ROOT / "params.yaml")
    asked = [*params.datasets.values(), *params.studies.values()]
    stated = [block for one in asked for block in _resources(one)]
    assert any(block.gpu for block in stated)
    assert {block.gpu_least for block in stated} == {0}


def _resources(block):
    found = block.resources
    return list(found.values()) if isinstance(found, dict) else [found]


def test_the_shipped_studies_are_those_that_are_asked_for():
    """At least 20 replicas; every combination of labels and perturbation and the baselines; the control disjoint."""
    params = load_params(ROOT / "params.yaml")
    main, control = params.studies["digits"], params.studies["digits-control"]
    assert params.default_studies[:2] == ["digits", "digits-control"]
    assert min(main.replicas, control.replicas) >= 20
    kinds = {
        (
            v.labels,
            None
            if v.perturbation is None
            else v.perturbation.attack.norm
            if v.perturbation.attack
            else "noise",
        )
        for v in main.variants.values()
    }
    assert kinds >= {(labels, norm) for labels in ("labelled", "pseudo") for norm in (None, "l2", "linf")}
    assert kinds >= {("labelled", "noise"), ("oracle", None)}
    assert set(main.transfer.baselines) == {"raw", "untrained"}
    assert not set(control.source.classes) & set(control.targets["other-digits"].classes)
    assert not control.source.shift and not control.targets["other-digits"].shift


def test_a_claim_can_only_ask_for_what_is_measured_together(load, document, tmp_path):
    params = load(document)
    query = {"protocol": "finetune", "metric": "accuracy", "shots": 5, "target": None}
    claim = {"id": "c", "study": "one", "query": query, "compare": [{"variant": "clean", "over": "raw"}]}
    path = tmp_path / "claims.yaml"
    with pytest.raises(ValueError, match="found 'raw: finetune accuracy at"):
        claims_file.check_known([claim], path, params.measured())
    claim["compare"] = [{"variant": "clean", "over": "untrained"}]
    query["metric"] = "robust_accuracy"
    with pytest.raises(ValueError, match="found 'clean: finetune robust_accuracy at"):
        claims_file.check_known([claim], path, params.measured())
