"""A data set in the project's Parquet schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from advtransfer.data.digits import load_digits
from advtransfer.data.table import write_images

LOADERS = {"digits": load_digits}


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> None:
    """params: dataset. outputs: images."""
    try:
        write_images(outputs["images"], LOADERS[params["dataset"]]())
    except ValueError as error:
        raise SystemExit(str(error)) from None
