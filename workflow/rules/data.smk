"""Phase data: image sets in one schema, and who sees which image."""

IMAGES = {"images": "data/prepared/images/{dataset}.parquet"}
SPLITS = {"splits": "data/prepared/splits/{study}/{block}.parquet"}
PHASES["data"] = {
    "kinds": ["image"],
    "index": "data/prepared/INDEX",
    "roots": ["data/prepared"],
    "artifacts": lambda study: [
        IMAGES["images"].format(dataset=STUDIES[study].dataset),
        *expand(SPLITS["splits"], study=study, block=STUDIES[study].blocks),
    ],
}


def data_of(w):
    """Images and splits of a study's block of replicas."""
    return {
        "images": IMAGES["images"].format(dataset=STUDIES[w.study].dataset),
        "splits": SPLITS["splits"].format(study=w.study, block=w.block),
    }


rule prepare:
    input:
        unpack(job("prepare", IMAGES, params=lambda w: {"dataset": w.dataset})),
    output:
        **sealed(IMAGES),
    log:
        log_of(IMAGES),
    benchmark:
        benchmark_of(IMAGES)
    threads: asks("prepare", "threads")
    resources:
        mem_mb=asks("prepare", "mem_mb"),
        runtime=asks("prepare", "runtime"),
        gpu=asks("prepare", "gpu"),
    shell:
        JOB


rule split:
    input:
        unpack(
            job(
                "split",
                SPLITS,
                inputs=lambda w: {"images": data_of(w)["images"]},
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
        mem_mb=asks("split", "mem_mb"),
        runtime=asks("split", "runtime"),
        gpu=asks("split", "gpu"),
    shell:
        JOB
