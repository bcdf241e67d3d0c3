"""Feature purification on sparse-coding data: `study.run_scenario`. `config` alone does not import torch."""
