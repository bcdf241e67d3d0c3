"""From a data set's block of params.yaml to its images on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.odd_layouts import refuse_empty, refuse_one_class
from advtransfer.data.natural.parquet_table import parquet_table
from advtransfer.data.natural.records import Limits, Source
from advtransfer.data.natural.torchvision_sets import torchvision_set


def open_source(block: Mapping[str, Any], root: Path) -> Source:
    """The images below ``root``; ``block`` has one of folder, torchvision and parquet, and may limit what is used.

    Raises ValueError, in one line, if something is missing or is plainly no set of classes.
    """
    limits = Limits(classes=block.get("classes"), per_class=block.get("images_per_class"))
    source = _opened(block, root, limits)
    refuse_one_class(source.place, source.class_names)
    refuse_empty(source.place, source.class_names, source.counts, limits.named)
    return source


def _opened(block: Mapping[str, Any], root: Path, limits: Limits) -> Source:
    if "folder" in block:
        given = block["folder"]
        return image_folder(root / given["path"], given["splits"], limits, careful=True)
    if "parquet" in block:
        given = block["parquet"]
        columns = {key: given.get(key) for key in ("image", "label")}
        return parquet_table(root / given["path"], given["splits"], **columns, limits=limits)
    given = block["torchvision"]
    folder = root / given["name"]
    return torchvision_set(given["name"], folder, given["splits"], options=given["options"], limits=limits)
