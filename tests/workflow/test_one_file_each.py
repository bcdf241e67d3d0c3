"""An objective and a measure of one's own: a file each, and no more is computed than what names them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

PARAMS = """
default_studies: [deep]
studies:
  deep:
    kind: natural_image
    title: Squares
    seed: 1
    replicas: 2
    source: {dataset: squares, labelled_fraction: 0.5, validation_fraction: 0}
    targets: {dim: {dataset: dim, validation_fraction: 0.5}}
    model: {name: small_cnn}
    training: {updates: 2, batch_size: 4, learning_rate: 0.1}
    variants:
      clean: {labels: labelled}
      attacked: {labels: labelled, perturbation: {attack: {norm: linf, eps: 8/255, steps: 1}}}
      fast: {labels: labelled, perturbation: {fgsm: {eps: 8/255}}}
    transfer:
      draws: 1
      linear: {shots: [1], strengths: [1.0]}
      measures: [effective_rank]
datasets:
  squares: {folder: {path: squares, splits: [train]}, resolution: 16}
  dim: {folder: {path: dim, splits: [train, test]}, resolution: 16}
"""
OBJECTIVE = '''
"""Less light: the objective of somebody who wrote this file and no other."""

from typing import Annotated

from pydantic import Field

from advtransfer.objectives.deep.batch import Objective
from advtransfer.objectives.deep.losses import correct, cross_entropy


class Dimmed(Objective):
    def __init__(self, share, smoothing):
        self.share, self.smoothing = share, smoothing

    def __call__(self, model, batch):
        scores = model(self.share * batch.x)
        loss = cross_entropy(scores, batch.y, self.smoothing).mean()
        return {"loss": loss, "accuracy": correct(scores, batch.y).mean()}


def make(*, share: Annotated[float, Field(gt=0, le=1, description="of the light that is left (0..1)")], smoothing):
    """Less light."""
    return Dimmed(share, smoothing)
'''
MEASURE = '"""Largest feature."""\n\n\ndef measure(x, y):\n    return float(x.abs().max())\n'
REPLICAS = ("r000-000", "r001-001")
AFTER = {"collect deep", "claims deep", "summarise", "site", "report deep"}
AFTER |= {f"index {root}" for root in ("results/transfer", "reports/rendered")}


def jobs(rule, *names):
    return {f"{rule} deep/{name}/{replica}" for name in names for replica in REPLICAS}


def trained_anew(*variants):
    """And what rests on them: the measuring job compares all variants."""
    transfers = jobs("transfer", *(f"dim/{variant}" for variant in variants))
    return (
        jobs("pretrain", *variants) | {"index results/pretrain"} | transfers | jobs("measure", "dim") | AFTER
    )


@pytest.fixture(scope="module")
def deep(source, tmp_path_factory):
    project = source.copy_to(tmp_path_factory.mktemp("deep") / "project")
    rng = np.random.default_rng(0)
    for name, light in (("squares", 200), ("dim", 100)):
        for split in ("train", "test"):
            for label, colour in (("red", (1, 0, 0)), ("blue", (0, 0, 1))):
                folder = project.path(f"data/raw/{name}/{split}/{label}")
                folder.mkdir(parents=True)
                for number in range(8):
                    pixels = light * np.array(colour) + rng.integers(0, 40, (16, 16, 3))
                    Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    project.path("params.yaml").write_text(PARAMS)
    project.path("reports/claims.yaml").write_text("claims: []\n")
    project.run()
    project.commit("Squares")
    return project


@pytest.fixture
def edited(deep):
    yield deep
    deep.tool("git", "checkout", "--quiet", "--", ".")


def test_an_edited_objective_asks_for_the_variants_that_name_it(edited):
    edited.append("src/advtransfer/objectives/deep/kinds/fgsm.py", "_EDITED = True")
    assert edited.pending() == trained_anew("fast")
    edited.append("src/advtransfer/objectives/deep/perturbed.py", "_EDITED = True")
    assert edited.pending() == trained_anew("clean", "attacked", "fast")


def test_an_edited_measure_asks_for_the_measuring_alone_and_for_nothing_where_it_is_not_listed(edited):
    folder = "src/advtransfer/evaluation/representation/measures"
    edited.append(f"{folder}/tmi.py", "_EDITED = True")
    assert edited.pending() == set()
    edited.append(f"{folder}/effective_rank.py", "_EDITED = True")
    assert edited.pending() == jobs("measure", "dim") | AFTER


def test_a_new_file_is_an_objective_that_a_variant_can_name(deep, tmp_path):
    project = deep.copy_to(tmp_path / "copy")
    project.path("src/advtransfer/objectives/deep/kinds/dimmed.py").write_text(OBJECTIVE)
    project.path("src/advtransfer/evaluation/representation/measures/largest.py").write_text(MEASURE)
    assert project.pending() == set()
    fast = "      fast: {labels: labelled, perturbation: {fgsm: {eps: 8/255}}}\n"
    project.edit(
        "params.yaml", fast, fast + "      dark: {labels: labelled, perturbation: {dimmed: {share: 2}}}\n"
    )
    refused = project.advtransfer("run")
    assert refused.returncode == 2
    assert (
        "variants.dark.perturbation.dimmed.share: found 2, expected at most 1.0: of the light"
        in refused.stderr
    )
    project.edit("params.yaml", "{share: 2}", "{share: 0.5}")
    assert project.pending() == trained_anew("dark")
    project.edit("params.yaml", "[effective_rank]", "[effective_rank, largest]")
    project.run()
    rows = pq.read_table(project.path("results/transfer/deep/metrics.parquet")).to_pandas()
    measured = rows[rows["metric"] == "largest"]
    assert set(measured["variant"]) == {"untrained", "clean", "attacked", "fast", "dark"}
    assert (measured["value"] > 0).all()
    seals = [json.loads(path.read_text()) for path in project.path("results/pretrain/deep").rglob("*.seal")]
    kinds = "advtransfer.objectives.deep.kinds."
    named = {
        seal["spec"]["wildcards"]["variant"]: [
            m.removeprefix(kinds) for m in seal["spec"]["code"] if m.startswith(kinds)
        ]
        for seal in seals
    }
    assert named == {"clean": [], "attacked": ["attack"], "fast": ["fgsm"], "dark": ["dimmed"]}
    assert "largest" in project.path("reports/rendered/deep.html").read_text()
