"""Phase pretrain: every variant on the source, and the teacher's pseudo-labels between them."""

PRETRAIN = {
    "weights": "results/pretrain/{study}/{variant}/{block}.safetensors",
    "curves": "results/pretrain/{study}/{variant}/{block}.curves.parquet",
}
PSEUDO = {"pseudo_labels": "data/pseudo_labels/{study}/{block}.parquet"}
PHASES["pretrain"] = {
    "kinds": ["image"],
    "index": "results/pretrain/INDEX",
    "roots": ["results/pretrain", "data/pseudo_labels"],
    "artifacts": lambda study: [
        *expand(
            PRETRAIN.values(),
            study=study,
            variant=STUDIES[study].variants,
            block=STUDIES[study].blocks,
        ),
        *expand(
            PSEUDO["pseudo_labels"],
            study=study,
            block=STUDIES[study].blocks if STUDIES[study].pseudo_labels else [],
        ),
    ],
}


def examples_of(w):
    """What a variant learns from."""
    pseudo = STUDIES[w.study].variants[w.variant].labels == "pseudo"
    return data_of(w) | ({"pseudo_labels": PSEUDO["pseudo_labels"].format(**w)} if pseudo else {})


def teacher_of(w):
    """The weights that pseudo-label a study."""
    teacher = STUDIES[w.study].pseudo_labels.teacher
    return data_of(w) | {"teacher": PRETRAIN["weights"].format(variant=teacher, **w)}


rule pretrain:
    input:
        unpack(
            job(
                "pretrain",
                PRETRAIN,
                inputs=examples_of,
                params=lambda w: STUDIES[w.study].pretrain(w.variant, w.block),
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
        mem_mb=asks("pretrain", "mem_mb"),
        runtime=asks("pretrain", "runtime"),
        gpu=asks("pretrain", "gpu"),
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
        mem_mb=asks("pseudo_label", "mem_mb"),
        runtime=asks("pseudo_label", "runtime"),
        gpu=asks("pseudo_label", "gpu"),
    shell:
        JOB
