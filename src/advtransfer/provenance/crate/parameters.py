"""The formal parameters of the rules, the values that filled them, and which output fills which input."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rocrate.model import Entity

from advtransfer.provenance.crate.graph import Graph, local
from advtransfer.provenance.spec import Spec, canonical

_SHORT = 12
_DATA_TYPES = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}


@dataclass(frozen=True, order=True)
class Slot:
    """A formal parameter: a named input or output of a rule, or the dotted path of one of its params."""

    rule: str
    kind: str
    name: str

    @property
    def id(self) -> str:
        return local("rule", self.rule, self.kind, self.name)


def filled(specs: Sequence[Spec]) -> dict[str, list[Slot]]:
    """Path -> the slots that it fills in all jobs together."""
    found: dict[str, set[Slot]] = defaultdict(set)
    for spec in specs:
        for path, slot in [*_files(spec, "input"), *_files(spec, "output")]:
            found[path].add(slot)
    return {path: sorted(slots) for path, slots in found.items()}


def connections(specs: Sequence[Spec]) -> list[tuple[Slot, Slot]]:
    """Every pair of an output slot and an input slot that some artifact fills, each once."""
    makers = {path: slot for spec in specs for path, slot in _files(spec, "output")}
    pairs = {(makers[path], slot) for spec in specs for path, slot in _files(spec, "input") if path in makers}
    return sorted(pairs)


def leaves(params: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of every param that is no table with entries; a list is one value."""
    if isinstance(params, dict) and params:
        for key, value in sorted(params.items()):
            yield from leaves(value, f"{where}.{key}" if where else key)
    elif where or params:
        yield where or "params", params


def _files(spec: Spec, kind: str) -> Iterator[tuple[str, Slot]]:
    named = spec.inputs if kind == "input" else spec.outputs
    for name, value in named.items():
        for path in [value] if isinstance(value, str) else value:
            yield path, Slot(spec.rule, kind, name)


class Parameters:
    """The entities of all slots, and of the values of params; equal values of one slot are one entity."""

    def __init__(self, graph: Graph, specs: Sequence[Spec]) -> None:
        self._graph = graph
        types: dict[Slot, set[str]] = defaultdict(set)
        for slot in {slot for slots in filled(specs).values() for slot in slots}:
            types[slot].add("File")
        for spec in specs:
            for name, value in leaves(spec.params):
                types[Slot(spec.rule, "params", name)].add(_data_type(value))
        self._entities = {
            slot: graph.entity(slot.id, "FormalParameter", name=slot.name, additionalType=sorted(types[slot]))
            for slot in sorted(types)
        }

    def __getitem__(self, slot: Slot) -> Entity:
        return self._entities[slot]

    def of(self, rule: str, *kinds: str) -> list[Entity]:
        """The slots of a rule that are of these kinds."""
        return [entity for slot, entity in self._entities.items() if slot.rule == rule and slot.kind in kinds]

    def values(self, spec: Spec) -> list[Entity]:
        """The params of a job; what is no scalar is its canonical JSON text."""
        return [self._value(Slot(spec.rule, "params", name), value) for name, value in leaves(spec.params)]

    def _value(self, slot: Slot, value: Any) -> Entity:
        text = canonical(value)
        return self._graph.entity(
            local("value", slot.rule, slot.name, hashlib.sha256(text.encode()).hexdigest()[:_SHORT]),
            "PropertyValue",
            name=slot.name,
            value=value if _data_type(value) != "PropertyValue" else text,
            exampleOfWork=self[slot],
        )


def _data_type(value: Any) -> str:
    """Type of a value in the vocabulary; an empty text, which JSON-LD would lose, is given as JSON."""
    return _DATA_TYPES.get(type(value), "PropertyValue") if value != "" else "PropertyValue"
