"""What there is: the files of each phase, and what each job reads. The rules that make them are in the files beside this."""

# phase -> kinds (of studies that have it), index (the artifact that completes it), roots (its folders),
# artifacts (of one study), common (of all)
PHASES = {}

# ---- phase data ------------------------------------------------------------------------------------------------

IMAGES = {"images": "data/prepared/images/{dataset}.parquet"}
INGESTED = IMAGES | {"rejects": "data/prepared/images/{dataset}.rejects.parquet"}
SPLITS = {"splits": "data/prepared/splits/{study}/{block}.parquet"}
PHASES["data"] = {
    "kinds": ["image", "natural_image"],
    "index": "data/prepared/INDEX",
    "roots": ["data/prepared"],
    "artifacts": lambda study: [
        *(path for name in STUDIES[study].datasets for path in prepared(name)),
        *expand(SPLITS["splits"], study=study, block=STUDIES[study].blocks),
    ],
}


def prepared(dataset):
    """What is made of a data set."""
    return expand((INGESTED if dataset in P.datasets else IMAGES).values(), dataset=dataset)


ingested = job("ingest", INGESTED, params=lambda w: P.datasets[w.dataset].prepare())
COMPARED = set()


def tell_raw(datasets):
    """Says once, on the standard error, which raw images have changed since those were prepared that stay as they are."""
    for name in datasets:
        if name not in P.datasets or name in COMPARED or not workflow.is_main_process:
            continue
        COMPARED.add(name)
        ingested(Wildcards(fromdict={"dataset": name}))  # so that the guard has judged it
        prepare_anew = IMAGES["images"].format(dataset=name) in GUARD.stale
        found = None if prepare_anew else raw.raw_images(Path.cwd(), name)
        if found and found.state != raw.UNCHANGED:
            print(found.text, file=sys.stderr, flush=True)


def images_of(w):
    """What the split of a study looks at: the source's images and, where they are others, the targets'."""
    enough(w.study)
    study = STUDIES[w.study]
    tell_raw(study.datasets)
    source, *_ = expand(IMAGES["images"], dataset=study.datasets)
    if study.kind == "image":
        return {"images": source}
    targets = [target.dataset for target in study.targets.values()]
    return {"images": source, "targets": expand(IMAGES["images"], dataset=targets)}


def data_of(w):
    """Images and splits of a study's block of replicas, on the side of the source."""
    return {
        "images": images_of(w)["images"],
        "splits": SPLITS["splits"].format(study=w.study, block=w.block),
    }


# ---- phase pretrain --------------------------------------------------------------------------------------------

