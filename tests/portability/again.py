"""``python again.py PROJECT PYTHON TOLD``: sealed jobs of a project run again by one process, on whatever it runs.

Appends a line for each output to the file ``TOLD``, ``same PATH`` or ``other PATH``; a job whose outputs are in it is
not run. ``PYTHON`` is the interpreter of the processes that a stage starts (the kernel of a notebook). Jobs read
what is sealed, not what was made again.
"""

import hashlib
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from advtransfer.cli.job import prepare_environment

LISTS = "advtransfer.stages.index"  # it lists a phase's files and removes others: nothing is computed there


def again(seal, folder):
    """The outputs of the job of a seal, made in ``folder``: path in the project -> file."""
    spec = seal["spec"]
    made = {
        name: folder / f"{number}-{Path(path).name}" for number, (name, path) in enumerate(spec["outputs"])
    }
    stage = import_module(spec["stage"])
    inputs = {
        name: [Path(path) for path in paths] if isinstance(paths, list) else Path(paths)
        for name, paths in spec["inputs"]
    }
    scratch = {"scratch": folder / "scratch"} if spec["stage"].endswith("pretrain_natural") else {}
    stage.main(spec["params"], inputs, made, **scratch)
    return {path: made[name] for name, path in spec["outputs"]}


def main(project, python, told):
    prepare_environment(threads=1, gpus=[], portable=True)
    sys.executable = python
    os.chdir(project)
    told = Path(told)
    done = {line.split(" ", 1)[1] for line in told.read_text(encoding="utf-8").splitlines()}
    for file in sorted(Path().rglob("*.seal")):
        seal = json.loads(file.read_text(encoding="utf-8"))
        if seal["spec"]["stage"] == LISTS or done.issuperset(path for _, path in seal["spec"]["outputs"]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            lines = ""
            for path, made in again(seal, Path(folder)).items():
                digest = hashlib.sha256(made.read_bytes()).hexdigest()
                lines += f"{'same' if digest == seal['sha256'][path] else 'other'} {path}\n"
            with told.open("a", encoding="utf-8") as appended:
                appended.write(lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
