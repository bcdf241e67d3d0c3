"""Phase report: claims judged, studies brought together, pages rendered; and the index that closes every phase."""

CLAIMS_OF = {"claims": "results/claims/{study}.json"}
SUMMARY = {
    "metrics": "results/metrics.parquet",
    "claims": "results/claims.json",
    "summary": "results/summary.json",
    "accuracy_by_shots": "results/accuracy_by_shots.csv",
}
TEMPLATES = {
    "image": "reports/image_study.ipynb",
    "linear_theory": "reports/linear_theory.ipynb",
    "sparse_coding": "reports/sparse_coding.ipynb",
}
REPORT = {
    "page": "reports/rendered/{study}.html",
    "notebook": "reports/rendered/{study}.ipynb",
}
SITE = {
    "index": "reports/rendered/index.html",
    "artifacts": "reports/rendered/artifacts.html",
}
PHASES["report"] = {
    "kinds": list(TEMPLATES),
    "index": "reports/rendered/INDEX",
    "roots": ["results/claims", "reports/rendered"],
    "artifacts": lambda study: [
        CLAIMS_OF["claims"].format(study=study),
        *expand(REPORT.values(), study=study),
    ],
    "common": [*SUMMARY.values(), *SITE.values()],
}
INDEX = {"index": "{root}/INDEX"}
PHASE_AT = {str(Path(phase["index"]).parent): name for name, phase in PHASES.items()}


def metrics_of(study):
    """All measurements of a study."""
    return (COLLECT_THEORY if STUDIES[study].kind in SIMULATED else COLLECT)["metrics"].format(study=study)


def seals_of(study):
    """The seals of everything a study's report rests on, one a job."""
    if STUDIES[study].kind in SIMULATED:
        claims = CLAIMS_OF["claims"].format(study=study)
        return [str(seal_path(p)) for p in [*simulated(study, "metrics"), metrics_of(study), claims]]
    weights = expand(
        PRETRAIN["weights"],
        study=study,
        variant=STUDIES[study].variants,
        block=STUDIES[study].blocks,
    )
    pseudo = PHASES["pretrain"]["artifacts"](study)[2 * len(weights) :]
    primary = [
        *PHASES["data"]["artifacts"](study),
        *weights,
        *pseudo,
        *PHASES["transfer"]["artifacts"](study),
    ]
    return [str(seal_path(path)) for path in [*primary, CLAIMS_OF["claims"].format(study=study)]]


def report_inputs(w):
    """What the notebook of a study reads."""
    named = {
        "template": TEMPLATES[STUDIES[w.study].kind],
        "metrics": metrics_of(w.study),
        "claims": CLAIMS_OF["claims"].format(study=w.study),
        "seals": seals_of(w.study),
    }
    details = {"linear_theory": "rates", "sparse_coding": "units"}.get(STUDIES[w.study].kind)
    return named | ({"details": simulated(w.study, details)} if details else {})


def claims_inputs(w):
    """What the claims of a study are judged from."""
    rates = {"rates": simulated(w.study, "rates")} if STUDIES[w.study].kind == "linear_theory" else {}
    return {"metrics": metrics_of(w.study)} | rates


def summary_inputs(w):
    """The results of the default studies."""
    return {
        "metrics": [metrics_of(study) for study in DEFAULT],
        "claims": expand(CLAIMS_OF["claims"], study=DEFAULT),
    }


def site_inputs(w):
    """Claims and seals of the default studies."""
    return {
        "claims": [SUMMARY["claims"]],
        "seals": sorted({seal for study in DEFAULT for seal in seals_of(study)}),
    }


def site_params(w):
    """Titles and pages of the default studies."""
    studies = {name: {"title": STUDIES[name].title, "page": f"{name}.html"} for name in DEFAULT}
    return {"title": "advtransfer", "studies": studies}


rule claims:
    input:
        unpack(
            job(
                "claims",
                CLAIMS_OF,
                inputs=claims_inputs,
                params=lambda w: {"claims": claims_file.of_study(CLAIMS, w.study)},
            )
        ),
    output:
        **sealed(CLAIMS_OF),
    log:
        log_of(CLAIMS_OF),
    benchmark:
        benchmark_of(CLAIMS_OF)
    threads: asks("claims", "threads")
    resources:
        mem_mb=asks("claims", "mem_mb"),
        runtime=asks("claims", "runtime"),
        gpu=asks("claims", "gpu"),
    shell:
        JOB


rule summarise:
    input:
        unpack(job("summarise", SUMMARY, inputs=summary_inputs)),
    output:
        **sealed(SUMMARY),
    log:
        log_of(SUMMARY),
    benchmark:
        benchmark_of(SUMMARY)
    threads: asks("summarise", "threads")
    resources:
        mem_mb=asks("summarise", "mem_mb"),
        runtime=asks("summarise", "runtime"),
        gpu=asks("summarise", "gpu"),
    shell:
        JOB


rule report:
    input:
        unpack(
            job(
                "report",
                REPORT,
                inputs=report_inputs,
                params=lambda w: STUDIES[w.study].report(w.study),
                notebooks=lambda w: [TEMPLATES[STUDIES[w.study].kind]],
            )
        ),
    output:
        **sealed(REPORT),
    log:
        log_of(REPORT),
    benchmark:
        benchmark_of(REPORT)
    threads: asks("report", "threads")
    resources:
        mem_mb=asks("report", "mem_mb"),
        runtime=asks("report", "runtime"),
        gpu=asks("report", "gpu"),
    shell:
        JOB


rule site:
    input:
        unpack(job("site", SITE, inputs=site_inputs, params=site_params)),
    output:
        **sealed(SITE),
    log:
        log_of(SITE),
    benchmark:
        benchmark_of(SITE)
    threads: asks("site", "threads")
    resources:
        mem_mb=asks("site", "mem_mb"),
        runtime=asks("site", "runtime"),
        gpu=asks("site", "gpu"),
    shell:
        JOB


rule index:
    input:
        unpack(
            job(
                "index",
                INDEX,
                inputs=lambda w: {"artifacts": index_inputs(PHASE_AT[w.root])},
                params=lambda w: index_params(PHASE_AT[w.root]),
            )
        ),
    output:
        **sealed(INDEX),
    log:
        log_of(INDEX),
    benchmark:
        benchmark_of(INDEX)
    wildcard_constraints:
        root="|".join(PHASE_AT),
    threads: asks("index", "threads")
    resources:
        mem_mb=asks("index", "mem_mb"),
        runtime=asks("index", "runtime"),
        gpu=asks("index", "gpu"),
    shell:
        JOB
