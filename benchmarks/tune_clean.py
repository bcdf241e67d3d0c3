"""How the variant ``clean-tuned`` of params.yaml was chosen: accuracy on source images that the net did not learn from.

Neither the target nor the study's own seed is looked at: the exploration seed below is used nowhere else.
Run: python benchmarks/tune_clean.py
"""

import tempfile
from pathlib import Path

import torch

from advtransfer.data.domains import load_domain
from advtransfer.data.splits import UNLABELLED
from advtransfer.models import mlp
from advtransfer.models.storage import load_parameters
from advtransfer.params import load_params
from advtransfer.params.blocks import OptimiserChange, Variant
from advtransfer.stages import prepare, pretrain, split
from advtransfer.training.batches import take

SEED, REPLICAS = 777, 20
STEPS, DECAYS = (100, 200, 400, 800), (0.01, 0.1, 1.0, 3.0)


def main() -> None:
    """Prints mean accuracy over replicas for each setting."""
    study = load_params("params.yaml").studies["digits"]
    sizes = {"seed": SEED, "replicas": REPLICAS, "replicas_per_job": REPLICAS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = {"images": folder / "images.parquet", "splits": folder / "splits.parquet"}
        prepare.main({"dataset": study.dataset}, {}, {"images": inputs["images"]})
        for steps in STEPS:
            for decay in DECAYS:
                change = OptimiserChange(steps=steps, weight_decay=decay)
                variants = {"tried": Variant(labels="labelled", optimiser=change)}
                tried = study.model_copy(update=sizes | {"variants": variants})
                block = tried.blocks[0]
                split.main(tried.split(block), inputs, {"splits": inputs["splits"]})
                outputs = {"weights": folder / "weights", "curves": folder / "curves"}
                pretrain.main(tried.pretrain("tried", block), inputs, outputs)
                print(
                    f"steps {steps:4d} weight decay {decay:5.2f}: {_accuracy(tried, block, inputs, outputs):.4f}"
                )


def _accuracy(study, block, inputs, outputs) -> float:
    source = load_domain(inputs["images"], inputs["splits"], study.pretrain("tried", block), "source")
    held_out = source.indices(UNLABELLED)
    parameters = load_parameters(outputs["weights"], torch.device("cpu"))
    right = mlp.logits(parameters, take(source.x, held_out)).argmax(2) == take(source.y, held_out)
    return right.float().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
