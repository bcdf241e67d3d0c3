"""Phase transfer: what each representation is worth on each target."""

TRANSFER = {"metrics": "results/transfer/{study}/{target}/{variant}/{block}.parquet"}
COLLECT = {"metrics": "results/transfer/{study}/metrics.parquet"}
PHASES["transfer"] = {
    "kinds": ["image"],
    "index": "results/transfer/INDEX",
    "roots": ["results/transfer"],
    "artifacts": lambda study: [
        *transfers_of(study),
        COLLECT["metrics"].format(study=study),
    ],
}


def transfers_of(study):
    """Measurements of one study: targets x representations x blocks of replicas."""
    return expand(
        TRANSFER["metrics"],
        study=study,
        target=STUDIES[study].targets,
        variant=STUDIES[study].representations,
        block=STUDIES[study].blocks,
    )


def representation_of(w):
    """Data and, where the representation was trained, its weights."""
    trained = w.variant in STUDIES[w.study].variants
    weights = PRETRAIN["weights"].format(study=w.study, variant=w.variant, block=w.block)
    return data_of(w) | ({"weights": weights} if trained else {})


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
        mem_mb=asks("transfer", "mem_mb"),
        runtime=asks("transfer", "runtime"),
        gpu=asks("transfer", "gpu"),
    shell:
        JOB


rule collect:
    input:
        unpack(job("collect", COLLECT, inputs=lambda w: {"metrics": transfers_of(w.study)})),
    output:
        **sealed(COLLECT),
    log:
        log_of(COLLECT),
    benchmark:
        benchmark_of(COLLECT)
    threads: asks("collect", "threads")
    resources:
        mem_mb=asks("collect", "mem_mb"),
        runtime=asks("collect", "runtime"),
        gpu=asks("collect", "gpu"),
    shell:
        JOB
