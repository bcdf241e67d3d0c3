"""params.yaml says what to study; this file turns it into targets; workflow/rules/ says how each is made."""

import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
# The code of this checkout runs, whichever checkout is installed, and the environment that runs Snakemake runs the jobs.
# Text is UTF-8 in all of them, whatever the locale says.
sys.path.insert(0, str(ROOT / "src"))
os.environ.update(
    PYTHONPATH=str(ROOT / "src"),
    PYTHONUTF8="1",
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/artifacts.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        [phase["index"] for phase in PHASES.values()],


onstart:
    if workflow.is_main_process:
        needed = {job for job in workflow.dag.needrun_jobs() if job.output}
        # A job that an executor sends elsewhere finds out on its own machine.
        wanting = [job for job in needed if workflow.local_exec and job.resources.get("gpu_least")]
        check_gpus({key_of(job): (job.resources["gpu"], job.resources["gpu_least"]) for job in wanting})
        fresh = [job for job in workflow.dag.jobs if job.output and job not in needed]
        if needed:  # `fetch` makes no artifact
            journal.begin(Path.cwd(), planned(needed), reused=len(fresh))


onsuccess:
    shell("python -m advtransfer track --new")


onerror:
    shell("python -m advtransfer track --new")
