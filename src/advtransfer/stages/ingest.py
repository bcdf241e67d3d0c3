"""Natural images of one data set in the project's Parquet schema, and a table of what was left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from advtransfer.data.natural.decode import Choices
from advtransfer.data.natural.ingest import Preparation, prepare
from advtransfer.data.natural.place import VARIABLE, data_folder
from advtransfer.data.natural.prepared import read_header
from advtransfer.data.natural.raw_files import raw_state
from advtransfer.data.natural.sources import open_source


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: a block of ``datasets`` in params.yaml. outputs: images, rejects.

    The images themselves are no declared input: they may be millions of files on a disk that few machines have. What
    was made of them is identified by ``sha256`` (of pixels and labels), which params.yaml may pin. The seal holds what
    is cheap to know of the files (``raw``), by which a later run sees that they are others.
    """
    root, name = data_folder(), outputs["images"].stem
    how = Preparation(
        resolution=params["resolution"],
        resampling=params["resampling"],
        choices=Choices(
            modes=params["lossy_modes"],
            orientation=params["orientation"],
            grey_bits=params["grey_bits"],
            transparency=params["transparency"],
        ),
        max_reject_share=params["max_reject_share"],
    )
    raw = raw_state(params, root)  # before they are read: what changes meanwhile is told of the next time
    try:
        source = open_source(params, root)
        counts = prepare(source, how, outputs["images"], outputs["rejects"], workers=_threads())
    except (ValueError, OSError) as error:
        where = "" if raw else f" (images are looked for below {VARIABLE}={root})"
        raise SystemExit(f"datasets.{name}: {error}{where}") from None
    found = read_header(outputs["images"]).sha256
    if params.get("sha256", found) != found:
        raise SystemExit(
            f"datasets.{name}.sha256: found {params['sha256']}, but the images in {source.place} give {found}: they "
            "are others, or another decoder reads them"
        )
    said = {name: count for name, count in counts.items() if name != "of_class"}
    print(f"{source.place}: {said}; sha256 {found}")
    return {"counts": counts, "sha256_of_images": found, "raw": raw}


def _threads() -> int:
    """As many as the rule was given."""
    return int(os.environ.get("OMP_NUM_THREADS") or 1)
