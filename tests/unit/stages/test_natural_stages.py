"""Training stage of natural images: who learns from what, killed jobs, several processes."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import natural_lab
import numpy as np
import pandas as pd
import patience
import pictures
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from natural_lab import BLOCK, VARIANTS, job, label, split, study, target_of

from advtransfer.data.natural.prepared import read_column
from advtransfer.data.natural.roles import SOURCE, read_roles
from advtransfer.data.natural.splits import VALIDATION
from advtransfer.data.splits import LABELLED, TEST, UNLABELLED
from advtransfer.evaluation import table
from advtransfer.evaluation.representation.measures import effective_rank
from advtransfer.models.deep.storage import save_weights
from advtransfer.models.deep.trained import initial
from advtransfer.objectives.deep.perturbed import Perturbed
from advtransfer.provenance.closure import code_hashes
from advtransfer.provenance.job import run_job
from advtransfer.provenance.seal import read_seal
from advtransfer.provenance.spec import Spec
from advtransfer.stages import measure, pretrain_natural, transfer_natural
from advtransfer.training.deep.distributed import World

CODE = Path(pretrain_natural.__file__).parents[2]


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    root = tmp_path_factory.mktemp("painted")
    pictures.paint(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVTRANSFER_DATA", str(root))
        yield natural_lab.prepare(root, study())


@pytest.fixture(scope="module")
def lessons(painted, tmp_path_factory):
    """Inputs with the labels of a teacher that has learned a little."""
    folder = tmp_path_factory.mktemp("teacher")
    pretrain_natural.train(job(study(), "clean", painted, folder))
    return label(folder, study(), painted, folder / "weights")


def train(tmp_path, name, lessons, variant="clean", params=None):
    folder = tmp_path / name
    folder.mkdir()
    told = pretrain_natural.train(job(params or study(), variant, lessons, folder))
    return folder, told


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_learns_and_repeats_itself(tmp_path, lessons, variant):
    folder, told = train(tmp_path, "one", lessons, variant)
    curves = pd.read_parquet(folder / "curves")
    assert len(curves) == 24
    assert curves["loss"][-6:].mean() < curves["loss"][:6].mean()
    assert 0 <= told["validation_accuracy"] <= 1
    again, _ = train(tmp_path, "two", lessons, variant)
    assert (folder / "weights").read_bytes() == (again / "weights").read_bytes()


def test_labels_that_were_set_aside_or_hidden_are_not_learned(tmp_path, painted, lessons):
    """With every such label changed, the clean variant is the same to the byte; with a labelled one it is not."""
    roles = read_roles(painted["splits"], SOURCE)
    assert set(roles) == {LABELLED, UNLABELLED, VALIDATION}
    original, _ = train(tmp_path, "original", lessons)

    def with_changed(name, rows):
        table, path = pq.read_table(painted["images"]), tmp_path / f"{name}.parquet"
        labels = read_column(painted["images"], "label")
        labels[rows] = (labels[rows] + 1) % 3
        column = table.schema.get_field_index("label")
        table = table.set_column(column, "label", pa.array(labels))
        pq.write_table(table, path, compression="none", use_dictionary=["split"])
        return train(tmp_path, f"of-{name}", lessons | {"images": path})[0]

    hidden = with_changed("hidden", np.concatenate([roles[UNLABELLED], roles[VALIDATION]]))
    assert (hidden / "weights").read_bytes() == (original / "weights").read_bytes()
    labelled = with_changed("labelled", roles[LABELLED])
    assert (labelled / "weights").read_bytes() != (original / "weights").read_bytes()


@pytest.mark.parametrize("variant", ["adversarial", "pseudo"])
def test_a_killed_job_goes_on_and_ends_with_the_same_bytes(tmp_path, lessons, variant):
    whole, _ = train(tmp_path, "whole", lessons, variant)
    folder = tmp_path / "killed"
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps(job(study(), variant, lessons, folder)))
    command = [sys.executable, natural_lab.__file__, str(folder / "job.json"), "killed"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert (folder / "scratch/checkpoint.safetensors").exists() and not (folder / "weights").exists()
    resumed = pretrain_natural.train(json.loads((folder / "job.json").read_text()))
    assert "validation_accuracy" in resumed
    for name in ("weights", "curves"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_two_processes_train_what_one_does(tmp_path, lessons, monkeypatch):
    """Each on its half of every batch, as two GPUs would; one process that learns from the halves in turn does the
    same sums in another order."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    halves = study(training=natural_lab.TRAINING | {"accumulate": 2})
    alone, _ = train(tmp_path, "alone", lessons, "adversarial", halves)
    together = tmp_path / "together"
    together.mkdir()
    told = pretrain_natural.train_together(job(study(), "adversarial", lessons, together), 2)
    assert told["processes"] == 2 and "validation_accuracy" in told
    curves = [pd.read_parquet(folder / "curves") for folder in (alone, together)]
    np.testing.assert_allclose(curves[1]["loss"], curves[0]["loss"], rtol=1e-4)


