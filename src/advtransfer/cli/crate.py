"""``advtransfer crate``: which files of the project go into its RO-Crate, and what is said of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from advtransfer.provenance.audit import recorded
from advtransfer.provenance.crate.export import Summary, export
from advtransfer.provenance.crate.project import Project

# What a reader needs to run the workflow again, and what was published from it.
FILES = (
    "Snakefile",
    "workflow",
    "src",
    "params.yaml",
    "pyproject.toml",
    "requirements.lock",
    "dvc.yaml",
    "dvc.lock",
    "LICENSE",
    "README.md",
    "reports/*.ipynb",
    "reports/*.yaml",
    "reports/published.*",
)
SETTINGS = ("params.yaml", "reports/claims.yaml")
# What people read of the results: the rest is large, numerous, or both.
RESULTS = ("results/*", "results/claims/*", "reports/rendered/*.html", "reports/rendered/*.js")


def export_project(root: Path, target: Path) -> Summary:
    """Writes the crate of the project at ``root`` to ``target``; raises what `export` raises."""
    about = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    project = Project(
        root,
        **{key: about[key] for key in ("name", "version", "description", "license")},
        files=FILES,
        results=RESULTS,
        settings=SETTINGS,
        stored=stored(root),
    )
    return export(project, target)


def stored(root: Path) -> dict[str, str]:
    """Path -> MD5 of every file that DVC recorded, as far as can be told here."""
    try:
        return recorded.files(root)
    except (OSError, ValueError):
        return {}  # nothing is recorded yet, or the file is damaged, which DVC says itself
