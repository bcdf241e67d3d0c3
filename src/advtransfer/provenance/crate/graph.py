"""The entities of a crate, each added once under an identifier that says what it is."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
# A term that the profile uses and no context of RO-Crate 1.1 defines.
EXTRA_TERMS = {"buildInstructions": "https://codemeta.github.io/terms/buildInstructions"}
# Not the mimetypes module, which asks the machine.
_FORMATS = {
    "csv": "text/csv",
    "html": "text/html",
    "ipynb": "application/x-ipynb+json",
    "js": "text/javascript",
    "json": "application/json",
    "md": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "py": "text/x-python",
    "safetensors": "application/octet-stream",
    "seal": "application/json",
    "svg": "image/svg+xml",
    "toml": "application/toml",
    "yaml": "application/yaml",
}


class Graph:
    """A crate under construction."""

    def __init__(self) -> None:
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(TERMS)
        self.crate.metadata.extra_terms.update(EXTRA_TERMS)
        self._known: dict[str, Entity] = {}

    def entity(self, identifier: str, kind: str, **properties: Any) -> Entity:
        """The contextual entity of that identifier, with these properties if it is new."""
        if identifier not in self._known:
            entity = ContextEntity(self.crate, identifier, properties={"@type": kind})
            self._known[identifier] = self.crate.add(entity)
            describe(entity, **properties)
        return self._known[identifier]


def describe(entity: Entity, **properties: Any) -> None:
    """Set properties; what is None or empty is left out, a list of one is that one."""
    for name, value in properties.items():
        values = list(value) if isinstance(value, list | tuple) else [value]
        values = [item for item in values if item is not None and item != ""]
        if values:
            entity[name] = values if len(values) > 1 else values[0]


def local(kind: str, *names: str) -> str:
    """A local identifier: `#kind/name/name`."""
    return "#" + quote("/".join([kind, *names]))


def encoding(path: str) -> str:
    """Media type of a file, by its name; text for the rest (Snakefile, LICENSE, lock files)."""
    return _FORMATS.get(path.rpartition("/")[2].rpartition(".")[2], "text/plain")


def unique(entities: Iterable[Entity]) -> list[Entity]:
    """The entities in their order, each once."""
    return list({entity.id: entity for entity in entities}.values())
