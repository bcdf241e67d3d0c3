"""Phase pretrain: every variant on the source, and the teacher's pseudo-labels between them."""


rule pretrain:
    input:
        unpack(
            job(
                "pretrain",
                PRETRAIN,
                inputs=examples_of,
                params=lambda w: STUDIES[w.study].pretrain(w.variant, w.block),
                modules=lambda w: STUDIES[w.study].objective(w.variant),
            )
        ),
    output:
        **sealed(PRETRAIN),
    log:
        log_of(PRETRAIN),
    benchmark:
        benchmark_of(PRETRAIN)
    threads: asks("pretrain", "threads")
    resources:
        **needs("pretrain"),
    shell:
        JOB


rule pseudo_label:
    input:
        unpack(
            job(
                "pseudo_label",
                PSEUDO,
                inputs=teacher_of,
                params=lambda w: STUDIES[w.study].pseudo_label(w.block),
            )
        ),
    output:
        **sealed(PSEUDO),
    log:
        log_of(PSEUDO),
    benchmark:
        benchmark_of(PSEUDO)
    threads: asks("pseudo_label", "threads")
    resources:
        **needs("pseudo_label"),
    shell:
        JOB
