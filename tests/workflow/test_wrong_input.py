"""A mistake in an input file: exit code 2 and one line that names the key, before anything starts."""

import pytest

PARAMS, CLAIMS = "params.yaml", "reports/claims.yaml"

BOMB = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
# What is edited, and what the line must name: file, key, what was found, what is expected.
MISTAKES = {
    "a typo": (
        (
            PARAMS,
            "labelled_fraction: 0.1\n    test_fraction: 0.5\n    source: {classes: [0",
            "labeled_fraction: 0.1\n    test_fraction: 0.5\n    source: {classes: [0",
        ),
        [PARAMS, "studies.tiny.labeled_fraction", "expected labelled_fraction"],
    ),
    "a wrong type": (
        (PARAMS, "replicas: 3\n", "replicas: three\n"),
        [PARAMS, "studies.tiny.replicas", "'three'", "an integer"],
    ),
    "more shots than the pool has": (
        (PARAMS, "shots: [1, 2]", "shots: [1, 2000]"),
        [PARAMS, "studies.tiny.transfer.linear.shots", "2000", "at most"],
    ),
    "a default study that is not there": (
        (PARAMS, "default_studies: [tiny]", "default_studies: [teeny]"),
        [PARAMS, "default_studies", "'teeny'", "tiny, other"],
    ),
    "a study's name with a blank": (
        (PARAMS, "  other:\n", '  "an other":\n'),
        [PARAMS, "studies", "'an other'", "lower-case letters"],
    ),
    "a variant's name that leads out of its folder": (
        (PARAMS, "clean: {labels", """"../'größe'": {labels"""),
        [PARAMS, "studies.tiny.variants", "../'größe'", "lower-case letters"],
    ),
    "aliases that stand for billions of values": (
        (PARAMS, "default_studies: [tiny]\n", f"default_studies: [tiny]\n{BOMB}"),
        [PARAMS, "found more than 100000 values", "aliases"],
    ),
    "the same among the claims": (
        (CLAIMS, "claims:\n", f"{BOMB}claims:\n"),
        [CLAIMS, "found more than 100000 values", "aliases"],
    ),
    "a number of thousands of digits": (
        (PARAMS, "    seed: 7\n", f"    seed: {'7' * 5000}\n"),
        [PARAMS, "found '777", "at most 18 digits"],
    ),
    "a variant gone that a claim compares": (
        (CLAIMS, "variant: pseudo-label", "variant: pseudo"),
        [CLAIMS, "'C2-linear'", "compare.0.variant", "'pseudo'", "pseudo-label"],
    ),
}


@pytest.fixture(scope="module")
def _fresh(source, tmp_path_factory):
    return source.copy_to(tmp_path_factory.mktemp("workflow") / "fresh")


@pytest.fixture
def fresh(_fresh):
    """The project, nothing computed; tracked files are restored after the test, and nothing may have started."""
    yield _fresh
    _fresh.tool("git", "checkout", "--quiet", "--", ".")
    assert _fresh.files() == set()
    assert not _fresh.path("mlflow.db").exists()
    assert not _fresh.path("logs").exists()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_run_refuses_it(fresh, mistake):
    edit, words = MISTAKES[mistake]
    fresh.edit(*edit)
    done = fresh.advtransfer("run")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert [word for word in words if word not in line] == [], line
    assert not fresh.path(".snakemake").exists()


@pytest.mark.parametrize(
    "mistake",
    ["a typo", "a variant's name that leads out of its folder", "a variant gone that a claim compares"],
)
def test_plain_snakemake_refuses_it(fresh, mistake):
    edit, words = MISTAKES[mistake]
    fresh.edit(*edit)
    done = fresh.snakemake("--dry-run")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert [word for word in words if word not in line] == [], line


@pytest.mark.parametrize("file", [PARAMS, CLAIMS])
def test_a_missing_file_is_named(fresh, file):
    fresh.path(file).unlink()
    done = fresh.advtransfer("run")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    missing = f"{CLAIMS}: no such file or directory, expected a file to read"
    assert {PARAMS: "no advtransfer project here (no params.yaml)", CLAIMS: missing}[file] in line


def test_an_unknown_study_is_refused(fresh):
    done = fresh.advtransfer("run", "--study", "teeny")
    assert done.returncode == 2
    assert done.stderr == "STUDY: found 'teeny', expected one of tiny, other\n"
