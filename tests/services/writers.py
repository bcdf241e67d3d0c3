"""Tracks several checkouts at the same moment, a process each: `python writers.py FOLDER..`, one count a line.

The imports are done before the processes part: otherwise they take 50 s together on two cores, and no two writers meet.
"""

import multiprocessing
import sys
from pathlib import Path

import mlflow.tracking  # noqa: F401
import pandas as pd  # noqa: F401

from advtransfer.tracking import sync


def write(folder, start, counts):
    """One writer."""
    start.wait()
    counts.put(sync(Path(folder), ask=True).logged)


def main(folders):
    """All of them."""
    context = multiprocessing.get_context("fork")
    start, counts = context.Barrier(len(folders)), context.SimpleQueue()
    writers = [context.Process(target=write, args=(folder, start, counts)) for folder in folders]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for _ in [writer for writer in writers if writer.exitcode == 0]:
        print(counts.get())


if __name__ == "__main__":
    main(sys.argv[1:])
