"""Natural images of one data set in the project's Parquet schema, and a table of what was left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from advtransfer.data.natural.ingest import Preparation, prepare
from advtransfer.data.natural.place import VARIABLE, data_folder
from advtransfer.data.natural.prepared import read_header
from advtransfer.data.natural.sources import open_source


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: a block of ``datasets`` in params.yaml. outputs: images, rejects.

    The images themselves are no declared input: they may be millions of files on a disk that few machines have. What
    was made of them is identified by ``sha256`` (of pixels and labels), which params.yaml may pin.
    """
    root = data_folder()
    how = Preparation(
        resolution=params["resolution"],
        resampling=params["resampling"],
        modes=params["lossy_modes"],
        max_reject_share=params["max_reject_share"],
    )
    try:
        source = open_source(params, root)
        counts = prepare(source, how, outputs["images"], outputs["rejects"], workers=_threads())
    except (ValueError, OSError) as error:
        raise SystemExit(f"{error} (images are looked for below {VARIABLE}={root})") from None
    found = read_header(outputs["images"]).sha256
    if params.get("sha256", found) != found:
        raise SystemExit(
            f"{source.place}: the prepared images have sha256 {found}, params.yaml pins {params['sha256']}"
        )
    print(f"{source.place}: {counts}; sha256 {found}")
    return {"counts": counts, "sha256_of_images": found}


def _threads() -> int:
    """As many as the rule was given."""
    return int(os.environ.get("OMP_NUM_THREADS") or 1)
