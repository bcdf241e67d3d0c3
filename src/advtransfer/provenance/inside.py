"""Which files are the project's own, wherever links lead."""

import os
from pathlib import Path

from advtransfer.provenance.seal import ARTIFACT_FOLDERS


class Inside:
    """The files below a project's root, and below its artifact folders where these are links to a larger disk.

    `path in Inside(root)` is judged after all links are resolved; paths are absolute, or relative to the root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders = [os.path.realpath(root / folder) for folder in ("", *ARTIFACT_FOLDERS)]

    def __contains__(self, path: Path | str) -> bool:
        real = Path(os.path.realpath(self._root / path))
        return any(real.is_relative_to(folder) for folder in self._folders)
