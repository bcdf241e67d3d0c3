"""Raw images that have changed, or hold too little for a study: said in one line, before anything is trained."""

import shlex
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

PARAMS = """
default_studies: [few]
studies:
  few:
    kind: natural_image
    title: Squares
    seed: 1
    replicas: 2
    source: {dataset: squares, labelled_fraction: 0.5, validation_fraction: 0}
    targets: {dim: {dataset: dim, validation_fraction: 0.1}}
    model: {name: small_cnn}
    training: {updates: 2, batch_size: 4, learning_rate: 0.1}
    variants:
      clean: {labels: labelled}
    transfer:
      draws: 1
      linear: {shots: [1, 2], strengths: [1.0]}
datasets:
  squares: {folder: {path: squares}, resolution: 16}
  dim: {folder: {path: dim, splits: [train, test]}, resolution: 16}
"""
STUDY = "studies.few."
PROFILE = ("--workflow-profile", "workflow/profiles/default")
SPLITS = "data/prepared/splits/few/r000-000.parquet"
CHANGED = "datasets.squares: the raw images below {} have changed since they were prepared ("


def paint(folder, label, count):
    """Squares of the label's colour; ``count`` may go on where others lie."""
    rng, colour = np.random.default_rng(count), {"red": (1, 0, 0), "blue": (0, 0, 1)}[label]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(list(folder.iterdir())), count):
        pixels = 150 * np.array(colour) + rng.integers(0, 80, (16, 16, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def unprepared(source, tmp_path_factory):
    project = source.copy_to(tmp_path_factory.mktemp("raw") / "unprepared")
    for label in ("red", "blue"):
        paint(project.path(f"data/raw/squares/{label}"), label, 8)
        for split, count in {"train": 8, "test": 6}.items():
            paint(project.path(f"data/raw/dim/{split}/{label}"), label, count)
    project.path("params.yaml").write_text(PARAMS)
    project.path("reports/claims.yaml").write_text("claims: []\n")
    return project


@pytest.fixture(scope="module")
def _computed(unprepared, tmp_path_factory):
    project = unprepared.copy_to(tmp_path_factory.mktemp("raw") / "computed")
    done = project.call(sys.executable, "-m", "advtransfer", "run", seconds=80)
    assert done.returncode == 0, done.stdout + done.stderr
    project.said["run"] = done.stderr
    return project


@pytest.fixture
def computed(_computed, tmp_path):
    return _computed.copy_to(tmp_path / "computed")


def raw_lines(text):
    return [line for line in text.splitlines() if line.startswith("datasets.")]


def test_two_validation_images_are_enough_for_who_asks_for_no_measure(_computed):
    """One of each class."""
    assert _computed.path("reports/rendered/few.html").exists()


def test_nothing_is_said_of_images_that_are_as_they_were(_computed):
    assert raw_lines(_computed.said["run"]) == []
    done = _computed.run()
    assert "Everything was fresh" in done.stdout and raw_lines(done.stderr) == []
    why = _computed.advtransfer("why", "results/transfer/few/metrics.parquet").stdout
    assert "datasets.squares: the raw images are as they were when they were prepared (16 files)" in why


@pytest.mark.parametrize("change", ["exchanged", "elsewhere"])
def test_changed_images_are_told_by_everything_that_rests_on_them(computed, tmp_path, change):
    folder, environment = computed.path("data/raw/squares"), {}
    if change == "exchanged":
        for old, new in (("red", "green"), ("blue", "red"), ("green", "blue")):
            (folder / old).rename(folder / new)
    else:
        shutil.copytree(computed.path("data/raw"), tmp_path / "other")
        paint(tmp_path / "other/squares/blue", "blue", 10)
        environment = {"ADVTRANSFER_DATA": str(tmp_path / "other")}
    done = computed.run(**environment)
    (line,) = raw_lines(done.stderr)
    assert line.startswith(CHANGED.format(environment.get("ADVTRANSFER_DATA", computed.path("data/raw"))))
    assert "Everything was fresh" in done.stdout
    planned = computed.call(sys.executable, "-m", "snakemake", "--dry-run", *PROFILE, **environment)
    assert "Nothing to be done" in planned.stdout + planned.stderr and line in planned.stderr
    assert line in computed.advtransfer("why", "results/metrics.parquet", **environment).stdout


def test_what_the_line_says_prepares_the_images_again_and_what_follows_is_computed(computed):
    folder = computed.path("data/raw/squares")
    paint(folder / "red", "red", 10)
    (line,) = raw_lines(computed.run().stderr)
    snakemake, *arguments = shlex.split(line.partition("To prepare them again: ")[2])
    before = computed.artifacts()
    done = computed.snakemake(*arguments)
    assert snakemake == "snakemake" and done.returncode == 0, done.stderr
    changed = {name for name, digest in computed.artifacts().items() if before[name] != digest}
    assert changed == {"data/prepared/images/squares.parquet"}
    planned = computed.snakemake("--dry-run", *PROFILE)
    assert raw_lines(planned.stderr) == []
    pending = {job.split()[0] for job in computed.pending()}
    assert {"split", "pretrain", "transfer"} <= pending and "ingest" not in pending


def test_images_that_are_prepared_anew_for_another_reason_are_not_told_of(computed):
    paint(computed.path("data/raw/squares/red"), "red", 9)
    computed.edit(
        "params.yaml", "path: squares}, resolution: 16", "path: squares}, resampling: box, resolution: 16"
    )
    done = computed.snakemake(*PROFILE, "--", SPLITS)
    assert done.returncode == 0 and "ingest" in done.stdout + done.stderr
    assert raw_lines(done.stderr) == []


def test_images_that_are_not_here_cannot_be_checked_and_that_is_said(computed):
    shutil.rmtree(computed.path("data/raw/squares"))
    done = computed.run()
    (line,) = raw_lines(done.stderr)
    where = computed.path("data/raw")
    unchecked = "it could not be checked whether they have changed since they were prepared"
    assert line == f"datasets.squares: the raw images are not below {where}: {unchecked}"
    assert "Everything was fresh" in done.stdout
    assert line in computed.advtransfer("why", "results/metrics.parquet").stdout


# -- too few images ----------------------------------------------------------------------------------------------


TOO_MUCH = {
    "shots": (
        ("shots: [1, 2]", "shots: [1, 8]"),
        f"params.yaml: {STUDY}transfer.linear.shots: found 8, expected at most 7: so many training images of class",
    ),
    "a measure": (
        ("strengths: [1.0]}", "strengths: [1.0]}\n      measures: [tmi]"),
        f"params.yaml: {STUDY}transfer.measures: found tmi, for which targets.dim.validation_fraction 0.1 sets 1",
    ),
}


@pytest.mark.parametrize("case", TOO_MUCH)
@pytest.mark.parametrize("command", ["run", "snakemake"])
def test_more_than_the_images_allow_is_refused_before_anything_is_trained(
    unprepared, tmp_path, case, command
):
    """The images are prepared by the same run, so that it is not known before it starts."""
    (old, new), told = TOO_MUCH[case]
    project = unprepared.copy_to(tmp_path / "project")
    project.edit("params.yaml", old, new)
    for known in (False, True):  # the second time from the plan
        done = project.advtransfer("run") if command == "run" else project.snakemake(*PROFILE)
        # in the midst of a run Snakemake by itself may end with 1
        assert done.returncode in ((2,) if known or command == "run" else (1, 2)), done.stderr
        lines = [line for line in done.stderr.splitlines() if line.startswith("params.yaml: ")]
        assert len(lines) == 1 and lines[0].startswith(told)
        assert "Traceback" not in done.stderr
        assert project.path("data/prepared/images/squares.parquet").exists()
        made = [project.path(name).exists() for name in ("results/pretrain", "data/prepared/splits")]
        assert made == [False, False]
    assert len(done.stderr.splitlines()) == 1 or command == "snakemake"
    project.edit("params.yaml", new, old)
    done = project.snakemake(*PROFILE, "--", SPLITS)
    assert done.returncode == 0, done.stderr  # no lock is left


def test_what_a_computed_study_asks_too_much_of_is_refused_by_the_plan(computed):
    computed.edit("params.yaml", *TOO_MUCH["shots"][0])
    done = computed.advtransfer("run")
    assert done.returncode == 2 and done.stderr.startswith(TOO_MUCH["shots"][1])
    assert len(done.stderr.splitlines()) == 1
