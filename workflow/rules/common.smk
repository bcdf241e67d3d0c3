"""Shared by all rules: the parameters, the guard that decides freshness, the one shell line of a job."""

import re

from snakemake.io import flag
from snakemake.iocontainers import Wildcards
from snakemake.path_modifier import PATH_MODIFIER_FLAG

from advtransfer.cli import gpu_plan, gpus, images, journal, raw
from advtransfer.data.catalogue import CATALOGUE
from advtransfer.evaluation import claims_file
from advtransfer.params import ParamsError, load_params
from advtransfer.provenance.guard import Guard
from advtransfer.provenance.seal import seal_path

try:
    P = load_params("params.yaml")
    CLAIMS = claims_file.load(Path("reports/claims.yaml"))
    claims_file.check_known(CLAIMS, Path("reports/claims.yaml"), P.measured())
except ValueError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(2)  # Snakemake would turn an exception into a traceback and exit code 1

GUARD = Guard(Path.cwd(), ROOT / "src")
STUDIES = P.studies
DEFAULT = P.default_studies
BY_KIND = ["split", "pretrain", "pseudo_label", "transfer"]
# A job that is killed cannot say so itself: the shell writes it into the log.
JOB = (
    "python -m advtransfer job --threads {threads} --gpus {resources.gpu} --least-gpus {resources.gpu_least} "
    "{output} -- {input} > {log} 2>&1"
    ' || {{ code=$?; [ $code -le 128 ] || echo "killed by signal $((code - 128))$('
    '[ $code != 137 ] || echo ": out of memory?")" >> {log}; exit $code; }}'
)
# For rules that read a file of every job of a study: the line is one argument of bash, of which Linux takes 128 KiB.
JOB_OF_MANY = JOB.replace("{input}", "{params.listed}")


wildcard_constraints:
    study="|".join(STUDIES),
    target=r"[a-z0-9-]+",
    variant=r"[a-z0-9-]+",
    block=r"r\d+-\d+",


def any_of(names):
    """A wildcard that is one of these names; nothing at all where there are none."""
    return "|".join(names) or "(?!)"


def studies_of(*kinds):
    """The studies of these kinds."""
    return [name for name, study in STUDIES.items() if study.kind in kinds]


def sealed(outputs, **shown):
    """The outputs of a rule and the seal beside the first of them; `shown` flags some for `snakemake --report`."""
    flagged = {name: report(outputs[name], **flags) for name, flags in shown.items()}
    return outputs | flagged | {"seal": str(seal_path(next(iter(outputs.values()))))}


def caption(name, result, category="Study {study}"):
    """How `snakemake --report` shows an output: in which folder, as what, with which file of words."""
    # A category becomes a wildcard pattern and a link target of reStructuredText: a study's name may, its title may not.
    return {"caption": f"../report/{name}.rst", "category": category, "labels": {"result": result}}


def log_of(outputs, ending=".log"):
    """The log (or benchmark) of a job: logs/ and the path of its first output."""
    return f"logs/{next(iter(outputs.values()))}{ending}"


def benchmark_of(outputs):
    """Seconds, memory and load of a job as Snakemake measures them."""
    return log_of(outputs, ".tsv")


def module_of(stage, wildcards):
    """The module of a rule's stage: deep networks on natural images have some of their own."""
    study = STUDIES.get(wildcards.get("study"))
    return f"{stage}_natural" if study and study.kind == "natural_image" and stage in BY_KIND else stage


def own(path):
    """A file that each machine has from git or makes for itself: not looked for in the storage that a profile names."""
    return flag(path, PATH_MODIFIER_FLAG)


def tracked(path):
    """An input, or a list of them, with those marked that every machine has from git: notebooks, records of studies."""
    if isinstance(path, list):
        return [tracked(each) for each in path]
    from_git = path in TEMPLATES.values() or path.startswith(f"{RECORDS}/")
    return own(path) if from_git else path


def job(
    stage, outputs, *, inputs=lambda w: {}, params=lambda w: {}, notebooks=lambda w: (), modules=lambda w: ()
):
    """Input function of a rule: the job's spec, which carries the verdict, and its named inputs.

    `modules` are those that the stage imports because its params name them: code of this job, not of its rule.
    """

    def function(wildcards):
        named, values = inputs(wildcards), dict(wildcards.items())
        filled = {name: pattern.format(**values) for name, pattern in outputs.items()}
        code = f"advtransfer.stages.{module_of(stage, wildcards)}"
        benchmark, templates = benchmark_of(outputs).format(**values), notebooks(wildcards)
        more = {"notebooks": templates, "named": modules(wildcards), "benchmark": benchmark}
        spec = GUARD.spec_file(stage, code, params(wildcards), named, filled, values, **more)
        found = {name: tracked(path) for name, path in named.items()}
        return {"spec": own(spec)} | found

    return function


def listed(wildcards, input):
    """A file beside the job's spec that names its inputs, one a line, as the job takes them: @file."""
    file = Path(f"{input.spec}.inputs")
    file.write_text("".join(f"{path}\n" for path in input), encoding="utf-8")
    return f"@{file}"


def asks(stage, resource):
    """One resource of a job, as params.yaml states it for the rule and study or data set; a retry gets more memory and
    time."""

    def function(wildcards, attempt):
        stated = getattr(P.resources(stage, wildcards.get("study"), wildcards.get("dataset")), resource)
        return stated * attempt if resource in ("mem_mb", "runtime") else stated

    return function


def needs(stage):
    """All that a job asks for beside threads."""
    return {name: asks(stage, name) for name in ("mem_mb", "runtime", "gpu", "gpu_least")}


def enough(study):
    """Ends Snakemake with one line and exit code 2 if prepared image sets hold too few images for a study."""
    try:
        images.refuse_too_few(Path.cwd(), P, study)
    except ParamsError as error:
        print(error, file=sys.stderr, flush=True)
        raise SystemExit(2) from None


def key_of(job):
    """Where params.yaml says how many GPUs a job asks for."""
    at = job.wildcards.get("dataset")
    return (
        f"datasets.{at}.resources.gpu"
        if at
        else f"studies.{job.wildcards.study}.resources.{job.rule.name}.gpu"
    )


def check_gpus(needs):
    """Ends Snakemake with one line and exit code 2 if this machine lacks the GPUs of the jobs that would run."""
    try:
        gpu_plan.check_plan(needs, os.environ)
    except gpus.GpuError as error:
        print(error, file=sys.stderr, flush=True)
        raise SystemExit(error.exit_code) from None


def planned(jobs):
    """What the journal of a run says of the jobs that it has to do, in the order of the phases."""
    found = []
    for job in jobs:
        made, log = str(job.output[0]), str(next(iter(job.log), ""))
        why, seconds = GUARD.stale.get(made, ""), GUARD.seconds(made)
        number = workflow.dag.jobid(job)
        found.append(journal.Planned(number, job.rule.name, phase_of(made), made, log, why, seconds))
    return sorted(found, key=lambda job: list(PHASES).index(job.phase))


def as_rst(text):
    """Words that a caption may hold: one line, without markup of reStructuredText."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", " ".join(text.split()))


# What the captions in workflow/report/ may read; the guard goes on to find stale jobs while the DAG is built.
config.update(titles={name: as_rst(study.title) for name, study in STUDIES.items()}, stale=GUARD.stale)
