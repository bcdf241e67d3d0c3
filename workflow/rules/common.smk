"""Shared by all rules: the parameters, the guard that decides freshness, the one shell line of a job."""

import re

from advtransfer.data.catalogue import CATALOGUE
from advtransfer.evaluation import claims_file
from advtransfer.params import load_params
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
JOB = "python -m advtransfer job --threads {threads} --gpus {resources.gpu} {output} -- {input} > {log} 2>&1"


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


def job(stage, outputs, *, inputs=lambda w: {}, params=lambda w: {}, notebooks=lambda w: ()):
    """Input function of a rule: the job's spec, which carries the verdict, and its named inputs."""

    def function(wildcards):
        named, values = inputs(wildcards), dict(wildcards.items())
        filled = {name: pattern.format(**values) for name, pattern in outputs.items()}
        code = f"advtransfer.stages.{module_of(stage, wildcards)}"
        benchmark = benchmark_of(outputs).format(**values)
        spec = GUARD.spec_file(
            stage, code, params(wildcards), named, filled, values, notebooks(wildcards), benchmark
        )
        return {"spec": spec} | named

    return function


def asks(stage, resource):
    """One resource of a job, as params.yaml states it for the rule and study, or the data set."""
    return lambda w: getattr(P.resources(stage, w.get("study"), w.get("dataset")), resource)


def as_rst(text):
    """Words that a caption may hold: one line, without markup of reStructuredText."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", " ".join(text.split()))


# What the captions in workflow/report/ may read; the guard goes on to find stale jobs while the DAG is built.
config.update(titles={name: as_rst(study.title) for name, study in STUDIES.items()}, stale=GUARD.stale)
