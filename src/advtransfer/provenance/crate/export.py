"""Checks the results, copies what a crate carries, describes all of it, and moves the whole into place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advtransfer.provenance.crate.check import Reader, findings
from advtransfer.provenance.crate.contents import Contents
from advtransfer.provenance.crate.gather import gather
from advtransfer.provenance.crate.graph import Graph
from advtransfer.provenance.crate.project import CrateError, Project, TargetError
from advtransfer.provenance.crate.whole import add_whole
from advtransfer.provenance.files import private_folder, sweep
from advtransfer.provenance.seal import ARTIFACT_FOLDERS, Seal, all_seals


@dataclass(frozen=True)
class Summary:
    """What an export did: jobs described, files copied, bytes of the crate."""

    jobs: int
    files: int
    size: int


def check_target(target: Path, root: Path, files: Sequence[str]) -> None:
    """Raises TargetError if something is at `target`, or if it is among the artifacts or `files` of the project."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise TargetError(f"{target}: found something there, expected an empty folder or none")
    for folder in (*ARTIFACT_FOLDERS, *files):
        if target.resolve().is_relative_to((root / folder).resolve()):
            raise TargetError(
                f"{target}: found it in {folder}/, which the crate describes; expected another place"
            )


def export(project: Project, target: Path) -> Summary:
    """Write the crate of all sealed results of a project to the folder `target`, whole or not at all.

    Every byte that a seal names is read and compared with it, and every seal with the spec file of its job if a plan
    has left one: let Snakemake plan first (a dry run), or a change of the params goes unseen. Raises CrateError if
    the results cannot be claimed (stale, altered, none), TargetError if `target` is no place for a crate, OSError if
    it cannot be written.
    """
    check_target(target, project.root, project.files)
    target, reader = target.resolve(), Reader()
    seals = _believed(project.root, reader)
    sweep(target.parent)
    with private_folder(target.parent) as private:
        folder = private / target.name
        folder.mkdir()
        copied = gather(project, seals, folder, reader)
        graph = Graph()
        add_whole(graph, project, seals, Contents(graph, project, folder, copied, reader))
        graph.crate.write(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        folder.rename(target)
    return Summary(len(seals), len(copied) + 1, size)


def _believed(root: Path, reader: Reader) -> dict[str, Seal]:
    seals = all_seals(root)
    if wrong := list(findings(seals, root, reader)):
        raise CrateError(wrong)
    if not seals:
        raise CrateError(["no seals: nothing was computed here"])
    return {primary: seal for primary, seal in seals.items() if isinstance(seal, Seal)}