PRETRAIN = {
    "weights": "results/pretrain/{study}/{variant}/{block}.safetensors",
    "curves": "results/pretrain/{study}/{variant}/{block}.curves.parquet",
}
PSEUDO = {"pseudo_labels": "data/pseudo_labels/{study}/{block}.parquet"}
PHASES["pretrain"] = {
    "kinds": ["image", "natural_image"],
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


# ---- phase transfer --------------------------------------------------------------------------------------------

TRANSFER = {"metrics": "results/transfer/{study}/{target}/{variant}/{block}.parquet"}
MEASURE = {"metrics": "results/transfer/{study}/{target}/{block}.measures.parquet"}
COLLECT = {"metrics": "results/transfer/{study}/metrics.parquet"}
PHASES["transfer"] = {
    "kinds": ["image", "natural_image"],
    "index": "results/transfer/INDEX",
    "roots": ["results/transfer"],
    "artifacts": lambda study: [
        *transfers_of(study),
        COLLECT["metrics"].format(study=study),
    ],
}


def transfers_of(study):
    """Measurements of one study: targets x representations x blocks of replicas, and what their features are like."""
    shared = {"study": study, "target": STUDIES[study].targets, "block": STUDIES[study].blocks}
    measured = STUDIES[study].kind == "natural_image"
    return expand(TRANSFER["metrics"], variant=STUDIES[study].representations, **shared) + (
        expand(MEASURE["metrics"], **shared) if measured else []
    )


def variants_of(w):
    """Data of the target's side and the weights of every variant."""
    study = STUDIES[w.study]
    weights = expand(PRETRAIN["weights"], study=w.study, variant=study.variants, block=w.block)
    return target_of(w) | {"weights": weights}


def representation_of(w):
    """Data of the target's side and, where the representation was trained, its weights."""
    weights = PRETRAIN["weights"].format(study=w.study, variant=w.variant, block=w.block)
    return target_of(w) | ({"weights": weights} if w.variant in STUDIES[w.study].variants else {})


def target_of(w):
    """Images and splits on the side of a target."""
    study = STUDIES[w.study]
    if study.kind == "image":
        return data_of(w)
    return data_of(w) | {"images": IMAGES["images"].format(dataset=study.targets[w.target].dataset)}


# ---- phase theory ----------------------------------------------------------------------------------------------

LINEAR = {
    "metrics": "results/theory/{study}/{target}/metrics.parquet",
    "rates": "results/theory/{study}/{target}/rates.parquet",
}
SPARSE = {
    "metrics": "results/theory/{study}/{target}/metrics.parquet",
    "units": "results/theory/{study}/{target}/units.parquet",
}
SIMULATED = {"linear_theory": LINEAR, "sparse_coding": SPARSE}  # kind -> what a scenario leaves
COLLECT_THEORY = {"metrics": "results/theory/{study}/metrics.parquet"}
PHASES["theory"] = {
    "kinds": list(SIMULATED),
    "index": "results/theory/INDEX",
    "roots": ["results/theory"],
    "artifacts": lambda study: [
        *expand(SIMULATED[STUDIES[study].kind].values(), study=study, target=STUDIES[study].scenarios),
        COLLECT_THEORY["metrics"].format(study=study),
    ],
}


def simulated(study, name):
    """One file of every scenario of a theory study: metrics, rates or units."""
    return expand(SIMULATED[STUDIES[study].kind][name], study=study, target=STUDIES[study].scenarios)


# ---- phase report ----------------------------------------------------------------------------------------------

CLAIMS_OF = {"claims": "results/claims/{study}.json"}
SUMMARY = {
    "metrics": "results/metrics.parquet",
    "claims": "results/claims.json",
    "summary": "results/summary.json",
    "accuracy_by_shots": "results/accuracy_by_shots.csv",
}
TEMPLATES = {
    "image": "reports/image_study.ipynb",
    "natural_image": "reports/natural_study.ipynb",
    "linear_theory": "reports/linear_theory.ipynb",
    "sparse_coding": "reports/sparse_coding.ipynb",
}
REPORT = {
    "page": "reports/rendered/{study}.html",
    "notebook": "reports/rendered/{study}.ipynb",
}
RECORDS = "reports/published"
SITE = {
    "index": "reports/rendered/index.html",
    "artifacts": "reports/rendered/artifacts.html",
    "glossary": "reports/rendered/glossary.html",
    "studies": "reports/rendered/studies.js",
}
PHASES["report"] = {
    "kinds": list(TEMPLATES),
    "index": "reports/rendered/INDEX",
    "roots": ["results/claims", "reports/rendered"],
    "artifacts": lambda study: [
        CLAIMS_OF["claims"].format(study=study),
        *expand(REPORT.values(), study=study),
    ],
    "common": [*SUMMARY.values(), *SITE.values()],
}
INDEX = {"index": "{root}/INDEX"}
PHASE_AT = {str(Path(phase["index"]).parent): name for name, phase in PHASES.items()}


def phase_of(path):
    """The phase that an artifact belongs to; the last one's are those that all studies share, too."""
    found = (name for name, phase in PHASES.items() for root in phase["roots"] if path.startswith(f"{root}/"))
    return next(found, list(PHASES)[-1])


def metrics_of(study):
    """All measurements of a study."""
    return (COLLECT_THEORY if STUDIES[study].kind in SIMULATED else COLLECT)["metrics"].format(study=study)


def seals_of(study):
    """The seals of everything a study's report rests on, one a job."""
    if STUDIES[study].kind in SIMULATED:
        claims = CLAIMS_OF["claims"].format(study=study)
        return [str(seal_path(p)) for p in [*simulated(study, "metrics"), metrics_of(study), claims]]
    weights = expand(
        PRETRAIN["weights"],
        study=study,
        variant=STUDIES[study].variants,
        block=STUDIES[study].blocks,
    )
    pseudo = PHASES["pretrain"]["artifacts"](study)[2 * len(weights) :]
    primary = [
        *expand(IMAGES["images"], dataset=STUDIES[study].datasets),
        *expand(SPLITS["splits"], study=study, block=STUDIES[study].blocks),
        *weights,
        *pseudo,
        *PHASES["transfer"]["artifacts"](study),
    ]
    return [str(seal_path(path)) for path in [*primary, CLAIMS_OF["claims"].format(study=study)]]


def report_inputs(w):
    """What the notebook of a study reads."""
    named = {
        "template": TEMPLATES[STUDIES[w.study].kind],
        "metrics": metrics_of(w.study),
        "claims": CLAIMS_OF["claims"].format(study=w.study),
        "seals": seals_of(w.study),
    }
    details = {"linear_theory": "rates", "sparse_coding": "units"}.get(STUDIES[w.study].kind)
    return named | ({"details": simulated(w.study, details)} if details else {})


def claims_inputs(w):
    """What the claims of a study are judged from."""
    rates = {"rates": simulated(w.study, "rates")} if STUDIES[w.study].kind == "linear_theory" else {}
    return {"metrics": metrics_of(w.study)} | rates


def summary_inputs(w):
    """The results of the default studies."""
    return {
        "metrics": [metrics_of(study) for study in DEFAULT],
        "claims": expand(CLAIMS_OF["claims"], study=DEFAULT),
    }


def site_inputs(w):
    """Claims and seals of the default studies."""
    return {
        "claims": [SUMMARY["claims"]],
        "seals": sorted({seal for study in DEFAULT for seal in seals_of(study)}),
        "apart": [f"{RECORDS}/{name}/claims.json" for name in published_apart()],
    }


def site_params(w):
    """Titles and pages of the default studies, and of those that git holds a record of."""
    studies = {name: {"title": STUDIES[name].title, "page": f"{name}.html"} for name in DEFAULT}
    apart = {
        name: {"title": STUDIES[name].title, "page": f"../published/{name}/page.html", "apart": True}
        for name in published_apart()
    }
    return {"title": "advtransfer", "studies": studies | apart}


def published_apart():
    """The studies, none of them a default one, whose results git holds a record of (docs/remotes.md)."""
    found = sorted(path.parent.name for path in Path(RECORDS).glob("*/claims.json"))
    return [name for name in found if name in STUDIES and name not in DEFAULT]


# ---- the index of each phase ---------------------------------------------------------------------------------


def artifacts_of(phase, study):
    """What one study has in a phase: nothing where the phase is not for its kind."""
    return PHASES[phase]["artifacts"](study) if STUDIES[study].kind in PHASES[phase]["kinds"] else []


def index_params(phase):
    """Roots of a phase and every file that any study of params.yaml, default or not, may have there."""
    declared = [path for name in STUDIES for path in artifacts_of(phase, name)]
    return {
        "roots": PHASES[phase]["roots"],
        "declared": sorted({*declared, *PHASES[phase].get("common", [])}),
    }


def index_inputs(phase):
    """What the default studies have in a phase."""
    found = [path for name in DEFAULT for path in artifacts_of(phase, name)]
    return sorted({*found, *PHASES[phase].get("common", [])})
