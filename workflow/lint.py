"""``snakemake --lint`` without the one finding that this project answers otherwise; and notebooks without outputs.

The linter asks for a conda environment or container in every rule: here one environment, pinned by hash in
requirements.lock, runs every rule, and every seal records the hash of that file.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ANSWERED = "Specify a conda environment or container for each rule."
COMMAND = [sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/default", "--lint"]


def main() -> int:
    """Prints what is left of the findings; 1 if there is any, or if Snakemake's linter did not run."""
    unclean = {path: found for path in sorted(Path("reports").glob("*.ipynb")) if (found := outputs_in(path))}
    for path, found in unclean.items():
        print(f"{path}: {found}; clear all outputs and save it again", file=sys.stderr)
    return 1 if unclean else snakemake()


def outputs_in(notebook: Path) -> str:
    """What a run left in a notebook, in words; nothing in a clean one."""
    content = json.loads(notebook.read_text())
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    ran = sum(bool(cell.get("outputs")) or cell.get("execution_count") is not None for cell in cells)
    extra = sorted(set(content["metadata"]) - {"kernelspec"})
    told = [f"{ran} cells were run"] * bool(ran) + [f"metadata {', '.join(extra)}"] * bool(extra)
    return "; ".join(told)


def snakemake() -> int:
    """The linter of the workflow."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    findings = re.findall(r"^    \* (.+?):?$", done.stderr, flags=re.MULTILINE)
    left = [finding for finding in findings if finding.rstrip(":") != ANSWERED]
    if left or not (findings or "Congratulations" in done.stderr):
        print(done.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
