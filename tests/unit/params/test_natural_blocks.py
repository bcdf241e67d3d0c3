"""Natural-image studies in params.yaml: what is impossible is refused, and a change reaches the jobs that read it."""

import copy
import json

import pytest
import yaml

from advtransfer.params import ParamsError, load_params

TEXT = """
default_studies: [deep]
studies:
  deep:
    kind: natural_image
    title: Deep
    seed: 1
    replicas: 2
    source: {dataset: many, labelled_fraction: 0.1}
    targets: {few: {dataset: other}}
    model: {name: small_cnn}
    training: {updates: 12, batch_size: 8, learning_rate: 0.1}
    variants:
      clean: {labels: labelled}
      attacked: {labels: labelled, perturbation: {attack: {norm: linf, eps: 8/255, steps: 3}}}
      free: {labels: labelled, perturbation: {free: {eps: 4/255, replays: 4}}}
      taught: {labels: pseudo, perturbation: {trades: {norm: l2, eps: 0.5, steps: 2, beta: 6.0}}}
    pseudo_labels: {teacher: clean, soft: true}
    transfer:
      draws: 2
      linear: {shots: [1, 5]}
      robust: {shots: 5, images: 100, norm: linf, eps: 2/255}
      measures: [tmi]
datasets:
  many: {folder: {path: many}, resolution: 32}
  other: {parquet: {path: other.parquet, splits: [train, test]}, resolution: 32}
"""
DEEP = "studies.deep."


@pytest.fixture
def load(tmp_path):
    def read(**changes):
        document = yaml.safe_load(TEXT)
        for path, value in changes.items():
            *parents, last = path.split(".")
            block = document
            for part in parents:
                block = block[part]
            block[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(document))
        return load_params(path)

    return read


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("transfer.measures", ["tim"], "transfer.measures.0: found 'tim', expected 'effective_rank', 'intra_class"),
        ("source.dataset", "digits", "source.dataset: found 'digits', expected a name among datasets (many, other)"),
        ("model.name", "resnet19", "model.name: found 'resnet19', expected"),
        ("variants.attacked.perturbation.attack.eps", "8/0", "attack.eps: eps is '8/0'; expected a fraction above 0"),
        ("variants.attacked.perturbation.attack.eps", ".031", "attack.eps: eps is '.031'; expected a fraction"),
        ("variants.free.perturbation.free.replays", 5, "free.replays: found 5, expected a divisor of the 12 updates"),
        ("variants.free.perturbation.attack", {"norm": "l2", "eps": 1, "steps": 1}, "found attack and free, expected"),
        ("training.accumulate", 3, "training.accumulate: found 3, expected a divisor of 8"),
        ("pseudo_labels.teacher", "taught", "pseudo_labels.teacher: found 'taught', expected a variant with labels"),
        ("pseudo_labels.labelled_ratio", 0.02, "pseudo_labels.labelled_ratio: found 0.02, expected a share"),
        ("source.labelled_fraction", 1.0, "source.labelled_fraction: found 1, which leaves no image to label"),
        ("transfer.robust.shots", 7, "transfer.robust.shots: found 7, expected one of linear.shots [1, 5]"),
        ("replicas", 1, "replicas: found 1, expected at least 2"),
        ("targets.few.test", ["val"], "targets.few.test: found 'val', expected splits of datasets.other (train, test)"),
        ("targets.few.pool", ["test"], "targets.few.test: found test, a split of pool, too, expected other splits"),
        ("training.optimizer", "sgd", "training.optimizer: found an unknown key, expected optimiser"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(load, path, value, line):
    with pytest.raises(ParamsError) as error:
        load(**{DEEP + path: value})
    assert f"{DEEP}{line}" in str(error.value) or line in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("datasets.other.resolution", 64, "targets.few.dataset: found 64 pixels, expected 32 pixels, as the"),
        ("datasets.other.folder", {"path": "x"}, "datasets.other: found folder and parquet, expected exactly one of"),
        ("datasets.other.sha256", "abc", "datasets.other.sha256: found 'abc', expected"),
        ("datasets.digits", {"folder": {"path": "x"}, "resolution": 32}, "found the name of a built-in set"),
        ("datasets.many.classes", 1, "datasets.many.classes"),
    ],
)  # fmt: skip
def test_bad_data_sets_are_one_line(load, path, value, line):
    with pytest.raises(ParamsError) as error:
        load(**{path: value})
    assert line in str(error.value) and "\n" not in str(error.value)


def slices(params):
    study = params.studies["deep"]
    block = study.blocks[0]
    found = {f"ingest {name}": dataset.prepare() for name, dataset in params.datasets.items()}
    found |= {"split": study.split(block), "pseudo_label": study.pseudo_label(block)}
    found |= {f"pretrain {name}": study.pretrain(name, block) for name in study.variants}
    found |= {
        f"transfer {name}": study.transfer_to("deep", "few", name, block) for name in study.representations
    }
    found["measure"] = study.measure("deep", "few", block)
    return {job: json.dumps(copy.deepcopy(value), sort_keys=True) for job, value in found.items()}


@pytest.mark.parametrize(
    ("path", "value", "jobs"),
    [
        (DEEP + "variants.attacked.perturbation.attack.eps", 0.1, {"pretrain attacked"}),
        (DEEP + "variants.clean.training", {"updates": 24}, {"pretrain clean"}),
        (DEEP + "pseudo_labels.labelled_ratio", 0.5, {"pretrain taught"}),
        (DEEP + "pseudo_labels.soft", False, {"pseudo_label"}),
        (DEEP + "targets.few.validation_fraction", 0.2, {"split"}),
        (DEEP + "transfer.measures", ["tmi", "effective_rank"], {"measure"}),
        (DEEP + "resources", {"pretrain": {"threads": 2}}, set()),
        ("datasets.many.resources", {"threads": 2}, set()),
        ("datasets.many.images_per_class", 5, {"ingest many"}),
        (
            DEEP + "transfer.linear.shots",
            [5],
            {f"transfer {name}" for name in ("untrained", "clean", "attacked", "free", "taught")},
        ),
    ],
)
def test_a_change_reaches_exactly_the_jobs_that_read_it(load, path, value, jobs):
    before, after = slices(load()), slices(load(**{path: value}))
    assert {job for job in before if before[job] != after[job]} == jobs


def test_a_fraction_is_the_number_that_it_stands_for(load):
    attack = load().studies["deep"].pretrain("attacked", "r000-000")["perturbation"]["attack"]
    assert attack["eps"] == 8 / 255


def test_a_block_is_one_replica_and_what_is_measured_is_known_before(load):
    study = load().studies["deep"]
    assert study.blocks == ["r000-000", "r001-001"]
    assert study.split("r001-001")["replica"] == 1
    assert "clean: centroid accuracy at 5 shots" in study.measured()["measurement"]
    assert study.measured()["protocol"] == ["linear", "centroid", "naive-bayes", "representation"]
