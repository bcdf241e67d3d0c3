"""The stages of one study of params.yaml, shortened, run one after the other on the real digits."""

from pathlib import Path

import pandas as pd
from safetensors.torch import load_file

from advtransfer.data.splits import LABELLED, POOL, TEST, UNLABELLED
from advtransfer.data.table import read_indexed
from advtransfer.evaluation import table
from advtransfer.params.model import Params, replicas_of
from advtransfer.stages import prepare, pretrain, pseudo_label, split, transfer
from advtransfer.strict_yaml import read_yaml

PARAMS = Path(__file__).parents[3] / "params.yaml"
ROLES = (LABELLED, UNLABELLED, POOL, TEST)


def shortened(name):
    """A study of params.yaml with 4 replicas, few steps and few draws; its variants are all there."""
    content = read_yaml(PARAMS)
    study = content["studies"][name] | {"replicas": 4, "replicas_per_job": 4}
    study["optimiser"] = study["optimiser"] | {"steps": 6}
    protocols = study["transfer"]
    study["transfer"] = protocols | {
        "draws": 2,
        "robust": protocols["robust"] | {"attack": protocols["robust"]["attack"] | {"steps": 3}},
        "finetune": protocols["finetune"] | {"steps": 3},
    }
    return Params.model_validate({"default_studies": [name], "studies": {name: study}}).studies[name]


class Lab:
    """Artifacts by name and block (``r000-003``), each made when first asked for."""

    def __init__(self, folder, name, images=None, splits=None):
        self.folder, self.name, self.study = folder, name, shortened(name)
        self.made = {}
        if images is not None:
            self.made["images",] = images
        for block, path in (splits or {}).items():
            self.made["splits", block] = path

    def _make(self, key, stage, params, inputs, outputs):
        if key not in self.made:
            folder = self.folder / "-".join(key)
            folder.mkdir(parents=True)
            paths = {output: folder / output for output in outputs}
            stage.main(params, inputs, paths)
            self.made[key] = next(iter(paths.values()))
        return self.made[key]

    def images(self):
        return self._make(("images",), prepare, {"dataset": "digits"}, {}, ["images"])

    def splits(self, block):
        inputs = {"images": self.images()}
        return self._make(("splits", block), split, self.study.split(block), inputs, ["splits"])

    def data(self, block):
        return {"images": self.images(), "splits": self.splits(block)}

    def pretrain_job(self, variant, block):
        params, inputs = self.study.pretrain(variant, block), self.data(block)
        return params, inputs | (
            {"pseudo_labels": self.pseudo(block)} if params["labels"] == "pseudo" else {}
        )

    def weights(self, variant, block):
        job = self.pretrain_job(variant, block)
        return self._make(("weights", variant, block), pretrain, *job, ["weights", "curves"])

    def pseudo_job(self, block):
        teacher = {"teacher": self.weights(self.study.pseudo_labels.teacher, block)}
        return self.study.pseudo_label(block), self.data(block) | teacher

    def pseudo(self, block):
        return self._make(("pseudo", block), pseudo_label, *self.pseudo_job(block), ["pseudo_labels"])

    def transfer_job(self, variant, block, target=None):
        target = target or next(iter(self.study.targets))
        trained = {"weights": self.weights(variant, block)} if variant in self.study.variants else {}
        return self.study.transfer_to(self.name, target, variant, block), self.data(block) | trained

    def metrics(self, variant, block):
        return self._make(
            ("metrics", variant, block), transfer, *self.transfer_job(variant, block), ["metrics"]
        )

    # -- what the files hold -------------------------------------------------------------------------------------------

    def roles(self, block):
        """Per replica: role -> indices."""
        columns = read_indexed(self.splits(block), replicas_of(block))
        return [
            {role: index[owner == role] for role in ROLES}
            for index, owner in zip(columns["index"], columns["role"], strict=True)
        ]

    def parameters(self, variant, block):
        return load_file(self.weights(variant, block))

    def curves(self, variant, block):
        return pd.read_parquet(self.weights(variant, block).with_name("curves"))

    def rows(self, variant, block):
        return table.read(self.metrics(variant, block))
