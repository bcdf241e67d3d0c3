"""The stages on the real digits: no leaks, paired variants, grouping that does not matter."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from lab import ROLES, Lab, shortened

from advtransfer.data.domains import load_domain
from advtransfer.data.splits import LABELLED, POOL, TEST, UNLABELLED
from advtransfer.data.table import read_images, read_indexed, write_images
from advtransfer.models import mlp
from advtransfer.models.storage import save_parameters
from advtransfer.provenance.seal import write_seal
from advtransfer.provenance.spec import Spec
from advtransfer.seeding import Streams
from advtransfer.stages import collect, index, pretrain, pseudo_label, split, transfer

GROUP, ALONE = "r000-003", "r002-002"
STUDY = shortened("digits")
VARIANTS = list(STUDY.variants)
LABELS = {name: variant.labels for name, variant in STUDY.variants.items()}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("digits"), "digits")


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("control"), "digits-control")


# -- splits ------------------------------------------------------------------------------------------------------------


def test_every_digit_has_exactly_one_role_in_every_replica(lab):
    for roles in lab.roles(GROUP):
        everything = np.concatenate(list(roles.values()))
        assert np.array_equal(np.sort(everything), np.arange(1797))
        sizes = [len(roles[role]) for role in ROLES]
        assert abs(sum(sizes[:2]) - 1797 / 2) <= 5 and abs(sizes[2] - sizes[3]) <= 10
        assert sizes[0] == pytest.approx(0.1 * sum(sizes[:2]), abs=5)


def test_splits_of_a_replica_stay_when_replicas_are_added(lab):
    few, many = lab.roles("r000-001"), lab.roles(GROUP)
    for replica in range(2):
        assert all(np.array_equal(few[replica][role], many[replica][role]) for role in ROLES)
    assert len({tuple(np.sort(roles[LABELLED])) for roles in many}) == 4


def test_the_control_has_no_class_on_both_sides(control):
    labels = read_images(control.images()).labels
    for roles in control.roles(GROUP):
        assert set(labels[np.concatenate([roles[LABELLED], roles[UNLABELLED]])]) == {0, 1, 2, 3, 4}
        assert set(labels[np.concatenate([roles[POOL], roles[TEST]])]) == {5, 6, 7, 8, 9}
        assert sum(map(len, roles.values())) == 1797


# -- pseudo-labels -----------------------------------------------------------------------------------------------------


def test_pseudo_labels_are_the_teachers_for_unlabelled_images_alone(lab):
    params, inputs = lab.pseudo_job(GROUP)
    found, roles = read_indexed(lab.pseudo(GROUP), range(4)), lab.roles(GROUP)
    source = load_domain(inputs["images"], inputs["splits"], params, "source")
    teacher = lab.parameters("clean", GROUP)
    for replica in range(4):
        assert np.array_equal(np.sort(found["index"][replica]), np.sort(roles[replica][UNLABELLED]))
        one = {name: p[replica : replica + 1] for name, p in teacher.items()}
        x = source.x[replica : replica + 1, torch.from_numpy(found["index"][replica]).long()]
        confidence, label = mlp.logits(one, x).softmax(2).max(2)
        assert (label[0].numpy() == found["label"][replica]).mean() > 0.999
        np.testing.assert_allclose(found["confidence"][replica], confidence[0], atol=1e-5)
        truth = source.y[replica].numpy()[found["index"][replica]]
        assert 0.2 < (found["label"][replica] == truth).mean() < 1  # a teacher of 6 steps: better than chance


def test_the_threshold_leaves_out_exactly_what_is_below(lab, tmp_path):
    params, inputs = lab.pseudo_job(GROUP)
    everything = pd.read_parquet(lab.pseudo(GROUP))
    threshold = float(everything["confidence"].quantile(0.6))
    pseudo_label.main(
        params | {"confidence_threshold": threshold}, inputs, {"pseudo_labels": tmp_path / "some"}
    )
    expected = everything[everything["confidence"] >= threshold].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "some"), expected)
    assert expected.groupby("replica").size().nunique() > 1  # replicas keep different numbers
    job = lab.pretrain_job("pseudo-label", GROUP)
    inputs = job[1] | {"pseudo_labels": tmp_path / "some"}
    pretrain.main(job[0], inputs, {"weights": tmp_path / "weights", "curves": tmp_path / "curves"})
    assert (tmp_path / "weights").read_bytes() != lab.weights("pseudo-label", GROUP).read_bytes()


# -- leaks: what a job must not see is changed, and its output must not change -----------------------------------------

ONE = "r000-000"


def altered(lab, folder, roles, *, pixels=False, labels=False):
    """The same study with other pixels or labels where replica 0 has one of ``roles``."""
    images, where = read_images(lab.images()), np.concatenate([lab.roles(ONE)[0][role] for role in roles])
    new = images.images.copy(), images.labels.copy()
    if pixels:
        new[0][where] = 16 - new[0][where]
    if labels:
        new[1][where] = (new[1][where] + 1) % 10
    folder.mkdir(exist_ok=True)
    write_images(folder / "altered", dataclasses.replace(images, images=new[0], labels=new[1]))
    return Lab(folder, "digits", folder / "altered", {ONE: lab.splits(ONE)})


def same_bytes(one, other):
    return one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("variant", VARIANTS)
def test_pretraining_sees_no_target_image(lab, tmp_path, variant):
    other = altered(lab, tmp_path, [POOL, TEST], pixels=True, labels=True)
    assert same_bytes(lab.weights(variant, ONE), other.weights(variant, ONE))


@pytest.mark.parametrize("variant", VARIANTS)
def test_pretraining_sees_true_labels_of_labelled_images_alone(lab, tmp_path, variant):
    other = altered(lab, tmp_path, [UNLABELLED], labels=True)
    unchanged = same_bytes(lab.weights(variant, ONE), other.weights(variant, ONE))
    assert unchanged == (LABELS[variant] != "oracle")  # the oracle is told all labels: there the change shows


@pytest.mark.parametrize("variant", VARIANTS)
def test_pretraining_without_pseudo_labels_sees_no_unlabelled_image(lab, tmp_path, variant):
    other = altered(lab, tmp_path, [UNLABELLED], pixels=True)
    unchanged = same_bytes(lab.weights(variant, ONE), other.weights(variant, ONE))
    assert unchanged == (LABELS[variant] == "labelled")


@pytest.mark.parametrize("representation", ["raw", "untrained", "clean"])
def test_transfer_sees_no_source_image(lab, tmp_path, representation):
    other = altered(lab, tmp_path, [LABELLED, UNLABELLED], pixels=True, labels=True)
    if representation == "clean":  # the same weights: only what transfer itself reads is changed
        other.made["weights", "clean", ONE] = lab.weights("clean", ONE)
    assert same_bytes(lab.metrics(representation, ONE), other.metrics(representation, ONE))
    changed = altered(lab, tmp_path / "target", [TEST], pixels=True)
    changed.made["weights", "clean", ONE] = lab.weights("clean", ONE)
    assert not same_bytes(lab.metrics(representation, ONE), changed.metrics(representation, ONE))


# -- one replica alone and in company ----------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_replica_alone_gives_the_weights_of_its_group(lab, variant):
    alone, together = lab.parameters(variant, ALONE), lab.parameters(variant, GROUP)
    assert alone.keys() == together.keys()
    for name, p in alone.items():
        assert p.shape == (1, *together[name].shape[1:])
        torch.testing.assert_close(p[0], together[name][2], rtol=1e-3, atol=1e-4)
        assert not torch.allclose(p[0], together[name][1], rtol=1e-3, atol=1e-3)
    curves = lab.curves(variant, GROUP)
    expected = curves[curves["replica"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(lab.curves(variant, ALONE), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("variant", ["raw", "untrained", *VARIANTS])
def test_a_replica_alone_gives_the_metrics_of_its_group(lab, variant):
    alone, together = lab.rows(variant, ALONE), lab.rows(variant, GROUP)
    expected = together[together["replica"] == 2].reset_index(drop=True)
    one_image = 1 / len(lab.roles(ALONE)[0][TEST])
    pd.testing.assert_frame_equal(alone, expected, rtol=0, atol=1.5 * one_image)


def test_pseudo_labels_alone_and_in_company(lab):
    alone = pd.read_parquet(lab.pseudo(ALONE))
    together = pd.read_parquet(lab.pseudo(GROUP)).query("replica == 2").reset_index(drop=True)
    assert alone["index"].equals(together["index"])
    assert (alone["label"] == together["label"]).mean() > 0.995
    np.testing.assert_allclose(alone["confidence"], together["confidence"], atol=1e-3)


# -- pairing -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def starts(lab, monkeypatch, tmp_path):
    """variant -> (initial weights, batches, examples) that its training is given."""
    seen = {}

    def fit(parameters, objective, x, y, batches, **optimiser):
        seen["last"] = parameters, batches, x
        return parameters, {"loss": torch.zeros(1, 4)}

    jobs = {variant: lab.pretrain_job(variant, GROUP) for variant in VARIANTS}
    monkeypatch.setattr(pretrain, "fit", fit)
    found = {}
    for variant, job in jobs.items():
        pretrain.main(*job, {"weights": tmp_path / "weights", "curves": tmp_path / "curves"})
        found[variant] = seen["last"]
    return found


def test_all_variants_start_alike_and_those_with_the_same_labels_see_the_same_batches(lab, starts):
    roles = lab.roles(GROUP)
    first = starts["clean"]
    for variant, (parameters, batches, x) in starts.items():
        assert all(torch.equal(p, first[0][name]) for name, p in parameters.items())
        assert torch.equal(x, first[2])
        twin = {"labelled": "clean", "pseudo": "pseudo-label", "oracle": "oracle"}[LABELS[variant]]
        assert torch.equal(batches, starts[twin][1])
        for replica in range(4):
            known = [LABELLED] if LABELS[variant] == "labelled" else [LABELLED, UNLABELLED]
            pool = np.concatenate([roles[replica][role] for role in known])
            assert set(batches[:, replica].flatten().tolist()) <= set(pool)
    assert not torch.equal(first[1], starts["pseudo-label"][1])


def test_the_untrained_representation_is_the_common_start(lab, starts, tmp_path):
    """Its metrics are those of pre-training that did nothing."""
    params, inputs = lab.transfer_job("clean", GROUP)
    save_parameters(tmp_path / "start", starts["clean"][0])
    transfer.main(params, inputs | {"weights": tmp_path / "start"}, {"metrics": tmp_path / "metrics"})
    values = pd.read_parquet(tmp_path / "metrics")["value"]
    np.testing.assert_array_equal(values, lab.rows("untrained", GROUP)["value"])


def test_replicas_differ(starts):
    parameters, batches, x = starts["clean"]
    for replica in range(1, 4):
        assert not torch.equal(parameters["weight_0"][0], parameters["weight_0"][replica])
        assert not torch.equal(batches[:, 0], batches[:, replica])
        assert not torch.equal(x[0], x[replica])  # noise


def test_few_shot_sets_are_paired_across_representations_and_come_from_the_pool(lab, monkeypatch, tmp_path):
    drawn = []

    def draw_shots(*arguments, **options):
        drawn.append(original(*arguments, **options))
        return drawn[-1]

    original = transfer.draw_shots
    monkeypatch.setattr(transfer, "draw_shots", draw_shots)
    for variant in ("raw", "untrained", "clean", "combined-l2"):
        transfer.main(*lab.transfer_job(variant, GROUP), {"metrics": tmp_path / variant})
    assert len(drawn) == 4 and all(torch.equal(shots, drawn[0]) for shots in drawn)
    labels = read_images(lab.images()).labels
    for replica, roles in enumerate(lab.roles(GROUP)):
        for draw in drawn[0][replica]:
            assert set(draw.flatten().tolist()) <= set(roles[POOL])
            assert all((labels[draw[c]] == c).all() for c in range(10))


# -- metrics table, repeatability, slices ------------------------------------------------------------------------------


def test_metrics_have_one_row_a_measurement(lab):
    for variant in ("raw", "clean"):
        rows = lab.rows(variant, GROUP)
        key = ["protocol", "metric", "shots", "replica", "draw"]
        assert not rows.duplicated(key).any()
        assert rows["value"].between(0, 1).all()
        assert set(rows["replica"]) == set(range(4))
        assert (rows["variant"] == variant).all() and (rows["target"] == "low-contrast").all()
        found = {
            (protocol, metric): sorted(set(group["shots"]))
            for (protocol, metric), group in rows.groupby(["protocol", "metric"])
        }
        expected = {
            (p, m): sorted(shots) for p, metrics in STUDY.protocols.items() for m, shots in metrics.items()
        }
        if variant == "raw":
            del expected["finetune", "accuracy"]
        assert found == expected
        draws = rows.groupby(["protocol", "metric"])["draw"].nunique()
        assert draws["linear", "accuracy"] == 2 and draws["linear", "robust_accuracy"] == 1
        accuracy = rows[rows["metric"] == "accuracy"].groupby("shots")["value"].mean()
        assert accuracy.max() > 0.2  # chance is .1
        attacked = rows[rows["metric"] == "robust_accuracy"]["value"].mean()
        assert attacked < accuracy[5]


def test_collect_joins_all_rows(lab, tmp_path):
    parts = [lab.metrics(variant, GROUP) for variant in ("raw", "clean")]
    collect.main(None, {"metrics": parts}, {"metrics": tmp_path / "all"})
    reversed_order = {"metrics": parts[::-1]}
    collect.main(None, reversed_order, {"metrics": tmp_path / "again"})
    assert same_bytes(tmp_path / "all", tmp_path / "again")
    assert len(pd.read_parquet(tmp_path / "all")) == sum(len(pd.read_parquet(part)) for part in parts)


def test_a_second_run_gives_the_same_bytes(lab, tmp_path):
    again = Lab(tmp_path, "digits")
    assert same_bytes(lab.images(), again.images())
    assert same_bytes(lab.splits(GROUP), again.splits(GROUP))
    for variant in ("clean", "adversarial-linf", "combined-l2", "gaussian"):
        assert same_bytes(lab.weights(variant, GROUP), again.weights(variant, GROUP))
        curves = (made.weights(variant, GROUP).with_name("curves") for made in (lab, again))
        assert same_bytes(*curves)
    assert same_bytes(lab.pseudo(GROUP), again.pseudo(GROUP))
    assert same_bytes(lab.metrics("combined-l2", GROUP), again.metrics("combined-l2", GROUP))


ENVIRONMENT = {"portable"}  # read before the stage starts
JOBS = {
    "split": (split, lambda lab: (lab.study.split(ONE), {"images": lab.images()}), ["splits"]),
    "pretrain": (pretrain, lambda lab: lab.pretrain_job("combined-l2", ONE), ["weights", "curves"]),
    "pseudo_label": (pseudo_label, lambda lab: lab.pseudo_job(ONE), ["pseudo_labels"]),
    "transfer": (transfer, lambda lab: lab.transfer_job("clean", ONE), ["metrics"]),
    "untrained": (transfer, lambda lab: lab.transfer_job("untrained", ONE), ["metrics"]),
}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_reads_every_key_of_its_slice(lab, tmp_path, name):
    """A key that a job does without would make it run again for nothing."""
    stage, job, outputs = JOBS[name]
    params, inputs = job(lab)
    paths = {output: tmp_path / output for output in outputs}
    for key in params.keys() - ENVIRONMENT:
        with pytest.raises(KeyError, match=key):
            stage.main({k: v for k, v in params.items() if k != key}, inputs, paths)
    stage.main(params, inputs, paths)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_results_of_the_processor(lab, tmp_path, monkeypatch):
    from_gpu = Lab(tmp_path, "digits")
    for stage in (pretrain, pseudo_label, transfer):
        monkeypatch.setattr(stage, "pick_device", lambda: torch.device("cpu"))
    on_cpu = Lab(tmp_path / "cpu", "digits")
    for variant in ("clean", "combined-l2"):
        expected, rows = on_cpu.parameters(variant, GROUP), on_cpu.rows(variant, GROUP)
        with monkeypatch.context() as patch:
            for stage in (pretrain, pseudo_label, transfer):
                patch.setattr(stage, "pick_device", lambda: torch.device("cuda"))
            for tensor_name, p in from_gpu.parameters(variant, GROUP).items():
                torch.testing.assert_close(p, expected[tensor_name], rtol=1e-2, atol=1e-3)
            np.testing.assert_allclose(from_gpu.rows(variant, GROUP)["value"], rows["value"], atol=0.02)


# -- index -------------------------------------------------------------------------------------------------------------


def test_index_lists_the_artifacts_and_removes_orphans_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = [
        "results/a/one",
        "results/a/one.seal",
        "results/b/two",
        "results/.tmp-x/part",
        "results/INDEX.seal",
        "results/a/notes.txt",  # no seal names it: somebody's own
    ]
    orphans = ["results/gone/deep/old", "results/gone/deep/old.curves", "results/gone/deep/old.seal"]
    for name in [*kept, *orphans, "elsewhere/file"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    named = [["weights", "results/gone/deep/old"], ["curves", "results/gone/deep/old.curves"]]
    spec = Spec("pretrain", "stage", {}, None, {}, {}, dict(named))
    write_seal(spec, dict.fromkeys(orphans[:2], "0" * 64), {}, tmp_path / orphans[2])
    params = {"roots": ["results"], "declared": ["results/a/one", "results/b/two", "results/c/not-yet"]}
    inputs = {"artifacts": ["results/b/two", "results/a/one"]}
    found = index.main(params, inputs, {"index": tmp_path / "results/INDEX"})
    assert sorted(found["removed"]) == sorted(orphans)
    assert (tmp_path / "results/INDEX").read_text() == "results/a/one\nresults/b/two\n"
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {*kept, "elsewhere/file", "results/INDEX"}
    assert not (tmp_path / "results/gone").exists()


def test_streams_of_the_stages_have_names_of_their_own():
    """Two purposes with one name would correlate what must be independent."""
    purposes = [
        "split",
        "batches",
        "init",
        "perturbation",
        ("shots", "t"),
        ("robust", "t"),
        ("shift", "t", 0),
    ]
    paths = [(p,) if isinstance(p, str) else p for p in purposes]
    assert len({Streams.of(0, [0], *path).normal(1).item() for path in paths}) == len(paths)
