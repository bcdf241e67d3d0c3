"""A large project at the cost of a small one: the real workflow over made-up artifacts, sealed as if computed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path

import yaml

from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import SUFFIX, content_hash, seal_path, write_seal
from advtransfer.provenance.spec import Spec, load_spec
from advtransfer.strict_yaml import read_yaml

CHECKOUT = Path(__file__).parents[1]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/default"]
MODEL = "digits"  # the study of params.yaml that is multiplied
LEFT_OUT = ("data/p", "results/p", "results/t", "reports/rendered", "reports/published", "tests/", "dvc.lock")


def make(root: Path, *, studies: int, blocks: int, size: int) -> list[Path]:
    """Fill the new folder `root`: `studies` copies of one study, each of `blocks` blocks of replicas.

    Rules, slices of the parameters, code closures and seals are the real ones; artifacts are `size` random bytes.
    Returns the artifacts, without their seals.
    """
    _copy_checkout(root)
    _write_params(root, studies, blocks)
    subprocess.run([*SNAKEMAKE, "--dry-run"], cwd=root, capture_output=True, check=True)
    specs = {spec.primary: spec for spec in map(load_spec, (root / ".snakemake/spec").rglob("spec.json"))}
    for spec in _in_order(specs):
        _fake(spec, root, size)
    return [root / path for spec in specs.values() for path in spec.output_paths]


def _fake(spec: Spec, root: Path, size: int) -> None:
    """Outputs and seal of a job that nobody ran."""
    for path in spec.output_paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(random.Random(path).randbytes(size))
    hasher = Hasher(None)
    sha256 = {path: content_hash(root / path, hasher) for path in (*spec.input_paths, *spec.output_paths)}
    made = {"started": datetime.now(UTC).isoformat(), "wall_seconds": 0.0}
    write_seal(spec, sha256, made, root / seal_path(spec.primary))


def _copy_checkout(root: Path) -> None:
    """What Git knows of this checkout, without results, tests and DVC's record."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file() and not name.startswith(LEFT_OUT):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, root / name)


def _write_params(root: Path, studies: int, blocks: int) -> None:
    study = read_yaml(CHECKOUT / "params.yaml")["studies"][MODEL]
    study |= {"replicas": 2 * blocks, "replicas_per_job": 2}
    named = {f"{MODEL}-{number}": study | {"seed": number} for number in range(studies)}
    params = {"default_studies": list(named), "studies": named}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    (root / "reports/claims.yaml").write_text("claims: []\n", encoding="utf-8")


def _in_order(specs: Mapping[str, Spec]) -> Iterator[Spec]:
    """Jobs after those whose outputs they read."""
    maker = {path: name for name, spec in specs.items() for path in spec.output_paths}
    before = {
        name: {maker.get(path.removesuffix(SUFFIX)) for path in spec.input_paths}
        for name, spec in specs.items()
    }
    return (specs[name] for name in TopologicalSorter(before).static_order() if name)