@pytest.mark.parametrize("known", [True, False])
def test_processes_that_share_a_training_run_the_code_of_the_spec_alone(
    tmp_path, lessons, monkeypatch, capfd, known
):
    """The objective is imported by them and not by the process that the runner watches."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.chdir(tmp_path)
    stage = "advtransfer.stages.pretrain_natural"
    asked = job(study(), "adversarial", lessons, tmp_path)
    modules = study().studies["s"].objective("adversarial")
    code = code_hashes(stage, named=modules if known else (), source=CODE)
    assert ("advtransfer.objectives.deep.kinds.attack" in code) == known
    named = [{name: Path(path).name for name, path in asked[kind].items()} for kind in ("inputs", "outputs")]
    spec = Spec("pretrain", stage, {}, asked["params"], code, *named)
    Path("spec.json").write_text(json.dumps({"spec": spec.to_dict()}))
    # what the tests have loaded is not what a job has
    for name in [name for name in sys.modules if name.startswith("advtransfer.") and name not in code]:
        if not name.startswith(("advtransfer.provenance", "advtransfer.cli")):
            monkeypatch.delitem(sys.modules, name)
    files = [list(asked[kind].values()) for kind in ("outputs", "inputs")]
    run = partial(run_job, Path("spec.json"), *files, source=CODE)
    if known:
        run()
        assert read_seal(tmp_path / "weights.seal").made["processes"] == 2
        return
    with pytest.raises(SystemExit):
        run()
    assert f"{stage} imported code that its spec does not know: {modules[0]}" in capfd.readouterr().err
    assert not (tmp_path / "weights.seal").exists()


def test_an_objective_that_shortens_the_training_is_refused(tmp_path, lessons, monkeypatch):
    monkeypatch.setattr(Perturbed, "replays", 7)
    with pytest.raises(
        SystemExit, match="found 24, expected a multiple of the 7 steps that the objective takes"
    ):
        train(tmp_path, "short", lessons)


def test_a_batch_that_cannot_be_shared_out_is_one_line(tmp_path, lessons, monkeypatch):
    @contextmanager
    def two_devices():
        yield World(0, 2), torch.device("cpu")

    monkeypatch.setattr(pretrain_natural, "connected", two_devices)
    odd = study(training=natural_lab.TRAINING | {"batch_size": 13})
    with pytest.raises(SystemExit, match="a batch of 13 cannot be shared out evenly to 2 processes"):
        train(tmp_path, "odd", lessons, params=odd)


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells no process that its parent is gone")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_processes_that_share_a_training_end_with_the_job_that_started_them(tmp_path, lessons, number):
    """Killed so that it could tell nobody, or told to end: the GPU that they would hold is another job's by then."""
    long = study(training=natural_lab.TRAINING | {"updates": 100_000})
    (tmp_path / "job.json").write_text(json.dumps(job(long, "clean", lessons, tmp_path)))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, natural_lab.__file__, str(tmp_path / "job.json"), "2"]
    process = subprocess.Popen(command, env=environment)
    try:
        patience.until(lambda: len(_naming(tmp_path)) == 4, 10, every=0.05)  # the job, torchrun and its two
        process.send_signal(number)
        expected = 128 + number if number == signal.SIGTERM else -number
        assert process.wait(timeout=patience.limit(10)) == expected
    finally:
        process.kill()
        process.wait()
    patience.until(lambda: not _naming(tmp_path), 10, every=0.05)


