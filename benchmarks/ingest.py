"""Images a second from a folder of JPEGs to a prepared Parquet file, and the memory it takes.

    python benchmarks/ingest.py $ADVTRANSFER_DATA/tiny-imagenet/train --images 8000

Runs ``prepare`` and a plain loop over Pillow that writes the same columns (but looks for no duplicates and
computes no checksum) in turn on the same files, compares the pixels they wrote, then prepares the whole folder in
a process of its own and reports the most memory that it held. A warm-up of each comes first, so the files are in
the page cache. Expected for 64-pixel images: about half the processor time of the loop, and below 1,024 MiB. On a
machine that others use too, trust the processor time rather than the images a second. Exit code 1 when the pixels
differ or the memory is exceeded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.ingest import Preparation, prepare
from advtransfer.data.natural.records import Limits
from advtransfer.provenance.environment import peak_memory

MOST_MEMORY = 1024  # MiB
ROWS = 340  # of a row group, as many as prepare takes for 64-pixel images


@dataclass(frozen=True)
class Times:
    """Of the runs of one way: images a second, and microseconds of processor time an image."""

    rates: list[float]
    costs: list[float]

    def __str__(self) -> str:
        middle, cost = statistics.median(self.rates), statistics.median(self.costs)
        spread = f"({min(self.rates):.0f} to {max(self.rates):.0f})"
        return f"{middle:8.0f} images/s {spread:16} {cost:6.0f} us of processor time an image"


def main() -> int:
    asked = arguments()
    if asked.whole:
        return whole(asked)
    classes = image_folder(asked.folder).class_names
    limits = Limits(per_class=max(1, asked.images // len(classes)))
    source = image_folder(asked.folder, limits=limits)
    how = Preparation(resolution=asked.resolution)
    with tempfile.TemporaryDirectory() as name:
        ours, plain, rejects = (Path(name) / part for part in ("ours", "plain", "rejects"))
        runs: dict[str, Callable[[], object]] = {
            "prepare": lambda: prepare(source, how, ours, rejects, workers=asked.workers),
            "Pillow in a loop": lambda: pillow_loop(asked.folder, limits.per_class, asked.resolution, plain),
        }
        times = measure(runs, source.count, asked.rounds)
        same = same_pixels(ours, plain)
    for label, found in times.items():
        print(f"{label:18} {found}")
    first, second = (statistics.median(found.rates) for found in times.values())
    print(
        f"ratio {first / second:.2f}: {source.count} images, {asked.workers} threads, load {os.getloadavg()[0]:.1f}"
    )
    print(f"pixels equal: {same}")
    command = [sys.executable, __file__, str(asked.folder), "--whole", f"--workers={asked.workers}"]
    peak = subprocess.run([*command, f"--resolution={asked.resolution}"], check=False).returncode
    return int(not same or peak != 0)


def measure(runs: dict[str, Callable[[], object]], images: int, rounds: int) -> dict[str, Times]:
    """All ways in turn, once to warm up and then ``rounds`` times."""
    times = {label: Times([], []) for label in runs}
    for number in range(rounds + 1):
        for label, run in runs.items():
            start, processor = time.perf_counter(), time.process_time()
            run()
            if number:
                times[label].rates.append(images / (time.perf_counter() - start))
                times[label].costs.append((time.process_time() - processor) / images * 1e6)
    return times


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="one folder a class")
    parser.add_argument(
        "--images", type=int, default=8000, help="how many to compare on, equally of every class"
    )
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each after the warm-up")
    parser.add_argument("--whole", action="store_true", help="only prepare everything and report the memory")
    return parser.parse_args()


def whole(asked: argparse.Namespace) -> int:
    """Prepares the whole folder; 1 if it took more memory than allowed."""
    start = time.perf_counter()
    source = image_folder(asked.folder)
    with tempfile.TemporaryDirectory() as name:
        out, rejects = Path(name) / "images", Path(name) / "rejects"
        how = Preparation(resolution=asked.resolution)
        summary = prepare(source, how, out, rejects, workers=asked.workers)
        size = out.stat().st_size / 2**20
    seconds = time.perf_counter() - start
    peak = peak_memory() or 0
    print(f"whole folder: {summary}")
    rate = summary["records"] / seconds
    print(f"{rate:.0f} images/s, {seconds:.1f} s, {size:.0f} MiB written, peak {peak} MiB")
    return int(peak > MOST_MEMORY)


def pillow_loop(folder: Path, per_class: int | None, resolution: int, out: Path) -> None:
    """What one would write first: open, convert, resize, crop, collect, write."""
    size = resolution * resolution * 3
    names = ["image", "label", "split", "source"]
    kinds = [pa.binary(size), pa.int64(), pa.string(), pa.string()]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    rows: list[tuple[bytes, int, str, str]] = []
    with pq.ParquetWriter(out, schema, compression="none", use_dictionary=["split"]) as writer:
        for label, name in enumerate(sorted(path.name for path in folder.iterdir())):
            for path in sorted((folder / name).rglob("*.*"))[:per_class]:
                with Image.open(path) as image:
                    square = centre(image.convert("RGB"), resolution)
                rows.append((square.tobytes(), label, "all", path.relative_to(folder).as_posix()))
                if len(rows) == ROWS:
                    writer.write_table(pa.table([list(c) for c in zip(*rows, strict=True)], schema=schema))
                    rows = []
        if rows:
            writer.write_table(pa.table([list(c) for c in zip(*rows, strict=True)], schema=schema))


def centre(image: Image.Image, resolution: int) -> Image.Image:
    if min(image.size) != resolution:
        scale = resolution / min(image.size)
        image = image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (round((side - resolution) / 2) for side in image.size)
    return image.crop((left, top, left + resolution, top + resolution))


def same_pixels(ours: Path, plain: Path) -> bool:
    """Of the images that both hold: ``prepare`` leaves duplicates out."""
    first, second = (pq.read_table(path, columns=["image", "source"]) for path in (ours, plain))
    kept = np.isin(second["source"].to_numpy(), first["source"].to_numpy())
    return second.filter(pa.array(kept))["image"].equals(first["image"])


if __name__ == "__main__":
    sys.exit(main())
