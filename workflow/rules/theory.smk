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
        mem_mb=asks("linear_theory", "mem_mb"),
        runtime=asks("linear_theory", "runtime"),
        gpu=asks("linear_theory", "gpu"),
        gpu_least=asks("linear_theory", "gpu_least"),
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
        mem_mb=asks("sparse_coding", "mem_mb"),
        runtime=asks("sparse_coding", "runtime"),
        gpu=asks("sparse_coding", "gpu"),
        gpu_least=asks("sparse_coding", "gpu_least"),
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
        mem_mb=asks("collect", "mem_mb"),
        runtime=asks("collect", "runtime"),
        gpu=asks("collect", "gpu"),
        gpu_least=asks("collect", "gpu_least"),
    params:
        listed=listed,
    shell:
        JOB_OF_MANY
