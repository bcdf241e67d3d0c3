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


rule measure:
    input:
        unpack(
            job(
                "measure",
                MEASURE,
                inputs=variants_of,
                params=lambda w: STUDIES[w.study].measure(w.study, w.target, w.block),
                modules=lambda w: STUDIES[w.study].measure_modules,
            )
        ),
    output:
        **sealed(MEASURE),
    log:
        log_of(MEASURE),
    benchmark:
        benchmark_of(MEASURE)
    threads: asks("measure", "threads")
    resources:
        **needs("measure"),
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
