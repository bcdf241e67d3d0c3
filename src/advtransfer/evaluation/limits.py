"""What an evaluation needs of a target, told where no PyTorch is loaded: a study is refused before it trains."""

AUTOATTACK_CLASSES = 4  # its targeted DLR loss looks at the four highest scores