def _naming(folder):
    """Living processes whose command line names this folder."""
    listed = subprocess.run(["ps", "-eww", "-o", "stat=,args="], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(folder) in line and line[0] not in "ZX"]


def test_test_images_that_were_seen_in_training_are_left_out(tmp_path, painted):
    """Three of the source's images and two of the target's own among its test images; one class of them all."""
    target, known = target_of(painted), tmp_path / "known.parquet"
    table = pq.read_table(target)
    at = {name: np.flatnonzero(np.array(table["split"]) == name) for name in ("train", "test")}
    pixels = table["image"].to_pylist()
    copied = pq.read_table(painted["images"])["image"].to_pylist()[:3] + [pixels[i] for i in at["train"][:2]]
    for row, image in zip(at["test"][:5], copied, strict=True):
        pixels[row] = image
    column = pa.array(pixels, type=table.schema.field("image").type)
    pq.write_table(
        table.set_column(table.schema.get_field_index("image"), table.schema.field("image"), column), known
    )
    assert split(study(), painted["images"], target, tmp_path / "before") == {"sketched": 0}
    assert split(study(), painted["images"], known, tmp_path / "after") == {"sketched": 5}
    before, after = (set(read_roles(tmp_path / name, "sketched")[TEST]) for name in ("before", "after"))
    assert before - after == set(at["test"][:5]) and after < before


def test_a_target_that_is_the_source_has_nothing_to_be_tested_on(tmp_path, painted):
    with pytest.raises(
        SystemExit, match="120 test images are left out: the source or the training images hold"
    ):
        split(study(), target_of(painted), target_of(painted), tmp_path / "splits")


@pytest.mark.parametrize(("share", "measured"), [(0.1, True), (0.05, False)])
def test_tmi_needs_four_validation_images_a_class(tmp_path, painted, capsys, share, measured):
    """Of 40 images a class and split; with fewer the other measurements stay."""
    params = study(targets={"sketched": {"dataset": "sketched", "validation_fraction": share}})
    inputs = {"images": target_of(painted), "splits": tmp_path / "splits"}
    split(params, painted["images"], inputs["images"], inputs["splits"])
    weights = [tmp_path / f"{name}.safetensors" for name in VARIANTS]
    for path in weights:
        save_weights(path, initial(params.studies["s"].pretrain("clean", BLOCK), 3, pictures.SIDE))
    asked = params.studies["s"].measure("s", "sketched", BLOCK)
    measure.main(asked, inputs | {"weights": weights}, {"metrics": tmp_path / "metrics"})
    found = pd.read_parquet(tmp_path / "metrics")
    metrics = set(found["metric"])
    assert {"effective_rank", "intra_class_variance", "cka_to_clean"} <= metrics
    assert ("tmi" in metrics) == measured
    assert ("tmi of untrained is left out: class" in capsys.readouterr().out) != measured
    assert set(found.loc[found["metric"] == "effective_rank", "variant"]) == {"untrained", *VARIANTS}
    alike = found[found["metric"] == "cka_to_clean"]
    assert set(alike["variant"]) == set(VARIANTS) - {"clean"}
    assert alike["value"].to_numpy() == pytest.approx(1), "these have the same weights"


