"""python -m toy.job SPEC OUT.. -- IN..   runs one job, and notes in $TOY_LOG that it did."""

import os
import sys
from pathlib import Path

from advtransfer.provenance.job import run_job

if __name__ == "__main__":
    spec_file, *rest = sys.argv[1:]
    cut = rest.index("--")
    with Path(os.environ.get("TOY_LOG", os.devnull)).open("a") as log:
        log.write(rest[0] + "\n")
    run_job(Path(spec_file), rest[:cut], rest[cut + 1 :], source=Path("src"))
