"""README and docs/ are true: commands run, the tutorial is a study, the site builds and asks no other host."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import no_network
import patience
import pytest
import yaml
from documented import CHECKOUT, commands, everything, yaml_blocks

from advtransfer.params import load_params
from advtransfer.params.blocks import Impossible
from advtransfer.params.counts import check_counts
from advtransfer.params.model import Params
from advtransfer.params.natural import NaturalStudy
from advtransfer.provenance.published_seals import here
from advtransfer.provenance.seal import read_seal

VALIDATE = "rocrate-validator validate --profile-identifier provenance-run-crate-0.5 ../advtransfer-crate"
SLURM, KUBERNETES = "tests/cluster/test_slurm.py", "tests/services/test_kubernetes.py"
# Commands that need what a test has not, or take minutes, and the test that runs the like.
ELSEWHERE = {
    "make run": "tests/workflow/test_first_run.py",
    "make test": ".ci/run",
    "make faults": "tests/faults/test_harness.py",
    "make setup": ".ci/run",
    "make setup-test": ".ci/run",
    "make setup-cluster": "tests/unit/test_locks.py",
    "make lint": ".ci/run",
    "make docs": "here: the site",
    "make audit": "tests/workflow/test_audit.py",
    "git clone REPOSITORY audit && cd audit": "tests/workflow/test_pulled_clone.py",
    "dvc remote add --local --default store URL": "tests/workflow/test_pulled_clone.py",
    "dvc config --local remote.store.verify true": "tests/workflow/test_pulled_clone.py",
    "dvc pull": "tests/workflow/test_pulled_clone.py",
    "advtransfer audit": "tests/workflow/test_audit.py",
    "advtransfer audit --recompute 5 --seed 1": "tests/workflow/test_audit.py",
    "advtransfer audit --strict": "tests/workflow/test_reproduced.py",
    "advtransfer crate ../advtransfer-crate": "tests/workflow/test_crate_command.py",
    "advtransfer publish --study NAME": "tests/workflow/test_study_records.py",
    VALIDATE: "tests/workflow/test_crate_command.py",
    "snakemake --report report.html": "tests/workflow/test_snakemake_report.py",
    "mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1": "tests/workflow/test_tracking_runs.py",
    "advtransfer run --study my-question": "here: the tutorial's study",
    "advtransfer fetch pets": "tests/unit/data/natural/test_fetch.py",
    "advtransfer run --study pets-cifar10": "tests/workflow/test_natural_study.py",
    **{
        f"make run STUDY=tiny-imagenet-cifar10{size}": "tests/workflow/test_natural_study.py"
        for size in ("-mini", "-cpu", "")
    },
    "make run PROFILE=slurm": SLURM,
    "make run STUDY=imagenet PROFILE=slurm": SLURM,
    "snakemake --workflow-profile workflow/profiles/slurm -- results/pretrain/INDEX": SLURM,
    "snakemake --workflow-profile workflow/profiles/slurm --dry-run -- reports/rendered/imagenet.html": SLURM,
    "snakemake --workflow-profile workflow/profiles/kubernetes --dry-run": KUBERNETES,
    "snakemake --workflow-profile workflow/profiles/kubernetes": KUBERNETES,
    "aws s3 sync s3://BUCKET/PROJECT/ .": KUBERNETES,
    "dvc remote add --default lab s3://BUCKET/advtransfer": "tests/services/test_s3_remote.py",
    "dvc config remote.lab.verify true": "tests/services/test_s3_remote.py",
    "dvc remote modify --local lab endpointurl https://..": "tests/services/test_s3_remote.py",
    "dvc import-url s3://BUCKET/flowers data/raw/flowers": "tests/services/test_raw_data.py",
    "git add data/raw/flowers.dvc data/raw/.gitignore": "tests/services/test_raw_data.py",
    "mlflow server --host 0.0.0.0 --backend-store-uri postgresql://USER@HOST/mlflow "
    "--artifacts-destination s3://BUCKET/mlflow": "tests/services/test_tracking_server.py",
}  # fmt: skip
# The project of the tests has other names than the shipped one.
NAMES = {
    "digits/low-contrast/combined-l2/linear/accuracy/5": "tiny/low-contrast/clean/linear/accuracy",
    "digits": "tiny",
    "/path/to/a/shared/folder": "../shared",
}
HERE = [command for command in everything() if command not in ELSEWHERE]


def holds(path, *texts):
    """That a file, or what lies beside the project, is there and says so."""
    return lambda project, done: all(text in project.path(path).read_text() for text in texts)


def says(*texts):
    return lambda project, done: all(text in done.stdout for text in texts)


def made_again(project, done):
    """One job ran, though it was fresh, and its result is what it was."""
    seal = here(read_seal(project.path("results/claims/tiny.json.seal")), project.root)
    began = datetime.fromisoformat(seal.told["started"]).timestamp()
    return (
        time.time() - began < patience.limit(10)
        and "1 of 1 steps" in done.stderr
        and project.pending() == set()
    )


RAW_DIGITS = "data/prepared/images/digits.parquet"
S3 = "SNAKEMAKE_STORAGE_S3_"
# What each command that is run here is for, seen in what it said or left; or the test that looks.
EFFECTS = {
    ". .venv/bin/activate": "Makefile",
    "snakemake --workflow-profile workflow/profiles/default --dry-run": says("Nothing to be done"),
    "advtransfer why results/metrics.parquet": says("results/metrics.parquet (seal ", RAW_DIGITS),
    "advtransfer why results/claims.json": says("results/claims.json (seal ", RAW_DIGITS),
    "advtransfer why results/claims/digits.json": says("results/claims/tiny.json (seal "),
    "advtransfer crate ../crate": holds("../crate/ro-crate-metadata.json", "params.yaml"),
    "dvc status": says("Data and pipelines are up to date."),
    "dvc metrics diff HEAD": "tests/workflow/test_diff_of_commits.py",
    "dvc metrics diff HEAD~1 HEAD": "tests/workflow/test_diff_of_commits.py",
    "dvc params diff HEAD~1 HEAD": "tests/workflow/test_diff_of_commits.py",
    "advtransfer audit --number digits/low-contrast/combined-l2/linear/accuracy/5": says(
        "tiny/low-contrast/clean/linear/accuracy", RAW_DIGITS
    ),
    "advtransfer run": says("C1-linear", "Report: "),
    "export SNAKEMAKE_PROFILE=mycluster": "tests/cluster/conftest.py",
    "export SNAKEMAKE_PROFILE=mykube": KUBERNETES,
    f"export {S3}ENDPOINT_URL=https://.. {S3}ACCESS_KEY=.. {S3}SECRET_KEY=..": KUBERNETES,
    "export ADVTRANSFER_DATA=/scratch/images SNAKEMAKE_PROFILE=mycluster": "tests/cluster/conftest.py",
    "advtransfer --help": says("run", "audit", "--version"),
    "advtransfer status": says("jobs done"),
    "dvc remote add --default store /path/to/a/shared/folder": holds(".dvc/config", "remote = store", "shared"),
    "dvc config remote.store.verify true": holds(".dvc/config", "verify = true"),
    "dvc push": lambda project, done: any(project.path("../shared").rglob("*.dir")),
    "snakemake --workflow-profile workflow/profiles/default --force -- results/claims/digits.json": made_again,
    "advtransfer track": says("no new training runs logged: MLflow has those of all 4 jobs"),
    "export MLFLOW_TRACKING_URI=http://HOST:5000": "tests/services/test_tracking_server.py",
    "advtransfer demo ../images": lambda project, done: len([*project.path("../images").rglob("*.jpg")]) == 160,
    "export ADVTRANSFER_DATA=../images": "here: the tutorial's study",
}  # fmt: skip


def shell(project, line, seconds=60):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return project.call("bash", "-euo", "pipefail", "-c", line, seconds=seconds, PATH=path)


@pytest.fixture(scope="module")
def project(built, tmp_path_factory):
    """A computed project with two commits, in which the commands run one after the other."""
    copy = built.copy_to(tmp_path_factory.mktemp("documented") / "project")
    copy.path(".venv/bin").mkdir(parents=True, exist_ok=True)
    copy.path(".venv/bin/activate").touch()
    assert copy.advtransfer("publish", "--yes").returncode == 0
    copy.commit("Published")
    return copy


@pytest.mark.parametrize("command", HERE)
def test_a_command_runs(project, command):
    line = command
    for name, own in NAMES.items():
        line = line.replace(name, own)
    done = shell(project, line)
    assert done.returncode == 0, f"{everything()[command]}: {done.stdout}{done.stderr}"
    effect = EFFECTS[command]
    if callable(effect):
        assert effect(project, done), f"{everything()[command]}: {done.stdout}{done.stderr}"


def test_commands_tested_elsewhere_are_shown():
    """Else a line of the list above could outlive what it excuses."""
    assert set(ELSEWHERE) | set(EFFECTS) <= set(everything())
    for place in [*ELSEWHERE.values(), *(place for place in EFFECTS.values() if isinstance(place, str))]:
        assert place.startswith("here") or (CHECKOUT / place).exists()


# -- the tutorial ------------------------------------------------------------------------------------------------------


# Of natural images; all of them run here, with their sockets closed.
TUTORIAL_STAGES = {
    *("ingest", "split_natural", "pretrain_natural", "pseudo_label_natural", "transfer_natural"),
    *("measure", "collect", "claims", "report"),
}


@pytest.mark.parametrize(("images", "seed", "replicas"), [(40, 0, 3), (20, 1, 2), (9, 2, 2)])
def test_the_tutorial_answers_its_question(source, tmp_path, images, seed, replicas):
    """Its blocks of YAML, pasted where it says, on images where it says; other sizes and seeds with fewer replicas."""
    sets, study, claim = yaml_blocks(CHECKOUT / "docs/tutorial.md")
    assert sum(block.count("\n") for block in (sets, study, claim)) <= 30
    project = source.copy_to(tmp_path / "project")
    params = project.path("params.yaml")
    study = study.replace("seed: 1\n", f"seed: {seed}\n").replace("replicas: 3\n", f"replicas: {replicas}\n")
    params.write_text(
        params.read_text().replace("studies:\n", f"studies:\n{study}\n", 1) + f"\ndatasets:\n{sets}"
    )
    project.append("reports/claims.yaml", claim)
    no_network.close(project)
    demo, where, run = commands(CHECKOUT / "docs/tutorial.md")
    done = shell(project, f"{demo} --images {images} --seed {seed} && {where} && {run}", seconds=150)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"both-helps +(supported|refuted|inconclusive)", done.stdout)
    assert "reports/rendered/my-question.html" in done.stdout
    text = (CHECKOUT / "docs/tutorial.md").read_text()
    told = int(re.search(r"\((\d+) jobs\)", text).group(1))
    ran = int(re.search(r"^(\d+) jobs ran", done.stdout, re.MULTILINE).group(1))
    assert ran == told - 12 * (3 - replicas)
    assert no_network.stages(project) == TUTORIAL_STAGES


@pytest.mark.parametrize(
    ("photos", "scans", "refused"), [(9, 6, ""), (8, 6, "source."), (9, 5, "transfer.linear.")]
)
def test_as_few_images_as_the_tutorial_says_are_enough(photos, scans, refused):
    _, block, _ = yaml_blocks(CHECKOUT / "docs/tutorial.md")
    study = NaturalStudy.model_validate(yaml.safe_load(block)["my-question"])
    train, test = dict.fromkeys(("three", "eight"), scans), dict.fromkeys(("three", "eight"), 1)
    counts = {"photos": {"all": {"lake": photos}}, "scans": {"train": train, "test": test}}
    if refused:
        with pytest.raises(Impossible) as error:
            check_counts(study, counts)
        assert error.value.key.startswith(refused)
    else:
        check_counts(study, counts)


def test_the_tutorials_claim_is_c3():
    """Both together against each of the two, as reports/claims.yaml states it for the published studies."""
    _, _, claim = map(yaml.safe_load, yaml_blocks(CHECKOUT / "docs/tutorial.md"))
    published = yaml.safe_load((CHECKOUT / "reports/claims.yaml").read_text())["claims"]
    (row,) = claim
    alike = [row for row in published if row["claim"] == "C3" and "compare" in row]
    assert row["claim"] == "C3" and {len(other["compare"]) for other in alike} == {2}
    assert [pair["variant"] for pair in row["compare"]] == ["both", "both"]
    assert {pair["over"] for pair in row["compare"]} == {"adversarial", "pseudo"}


# -- other blocks of params.yaml ---------------------------------------------------------------------------------------

AFTER_VARIANTS, DATASETS = r"    variants: &variants\n", r"(?m)^datasets:\n"
STUDIES_END, RESOURCES = r"(?m)^(?=datasets:\n)", r"    resources:\n(?:      .*\n)+"
CONTROL = r"    source: \{classes: \[0, 1, 2, 3, 4\]\}\n"
# Page -> for each of its first blocks what it is put behind, or in the place of.
PASTED = {
    "README.md": [(AFTER_VARIANTS, "behind")],
    "docs/change-a-parameter.md": [(AFTER_VARIANTS, "behind")],
    "docs/gpu.md": [(RESOURCES, "instead")],
    "docs/natural-images.md": [(DATASETS, "instead")],
    "docs/add-a-source.md": [(DATASETS, "behind"), (STUDIES_END, "behind"), (CONTROL, "instead")],
}


@pytest.mark.parametrize("page", PASTED)
def test_a_block_of_params_is_accepted_where_it_belongs(page, tmp_path):
    text = (CHECKOUT / "params.yaml").read_text()
    for block, (place, how) in zip(yaml_blocks(CHECKOUT / page), PASTED[page], strict=True):
        found = re.search(place, text)
        assert found, f"{page}: params.yaml has no place for {block}"
        begin = found.end() if how == "behind" else found.start()
        text = text[:begin] + block + text[found.end() :]
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(tmp_path / "params.yaml") != load_params(CHECKOUT / "params.yaml")


# -- what pages say of files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_of_pages_outside_the_site_lead_somewhere(page):
    """mkdocs checks those inside."""
    links = re.findall(r"\]\(([^)#:]+)\)", (CHECKOUT / page).read_text())
    assert links
    assert not [link for link in links if not (CHECKOUT / link).exists()]


def test_the_auditors_walk_shows_the_counts_that_are_published():
    published = json.loads((CHECKOUT / "reports/published.json").read_text())
    text = (CHECKOUT / "docs/audit.md").read_text()
    assert f"the {len(published['sha256'])} published artifacts are the sealed ones" in text
    assert f"the {len(published['numbers'])} published numbers are those computed anew" in text
    assert f" {len(published['numbers'])} numbers and " in text


# -- the site ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_holds_every_page_and_asks_no_other_host(site):
    for page in (CHECKOUT / "docs").rglob("*.md"):
        html = (site / page.relative_to(CHECKOUT / "docs").with_suffix(".html")).read_text()
        asked = re.findall(
            r"<(?:script|link|img|iframe|source)[^>]*(?:src|href)=\"?(?:https?:)?//[^\s>]*", html
        )
        assert not asked, f"{page}: {asked}"
    assert (site / "published.svg").read_bytes() == (CHECKOUT / "reports/published.svg").read_bytes()


def test_every_page_is_in_the_navigation(site):
    index = (site / "index.html").read_text()
    for page in (CHECKOUT / "docs").rglob("*.md"):
        assert f'href="{page.relative_to(CHECKOUT / "docs").with_suffix(".html").as_posix()}"' in index


def test_the_reference_names_every_key(site):
    html = (site / "reference/params.html").read_text()
    schema = Params.model_json_schema()
    for name, block in {"top level": schema, **schema["$defs"]}.items():
        section = html.split(f'<h2 id="{name.lower().replace(" ", "-")}"')[1].split("<h2")[0]
        for key, about in block["properties"].items():
            assert f"<code>{key}</code>" in section, f"{name}.{key}"
            assert "$ref" in json.dumps(about) or about.get("description") or "const" in about, (
                f"{name}.{key}"
            )


def test_the_reference_names_every_command(site):
    html = (site / "reference/command-line.html").read_text()
    listed = subprocess.run(
        [sys.executable, "-m", "advtransfer", "--help"], capture_output=True, text=True, check=True
    ).stdout
    names = re.findall(r"^│ ([a-z]+) ", listed.split("Commands")[1], re.MULTILINE)
    assert {"run", "status", "audit"} <= set(names)
    assert all(f'id="advtransfer-{name}"' in html for name in names)
