"""The cut-down study of natural images, from folders of JPEGs to its page; it needs the images."""

import json
import os
import shutil
import sys

import pyarrow.parquet as pq
import pytest

DATA, STUDY = "ADVTRANSFER_DATA", "tiny-imagenet-cifar10-mini"
RESULTS = f"results/transfer/{STUDY}"


@pytest.fixture(scope="module")
def trained(source, checkout, tmp_path_factory):
    if not os.environ.get(DATA):
        pytest.skip(f"{DATA} names no folder of images")
    project = source.copy_to(tmp_path_factory.mktemp("natural") / "study")
    shutil.copyfile(checkout / "params.yaml", project.path("params.yaml"))
    shutil.copyfile(checkout / "reports/claims.yaml", project.path("reports/claims.yaml"))
    run = (sys.executable, "-m", "advtransfer", "run", "--study", STUDY)
    done = project.call(*run, seconds=150, **{DATA: os.environ[DATA]})
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_it_measures_every_variant_under_every_protocol(trained):
    rows = pq.read_table(trained.path(f"{RESULTS}/metrics.parquet")).to_pandas()
    assert set(rows["variant"]) == {"untrained", "clean", "adversarial-l2", "pseudo-label", "combined-l2"}
    assert {"linear", "centroid", "naive-bayes", "finetune", "representation"} == set(rows["protocol"])
    assert set(rows["replica"]) == {0, 1}
    share = rows[rows["metric"].isin(["accuracy", "robust_accuracy"])]["value"]
    assert share.between(0, 1).all()
    alike = rows[rows["metric"] == "cka_to_clean"]
    assert set(alike["variant"]) == {"adversarial-l2", "pseudo-label", "combined-l2"}


def test_what_was_left_out_is_listed_and_counted(trained):
    seal = json.loads(trained.path("data/prepared/images/tiny-imagenet-mini.parquet.seal").read_text())
    counts = seal["made"]["counts"]
    rejects = pq.read_table(trained.path("data/prepared/images/tiny-imagenet-mini.rejects.parquet"))
    assert counts["images"] + len(rejects) == counts["records"] == 1000


def test_nothing_is_left_to_do_and_no_checkpoint_stays(trained):
    done = trained.snakemake(
        "--workflow-profile", "workflow/profiles/default", "--dry-run", "--", f"reports/rendered/{STUDY}.html"
    )
    assert "Nothing to be done" in done.stdout + done.stderr
    assert not list(trained.path(".snakemake/scratch").glob("*"))


def test_a_missing_folder_is_one_clear_line(source, checkout, tmp_path):
    project = source.copy_to(tmp_path / "study")
    shutil.copyfile(checkout / "params.yaml", project.path("params.yaml"))
    shutil.copyfile(checkout / "reports/claims.yaml", project.path("reports/claims.yaml"))
    target = "data/prepared/images/cifar10-mini.parquet"
    done = project.snakemake("--workflow-profile", "workflow/profiles/default", "--", target)
    assert done.returncode == 1
    assert "data/raw/cifar10/train: no such folder" in project.path(f"logs/{target}.log").read_text()
