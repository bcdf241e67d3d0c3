"""The example without Snakemake prints what is published."""

import json
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples/one_study.py"


def test_the_example_prints_the_published_difference():
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = [float(number) for number in re.findall(r"[+-]\d\.\d+", done.stdout)]
    published = json.loads((CHECKOUT / "reports/published.json").read_text())
    claim = published["claims"]["digits/claims/C1-linear-l2"]
    assert found == [round(claim[name], 4) for name in ("estimate", "ci_low", "ci_high")]
    assert done.stdout.endswith(f"n {claim['n']}\n")


def test_the_example_is_short():
    assert len(EXAMPLE.read_text().splitlines()) < 80
