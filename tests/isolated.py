"""The environment of the tools that tests call: nothing of the user's settings leads them out of their folder."""

import os
import sys
from pathlib import Path

FOREIGN = ("MLFLOW_", "SNAKEMAKE_", "DVC_", "GIT_", "ADVTRANSFER_")


def environment(place: Path, python_path: str) -> dict[str, str]:
    """This process's variables for a project of which DVC keeps what is not the project's own in `place`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    people = {
        f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    own = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_SITE_CACHE_DIR": str(place / "dvc-site"),
        "DVC_GLOBAL_CONFIG_DIR": str(place / "dvc-global"),
        "DVC_SYSTEM_CONFIG_DIR": str(place / "dvc-system"),
        "PYTHONPATH": python_path,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    return kept | people | own
