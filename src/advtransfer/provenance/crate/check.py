"""May a crate claim these results? Every seal must hold, now, for every byte it names."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from advtransfer.provenance.audit.evidence import Content, read
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import Seal, SealError, present_content, why_differs
from advtransfer.provenance.spec import Spec, SpecError, load_spec, spec_path


class Reader(Hasher):
    """Reads every file in full, once, whatever a cache or its times say."""

    def __init__(self) -> None:
        super().__init__(None)
        self._contents: dict[str, Content] = {}

    def sha256(self, path: Path | str) -> str:
        """Hex digest of the file as it was when first asked for. Raises OSError if it cannot be read."""
        return self.content(path).sha256

    def content(self, path: Path | str) -> Content:
        """Digests and size of the file as it was when first asked for. Raises OSError if it cannot be read."""
        name = os.path.abspath(path)  # noqa: PTH100 (links stay links, as in Hasher)
        if name not in self._contents:
            self._contents[name] = read(Path(name))
        return self._contents[name]


def findings(seals: Mapping[str, Seal | SealError], root: Path, reader: Reader) -> Iterator[str]:
    """Why these are not the results that their seals, and the spec files of the last plan, ask for: a line each.

    `seals` is what `all_seals` returned. A job that the plan does not know, because its variant or study was removed,
    is held against its own seal only: what gives it away is the index of its phase, whose spec lists what may be there.
    """
    asked = _asked(root)

    def content(path: str) -> str | None:
        return present_content(root / path, reader)

    for primary, seal in seals.items():
        if isinstance(seal, SealError):
            yield f"{primary}: {seal}"
        elif seal.spec.primary != primary:
            yield f"{primary}: its seal is that of {seal.spec.primary}"
        elif reason := why_differs(seal, asked.get(primary, seal.spec), content):
            yield f"{primary}: {reason}"
    yield from _unsealed([seal.spec for seal in seals.values() if isinstance(seal, Seal)], asked.values())


def _asked(root: Path) -> dict[str, Spec]:
    """Primary output -> the spec that the guard wrote for its job."""
    found = {}
    for file in sorted((root / spec_path("")).parent.rglob("spec.json")):
        with contextlib.suppress(OSError, SpecError):
            spec = load_spec(file)
            if file == root / spec_path(spec.primary):
                found[spec.primary] = spec
    return found


def _unsealed(sealed: Sequence[Spec], asked: Iterable[Spec]) -> Iterator[str]:
    """Inputs that would pass for raw files, though a job makes them: its seal is gone, or in a linked folder."""
    made = {path for spec in sealed for path in spec.output_paths}
    makeable = {path for spec in asked for path in spec.output_paths}
    read = {path for spec in sealed for path in spec.input_paths}
    yield from (f"{path}: no seal was found, and a job makes it" for path in sorted((read - made) & makeable))
