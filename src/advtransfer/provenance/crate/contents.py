"""The files of a crate: those that were copied into it, and those that it only names."""

from collections.abc import Iterable
from pathlib import Path

from rocrate.model import Entity

from advtransfer.provenance.audit.evidence import Content
from advtransfer.provenance.closure import find_module
from advtransfer.provenance.crate.check import Reader
from advtransfer.provenance.crate.graph import Graph, describe, encoding, local
from advtransfer.provenance.crate.project import Project
from advtransfer.provenance.seal import Seal, seal_path

WORKFLOW_TYPES = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]


class Contents:
    """The `File` entity of every path: a data entity if it was copied to `folder`, else a local identifier."""

    def __init__(
        self, graph: Graph, project: Project, folder: Path, copied: Iterable[str], reader: Reader
    ) -> None:
        self._graph, self._project, self._folder, self._reader = graph, project, folder, reader
        self._copied = {path: self._add(path) for path in copied}

    def __getitem__(self, path: str) -> Entity:
        """The entity of a path relative to the project's root. Raises OSError if there is no such file."""
        return self._copied.get(path) or self._graph.entity(
            local("file", path), "File", **self._properties(path, self._project.root)
        )

    def __contains__(self, path: str) -> bool:
        return path in self._copied

    def module(self, name: str) -> Entity:
        """The file of a first-party module."""
        file = find_module(name, self._folder / self._project.source)
        assert file, f"{name} was copied and checked"
        return self._copied[file.relative_to(self._folder).as_posix()]

    def label(self, seal: Seal) -> None:
        """Give a seal's file the id that other seals know it by, and its modules the hashes of their code as versions.

        Unlike `sha256` neither changes with what does not count: wall times, comments.
        """
        describe(self[str(seal_path(seal.spec.primary))], identifier=seal.id)
        for name, digest in seal.spec.code.items():
            describe(self.module(name), version=digest)

    def _add(self, path: str) -> Entity:
        crate, properties = self._graph.crate, self._properties(path, self._folder)
        if path == self._project.workflow:
            properties["@type"] = WORKFLOW_TYPES
            return crate.add_workflow(
                self._folder / path, path, main=True, lang="snakemake", properties=properties
            )
        return crate.add_file(self._folder / path, path, properties=properties)

    def _properties(self, path: str, root: Path) -> dict[str, object]:
        content = self._reader.content(root / path)
        properties: dict[str, object] = {
            "name": path,
            "encodingFormat": encoding(path),
            "contentSize": str(content.size),
            "sha256": content.sha256,
        }
        return properties | ({"md5": content.md5} if self._is_stored(path, content) else {})

    def _is_stored(self, path: str, content: Content) -> bool:
        """Whether DVC recorded these bytes: then their MD5 finds them in its cache and remotes."""
        return self._project.stored.get(path) == content.md5
