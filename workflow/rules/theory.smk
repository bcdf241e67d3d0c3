"""Phase theory: the models that need no data, one job a scenario; process start costs more than a sweep does."""


rule linear_theory:
    input:
        unpack(job("linear_theory", LINEAR, params=lambda w: STUDIES[w.study].simulation(w.study, w.target))),
    output:
        **sealed(LINEAR),
    log:
        log_of(LINEAR),
    benchmark:
        benchmark_of(LINEAR)
    wildcard_constraints:
        study=any_of(studies_of("linear_theory")),
    threads: asks("linear_theory", "threads")
    resources:
        **needs("linear_theory"),
    shell:
        JOB


rule sparse_coding:
    input:
        unpack(job("sparse_coding", SPARSE, params=lambda w: STUDIES[w.study].simulation(w.study, w.target))),
    output:
        **sealed(SPARSE),
    log:
        log_of(SPARSE),
    benchmark:
        benchmark_of(SPARSE)
    wildcard_constraints:
        study=any_of(studies_of("sparse_coding")),
    priority: 1  # the longest jobs first, or a core waits for the last one
    threads: asks("sparse_coding", "threads")
    resources:
        **needs("sparse_coding"),
    shell:
        JOB


rule collect_theory:
    input:
        unpack(job("collect", COLLECT_THEORY, inputs=lambda w: {"metrics": simulated(w.study, "metrics")})),
    output:
        **sealed(COLLECT_THEORY, metrics=caption("measurements", "measurements")),
    log:
        log_of(COLLECT_THEORY),
    benchmark:
        benchmark_of(COLLECT_THEORY)
    threads: asks("collect", "threads")
    resources:
        **needs("collect"),
    params:
        listed=listed,
    shell:
        JOB_OF_MANY
