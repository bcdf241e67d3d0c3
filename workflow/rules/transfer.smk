"""Phase transfer: what each representation is worth on each target."""


rule transfer:
    input:
        unpack(
            job(
                "transfer",
                TRANSFER,
                inputs=representation_of,
                params=lambda w: STUDIES[w.study].transfer_to(w.study, w.target, w.variant, w.block),
            )
        ),
    output:
        **sealed(TRANSFER),
    log:
        log_of(TRANSFER),
    benchmark:
        benchmark_of(TRANSFER)
    threads: asks("transfer", "threads")
    resources:
        **needs("transfer"),
    shell:
        JOB


rule similarity:
    input:
        unpack(
            job(
                "similarity",
                SIMILARITY,
                inputs=variants_of,
                params=lambda w: STUDIES[w.study].similarity(w.study, w.target, w.block),
            )
        ),
    output:
        **sealed(SIMILARITY),
    log:
        log_of(SIMILARITY),
    benchmark:
        benchmark_of(SIMILARITY)
    threads: asks("similarity", "threads")
    resources:
        **needs("similarity"),
    shell:
        JOB


rule collect:
    input:
        unpack(job("collect", COLLECT, inputs=lambda w: {"metrics": transfers_of(w.study)})),
    output:
        **sealed(COLLECT, metrics=caption("measurements", "measurements")),
    log:
        log_of(COLLECT),
    benchmark:
        benchmark_of(COLLECT)
    threads: asks("collect", "threads")
    resources:
        **needs("collect"),
    params:
        listed=listed,
    shell:
        JOB_OF_MANY
