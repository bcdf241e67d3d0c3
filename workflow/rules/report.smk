"""Phase report: claims judged, studies brought together, pages rendered; and the index that closes every phase."""


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
        **sealed(CLAIMS_OF, claims=caption("claims", "claims")),
    log:
        log_of(CLAIMS_OF),
    benchmark:
        benchmark_of(CLAIMS_OF)
    threads: asks("claims", "threads")
    resources:
        **needs("claims"),
    shell:
        JOB


rule summarise:
    input:
        unpack(job("summarise", SUMMARY, inputs=summary_inputs)),
    output:
        **sealed(
            SUMMARY,
            metrics=caption("measurements", "measurements", "All studies"),
            claims=caption("claims", "claims", "All studies"),
            summary=caption("summary", "summary", "All studies"),
            accuracy_by_shots=caption("accuracy_by_shots", "accuracy by shots", "All studies"),
        ),
    log:
        log_of(SUMMARY),
    benchmark:
        benchmark_of(SUMMARY)
    threads: asks("summarise", "threads")
    resources:
        **needs("summarise"),
    params:
        listed=listed,
    shell:
        JOB_OF_MANY


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
        **sealed(REPORT, page=caption("study_page", "page")),
    log:
        log_of(REPORT),
    benchmark:
        benchmark_of(REPORT)
    threads: asks("report", "threads")
    resources:
        **needs("report"),
    params:
        listed=listed,
    shell:
        JOB_OF_MANY


rule site:
    input:
        unpack(job("site", SITE, inputs=site_inputs, params=site_params)),
    output:
        **sealed(SITE, artifacts=caption("artifacts", "artifacts and timings", "All studies")),
    log:
        log_of(SITE),
    benchmark:
        benchmark_of(SITE)
    threads: asks("site", "threads")
    resources:
        **needs("site"),
    params:
        listed=listed,
    shell:
        JOB_OF_MANY


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
        **needs("index"),
    params:
        listed=listed,
    shell:
        JOB_OF_MANY
