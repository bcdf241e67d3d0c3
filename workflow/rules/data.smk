"""Phase data: image sets in one schema, and who sees which image."""


rule prepare:
    input:
        unpack(job("prepare", IMAGES, params=lambda w: {"dataset": w.dataset})),
    output:
        **sealed(IMAGES),
    log:
        log_of(IMAGES),
    benchmark:
        benchmark_of(IMAGES)
    wildcard_constraints:
        dataset=any_of(CATALOGUE),
    threads: asks("prepare", "threads")
    resources:
        **needs("prepare"),
    shell:
        JOB


rule ingest:
    input:
        unpack(ingested),
    output:
        **sealed(INGESTED),
    log:
        log_of(INGESTED),
    benchmark:
        benchmark_of(INGESTED)
    wildcard_constraints:
        dataset=any_of(P.datasets),
    threads: asks("ingest", "threads")
    resources:
        **needs("ingest"),
    shell:
        JOB


rule split:
    input:
        unpack(
            job(
                "split",
                SPLITS,
                inputs=images_of,
                params=lambda w: STUDIES[w.study].split(w.block),
            )
        ),
    output:
        **sealed(SPLITS),
    log:
        log_of(SPLITS),
    benchmark:
        benchmark_of(SPLITS)
    threads: asks("split", "threads")
    resources:
        **needs("split"),
    params:
        # once more when the job is about to start: the images may have been prepared by this very run
        enough=lambda w: enough(w.study) or "",
    shell:
        JOB


# Never part of a study: `snakemake --cores 1 fetch` downloads every torchvision set of `datasets`, where it is called.
rule fetch:
    log:
        "logs/fetch.log",
    localrule: True
    shell:
        "python -m advtransfer fetch 2>&1 | tee {log}"
