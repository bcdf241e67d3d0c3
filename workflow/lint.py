"""What ruff, mypy and snakefmt do not look at: the workflow, text files without an encoding, notebooks with outputs.

``snakemake --lint`` asks for a conda environment or container in every rule: here one environment, pinned by hash in
requirements.lock, runs every rule, and every seal records the hash of that file.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ANSWERED = "Specify a conda environment or container for each rule."
COMMAND = [sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/default", "--lint"]
PYTHON = ("src", "workflow", "benchmarks", "docs")  # tests run where they are written
TEXT = re.compile(r"[rwaxt+]+")  # modes of a file that is opened as text


def main() -> int:
    """Prints what is left of the findings; 1 if there is any, or if Snakemake's linter did not run."""
    notebooks = sorted(Path("reports").glob("*.ipynb"))
    found = [
        f"{path}: {left}; clear all outputs and save it again"
        for path in notebooks
        if (left := outputs_in(path))
    ]
    for path, line, call in unencoded(notebooks):
        found.append(
            f'{path}:{line}: {call}: say encoding="utf-8", the default is what the user\'s locale says'
        )
    for finding in found:
        print(finding, file=sys.stderr)
    return 1 if found else snakemake()


def outputs_in(notebook: Path) -> str:
    """What a run left in a notebook, in words; nothing in a clean one."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    ran = sum(bool(cell.get("outputs")) or cell.get("execution_count") is not None for cell in cells)
    extra = sorted(set(content["metadata"]) - {"kernelspec"})
    told = [f"{ran} cells were run"] * bool(ran) + [f"metadata {', '.join(extra)}"] * bool(extra)
    return "; ".join(told)


# -- encodings ---------------------------------------------------------------------------------------------------------


def unencoded(notebooks: list[Path]) -> Iterator[tuple[Path, int, str]]:
    """(file, line, call) of all that reads or writes text in the locale's encoding.

    ruff's PLW1514 sees it only where it can tell that something is a path.
    """
    for path in sorted(path for folder in PYTHON for path in Path(folder).rglob("*.py")):
        yield from ((path, *call) for call in calls_in(path.read_text(encoding="utf-8")))
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        yield from ((path, *call) for text in code for call in calls_in(text))
    for path in [Path("Snakefile"), *sorted(Path("workflow").rglob("*.smk"))]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if re.search(r"\.(read|write)_text\(|\bopen\(|text=True", line) and "encoding=" not in line:
                yield path, number, line.strip()


def calls_in(code: str) -> Iterator[tuple[int, str]]:
    """(line, call) of the calls in a piece of Python that leave an encoding to the locale."""
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    return ((call.lineno, ast.unparse(call.func)) for call in calls if _is_text(call) and not _encoded(call))


def _encoded(call: ast.Call) -> bool:
    return any(keyword.arg in ("encoding", None) for keyword in call.keywords)


def _is_text(call: ast.Call) -> bool:
    """Whether a call reads or writes text: of a path, a file, a process."""
    match call.func:
        case ast.Attribute(attr="read_text"):
            return not call.args
        case ast.Attribute(attr="write_text"):
            return len(call.args) < 2
        case ast.Name(id="open") | ast.Attribute(attr="fdopen"):
            return _mode(call, 1) is not None
        case ast.Attribute(attr="open"):  # of a path: other things that open have other first arguments
            return _mode(call, 0) is not None
    return any(keyword.arg in ("text", "universal_newlines") for keyword in call.keywords)


def _mode(call: ast.Call, place: int) -> str | None:
    """The mode of a call that opens text; None of one that opens bytes, or no file."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] or call.args[place:]
    if not given:
        plain = {keyword.arg for keyword in call.keywords} <= {"buffering", "errors", "newline"}
        return "r" if len(call.args) == place and plain else None
    mode = given[0].value if isinstance(given[0], ast.Constant) else None
    return mode if isinstance(mode, str) and TEXT.fullmatch(mode) else None


# -- the workflow ------------------------------------------------------------------------------------------------------


def snakemake() -> int:
    """The linter of the workflow."""
    done = subprocess.run(COMMAND, capture_output=True, encoding="utf-8", errors="replace", check=False)
    findings = re.findall(r"^    \* (.+?):?$", done.stderr, flags=re.MULTILINE)
    left = [finding for finding in findings if finding.rstrip(":") != ANSWERED]
    if left or not (findings or "Congratulations" in done.stderr):
        print(done.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
