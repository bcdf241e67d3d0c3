"""Does adversarial and semi-supervised pre-training transfer better to a target with few labels?"""

__version__ = "0.1.0"