def test_without_a_measure_three_validation_images_are_no_reason_to_fail(tmp_path, painted, capsys):
    """CKA, which nobody asks for, needs four."""
    few = {"dataset": "sketched", "validation_fraction": 0.02}
    params = study(targets={"sketched": few}, transfer={"draws": 1, "linear": {"shots": [2]}})
    inputs = {"images": target_of(painted), "splits": tmp_path / "splits"}
    split(params, painted["images"], inputs["images"], inputs["splits"])
    weights = [tmp_path / f"{name}.safetensors" for name in VARIANTS]
    for path in weights:
        save_weights(path, initial(params.studies["s"].pretrain("clean", BLOCK), 3, natural_lab.SIDE))
    asked = params.studies["s"].measure("s", "sketched", BLOCK)
    measure.main(asked, inputs | {"weights": weights}, {"metrics": tmp_path / "metrics"})
    assert "CKA is left out: 3 validation images, at least 4 are needed" in capsys.readouterr().out
    assert table.read(tmp_path / "metrics").empty
    represented = params.studies["s"].transfer_to("s", "sketched", "untrained", BLOCK)
    transfer_natural.main(represented, inputs, {"metrics": tmp_path / "others"})
    both = table.join([tmp_path / "metrics", tmp_path / "others"])
    assert len(both) == len(table.read(tmp_path / "others")) > 0


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"source": {"dataset": "painted", "labelled_fraction": 0.001}},
            "painted, the source (labelled_fraction 0.001, validation_fraction 0.1): class 'disc': 0 of 80 images",
        ),
        (
            {"source": {"dataset": "painted", "labelled_fraction": 0.05, "validation_fraction": 0.1}},
            "painted, the source (labelled_fraction 0.05, validation_fraction 0.1): no image for validation",
        ),
        (
            {"targets": {"sketched": {"dataset": "sketched", "validation_fraction": 0.01}}},
            "sketched, targets.sketched: no image for validation: the fractions are too small for the classes "
            "(validation_fraction 0.01)",
        ),
    ],
)
def test_fractions_that_leave_a_role_empty_end_the_job_in_one_line(tmp_path, painted, changes, line):
    with pytest.raises(SystemExit) as error:
        split(study(**changes), painted["images"], target_of(painted), tmp_path / "splits")
    assert str(error.value).startswith(line) and "\n" not in str(error.value)


def test_more_shots_than_the_pool_holds_end_the_job_in_one_line(tmp_path, painted):
    asked = study().studies["s"].transfer_to("s", "sketched", "untrained", BLOCK)
    asked["protocols"]["linear"]["shots"] = [2, 1000]
    inputs = {"images": target_of(painted), "splits": painted["splits"]}
    with pytest.raises(
        SystemExit, match=r"^sketched, transfer.linear.shots, finetune.shots: class 0 has \d+ images"
    ):
        transfer_natural.main(asked, inputs, {"metrics": tmp_path / "metrics"})


@pytest.mark.parametrize("value", [None, float("nan"), torch.ones(2), "much"])
def test_a_measure_that_is_no_number_is_one_line(monkeypatch, value):
    monkeypatch.setattr(effective_rank, "measure", lambda x, y: value)
    found = measure._measured({"clean": torch.rand(4, 2)}, torch.zeros(4), ["effective_rank"])
    with pytest.raises(SystemExit, match=r"effective_rank of clean: found .*, expected a finite number"):
        list(found)


def test_a_measure_may_give_a_tensor_and_cannot_spoil_the_labels(monkeypatch):
    monkeypatch.setattr(effective_rank, "measure", lambda x, y: y.add_(1).float().mean())
    features, labels = {"a": torch.rand(4, 2), "b": torch.rand(4, 2)}, torch.zeros(4, dtype=torch.int64)
    found = list(measure._measured(features, labels, ["effective_rank"]))
    assert found == [("a", "effective_rank", 1.0), ("b", "effective_rank", 1.0)]


def test_every_stage_of_a_network_is_probed(tmp_path, painted):
    inputs = {"images": target_of(painted), "splits": painted["splits"]}
    asked = study().studies["s"].transfer_to("s", "sketched", "untrained", BLOCK)
    transfer_natural.main(asked, inputs, {"metrics": tmp_path / "metrics"})
    found = pd.read_parquet(tmp_path / "metrics")
    probes = found[found["metric"].str.startswith("probe_")]
    assert "probe_stem" in set(probes["metric"]) and set(probes["shots"]) == {2}
    assert probes["value"].between(0, 1).all()
