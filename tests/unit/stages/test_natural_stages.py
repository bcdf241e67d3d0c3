"""Training stage of natural images: who learns from what, killed jobs, several processes."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import natural_lab
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from natural_lab import BLOCK, VARIANTS, job, label, study

from advtransfer.data.natural.prepared import read_column
from advtransfer.data.natural.roles import SOURCE, read_roles
from advtransfer.data.natural.splits import VALIDATION
from advtransfer.data.splits import LABELLED, UNLABELLED
from advtransfer.stages import pretrain_natural, split_natural, transfer_natural
from advtransfer.training.deep.distributed import World


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    root = tmp_path_factory.mktemp("painted")
    natural_lab.paint(root)
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
    command = [sys.executable, natural_lab.__file__, str(folder / "job.json")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment)
    checkpoint = folder / "scratch/checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists() and not (folder / "weights").exists()
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


def test_a_batch_that_cannot_be_shared_out_is_one_line(tmp_path, lessons, monkeypatch):
    @contextmanager
    def two_devices():
        yield World(0, 2), torch.device("cpu")

    monkeypatch.setattr(pretrain_natural, "connected", two_devices)
    odd = study(training=natural_lab.TRAINING | {"batch_size": 13})
    with pytest.raises(SystemExit, match="a batch of 13 cannot be shared out evenly to 2 processes"):
        train(tmp_path, "odd", lessons, params=odd)


@pytest.mark.parametrize(("share", "measured"), [(0.1, True), (0.05, False)])
def test_tmi_needs_four_validation_images_a_class(tmp_path, painted, capsys, share, measured):
    """Of 40 images a class and split; with fewer the other measurements stay."""
    params = study(targets={"painted": {"dataset": "painted", "validation_fraction": share}})
    inputs = {"images": painted["images"], "splits": tmp_path / "splits"}
    split_inputs = {"images": painted["images"], "targets": [painted["images"]]}
    split_natural.main(params.studies["s"].split(BLOCK), split_inputs, {"splits": inputs["splits"]})
    asked = params.studies["s"].transfer_to("s", "painted", "untrained", BLOCK)
    transfer_natural.main(asked, inputs, {"metrics": tmp_path / "metrics"})
    found = pd.read_parquet(tmp_path / "metrics")
    metrics = set(found.loc[found["protocol"] == "representation", "metric"])
    assert {"effective_rank", "intra_class_variance", "probe_stem"} <= metrics
    assert ("tmi" in metrics) == measured
    assert ("TMI is left out" in capsys.readouterr().out) != measured
