"""A small params.yaml of two studies, as text and as a document to change."""

import copy

import pytest
import yaml

from advtransfer.params import load_params

TEXT = """
default_studies: [one]
studies:
  one: &one
    kind: image
    title: First
    seed: 1
    replicas: 4
    replicas_per_job: 2
    dataset: digits
    labelled_fraction: 0.1
    test_fraction: 0.5
    source: {classes: [0, 1, 2, 3], shift: [{noise: {sigma: 0.2}}]}
    targets:
      dark: {classes: [0, 1, 2, 3], shift: [{contrast: {gain: 0.5, offset: 0.0}}, {rotation: {degrees: 10}}]}
      other: {classes: [8, 9]}
    model: {name: mlp, hidden: [16, 8]}
    optimiser: {steps: 20, batch_size: 8, learning_rate: 3e-3, weight_decay: 0.01}
    variants:
      clean: {labels: labelled}
      attacked: {labels: labelled, perturbation: {attack: {norm: l2, eps: 0.5, steps: 5}}}
      noisy: {labels: labelled, perturbation: {gaussian: {sigma: 0.1}}, optimiser: {steps: 30}}
      taught: {labels: pseudo}
      oracle: {labels: oracle}
    pseudo_labels: {teacher: clean, confidence_threshold: 0.5}
    transfer:
      draws: 2
      baselines: [raw, untrained]
      linear: {shots: [1, 5], l2_strength: 10.0}
      robust: {shots: 5, l2_strength: 10.0, attack: {norm: linf, eps: 0.1, steps: 10, restarts: 2}}
      finetune: {shots: [5], steps: 10, learning_rate: 1e-3, weight_decay: 0.01}
  two:
    <<: *one
    title: Second
    seed: 2
"""


@pytest.fixture
def document():
    """The document with every value its own (no aliases), so that one change is one change."""
    loaded = yaml.safe_load(TEXT.replace("3e-3", "0.003").replace("1e-3", "0.001"))
    return {key: copy.deepcopy(value) for key, value in loaded.items()} | {
        "studies": {name: copy.deepcopy(study) for name, study in loaded["studies"].items()}
    }


@pytest.fixture
def load(tmp_path):
    """Write a text or a document as params.yaml and load it."""

    def read(content):
        path = tmp_path / "params.yaml"
        text = (
            content
            if isinstance(content, str)
            else yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        )
        path.write_text(text, encoding="utf-8")
        return load_params(path)

    return read


@pytest.fixture
def text():
    return TEXT
