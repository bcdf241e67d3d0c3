"""What a second run computes: nothing, whatever happened to the clocks; or exactly what a change asks for."""

import hashlib
import os
import random

import pytest

BLOCK = "r000-002"
VARIANTS = ("clean", "adversarial-l2", "pseudo-label")


def pretrain(*variants, block=BLOCK):
    return {f"pretrain tiny/{variant}/{block}" for variant in variants}


def transfer(*variants, block=BLOCK):
    return {f"transfer tiny/low-contrast/{variant}/{block}" for variant in variants}


PSEUDO_LABEL = {f"pseudo_label tiny/{BLOCK}"}
DATA_INDEX, PRETRAIN_INDEX = {"index data/prepared"}, {"index results/pretrain"}
COLLECT = {"collect tiny", "index results/transfer"}
REPORT = {"report tiny", "index reports/rendered"}
CLAIMS = {"claims tiny", "summarise", "site"} | REPORT


def test_a_second_run_computes_nothing_says_so_and_leaves_mlflow_alone(copied):
    database = copied.path("mlflow.db")
    before = hashlib.sha256(database.read_bytes()).hexdigest(), database.stat().st_mtime_ns
    seals = {name: copied.path(name).read_text() for name in copied.seals()}
    said = copied.run().stdout
    assert "Everything was fresh: 0 jobs ran" in said
    assert "C1-linear" in said
    assert (hashlib.sha256(database.read_bytes()).hexdigest(), database.stat().st_mtime_ns) == before
    assert {name: copied.path(name).read_text() for name in copied.seals()} == seals
    assert copied.tool("git", "status", "--porcelain") == ""


def test_touched_files_and_a_copy_elsewhere_ask_for_nothing(built, tmp_path):
    """The copy is at another path, has no memory of Snakemake's, and times in any order, some in the future."""
    copy = built.copy_to(tmp_path / "a" / "longer path")
    for name in ("metadata", "spec"):
        for path in copy.path(f".snakemake/{name}").rglob("*"):
            if path.is_file():
                path.unlink()
    copy.path(".snakemake/sha256.json").unlink(missing_ok=True)
    now = random.Random(0)
    for path in copy.root.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            when = now.choice([0, 1, 10**9, 1.7 * 10**9, 4 * 10**9])
            os.utime(path, (when, when))
    assert copy.pending() == set()
    for path in copy.root.rglob("*"):
        path.touch()
    assert copy.pending() == set()


PARAMS = {
    "the eps of one variant": (
        "eps: 0.5, steps: 2",
        "eps: 1.0, steps: 2",
        pretrain("adversarial-l2") | PRETRAIN_INDEX | transfer("adversarial-l2") | COLLECT | CLAIMS,
    ),
    "a number of shots more": (
        "shots: [1, 2]",
        "shots: [1, 2, 3]",
        transfer("raw", *VARIANTS) | COLLECT | CLAIMS,
    ),
    "more replicas": (
        "replicas: 3\n",
        "replicas: 5\n",
        {"split tiny/r003-004", "pseudo_label tiny/r003-004"}
        | pretrain(*VARIANTS, block="r003-004")
        | transfer("raw", *VARIANTS, block="r003-004")
        | DATA_INDEX
        | PRETRAIN_INDEX
        | COLLECT
        | CLAIMS,
    ),
    "the teacher's threshold": (
        "confidence_threshold: 0.0",
        "confidence_threshold: 0.5",
        PSEUDO_LABEL
        | pretrain("pseudo-label")
        | PRETRAIN_INDEX
        | transfer("pseudo-label")
        | COLLECT
        | CLAIMS,
    ),
    "the steps of fine-tuning": (
        "steps: 2, learning_rate",
        "steps: 4, learning_rate",
        transfer(*VARIANTS) | COLLECT | CLAIMS,  # raw pixels are not fine-tuned
    ),
    "a variant more": (
        "pseudo-label: {labels: pseudo}",
        "pseudo-label: {labels: pseudo}\n      oracle: {labels: oracle}",
        pretrain("oracle") | PRETRAIN_INDEX | transfer("oracle") | COLLECT | CLAIMS,
    ),
    "the title of the report": ("A tiny study", "A small study", REPORT | {"site"}),
    "a variant of a study that is not computed": (
        "plain: {labels: labelled}",
        "plain: {labels: labelled}\n      oracle: {labels: oracle}",
        PRETRAIN_INDEX | {"index results/transfer"},  # they would delete its files as orphans
    ),
}


@pytest.mark.parametrize("change", PARAMS)
def test_one_changed_value_asks_for_exactly_the_jobs_that_read_it(edited, change):
    old, new, expected = PARAMS[change]
    edited.edit("params.yaml", old, new)
    assert edited.pending() == expected


CODE = {
    "src/advtransfer/attacks/pgd.py": pretrain(*VARIANTS)
    | PSEUDO_LABEL  # its teacher is trained again
    | PRETRAIN_INDEX
    | transfer("raw", *VARIANTS)
    | COLLECT
    | CLAIMS,
    "src/advtransfer/transfer/heads.py": transfer("raw", *VARIANTS) | COLLECT | CLAIMS,
    "src/advtransfer/evaluation/statistics.py": CLAIMS,
    "src/advtransfer/reporting/study.py": REPORT,
    "src/advtransfer/reporting/figures.py": REPORT | {"site"},  # which takes its tables' words from there
    "src/advtransfer/reporting/site.py": {"site", "index reports/rendered"},
}


@pytest.mark.parametrize("module", CODE)
def test_edited_code_asks_for_exactly_the_jobs_that_can_import_it(edited, module):
    edited.append(module, "_EDITED = True")
    assert edited.pending() == CODE[module]


def test_an_edited_claim_is_judged_again_and_shown(edited):
    edited.edit("reports/claims.yaml", "Attacks help", "Attacks do help")
    assert edited.pending() == CLAIMS


def test_an_edited_notebook_is_executed_again(edited):
    edited.edit("reports/image_study.ipynb", "## Caveats", "## What to keep in mind")
    assert edited.pending() == REPORT


def test_what_moves_no_number_asks_for_nothing(edited):
    """Comments, docstrings, code that no stage imports, the lock file, prose, resources."""
    edited.append("src/advtransfer/attacks/pgd.py", "\n\n# a comment")
    edited.edit("src/advtransfer/stages/prepare.py", '"""A data set in', '"""Any data set in')
    edited.append("src/advtransfer/tracking.py", "_EDITED = True")
    edited.append("src/advtransfer/cli/commands.py", "_EDITED = True")
    edited.append("requirements.lock", "# a newer tool")
    edited.append("README.md", "More words.")
    edited.edit(
        "params.yaml", "    seed: 7\n", "    seed: 7 # a number\n    resources: {pretrain: {mem_mb: 900}}\n"
    )
    assert edited.pending() == set()
