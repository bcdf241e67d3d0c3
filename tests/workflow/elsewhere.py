"""A published project computed again on another kind of machine, as far as a test can have one.

The transfer jobs' tables get other last digits and seals of another processor; the rest is then computed from them.
"""

import shutil

import pyarrow.parquet as pq

from advtransfer.evaluation import table
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import read_seal, write_seal

PROCESSOR = "Another Processor"
FOLDERS = ("data/prepared", "data/pseudo_labels", "results", "reports/rendered")


def clone_with_artifacts(project, root):
    """A clone that holds the artifacts as if they had been made in it: DVC's cache knows none of them."""
    clone = project.clone_to(root)
    for folder in FOLDERS:
        shutil.copytree(project.path(folder), clone.path(folder), dirs_exist_ok=True)
    return clone


def reseal(project, path, made):
    """Has a seal vouch for its outputs as they are now."""
    file = project.path(f"{path}.seal")
    old = read_seal(file)
    outputs = {output: Hasher(None).sha256(project.path(output)) for output in old.spec.output_paths}
    write_seal(old.spec, old.sha256 | outputs, old.made | made, file)


def transferred(project):
    """The tables of the transfer jobs of the default study."""
    tables = sorted(project.path("results/transfer/tiny").rglob("r0*.parquet"))
    return [path.relative_to(project.root).as_posix() for path in tables]


def move(project, shift, made):
    """Moves the values of the transfer jobs by up to ``shift`` each, and seals them as ``made``."""
    for number, path in enumerate(transferred(project)):
        rows = pq.read_table(project.path(path)).to_pandas()
        by = shift * (((7 * rows.index + 3 * number) % 11) - 5) / 5
        value = (rows["value"] + by).where(rows["value"].between(shift, 1 - shift), rows["value"])
        table.write(rows.assign(value=value), project.path(path))
        reseal(project, path, made)


def computed_elsewhere(project, root, shift, processor=PROCESSOR):
    """A clone of a published project whose results another kind of machine made; ``said`` holds how its run ended."""
    clone = clone_with_artifacts(project, root)
    move(clone, shift, {"cpu": processor})
    clone.said["run"] = clone.run().stdout
    return clone
