"""Two models in which the claims can be checked without data: `linear` (numpy) and `sparse_coding` (torch).

Nothing is imported here, so that the linear study never pays for torch.
"""
