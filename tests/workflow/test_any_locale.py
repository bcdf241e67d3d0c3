"""Text is UTF-8 whatever the locale says, and so are the names of files."""

import shutil
import subprocess
import sys

import pytest
from documented import yaml_blocks

TITLE, STATEMENT = "Größe – ε → ∞", "Attacks help, naïvely ≥ 0"
# No UTF-8 anywhere, also not where Python would choose it by itself.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def latin(tmp_path_factory):
    """A locale of ISO-8859-1, made for the test where the system can."""
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-f", "ISO-8859-1", "-i", "en_US", str(folder / "en_US.ISO-8859-1")]
    if not shutil.which("localedef") or subprocess.run(command, check=False).returncode:
        pytest.skip("localedef cannot make a locale of ISO-8859-1 here")
    return {"LC_ALL": "en_US.ISO-8859-1", "LOCPATH": str(folder)}


@pytest.fixture
def spoken(copied):
    """A computed project whose words have since got letters that are not in ASCII; its page is stale."""
    copied.edit("params.yaml", "A tiny study", TITLE)
    copied.edit("reports/claims.yaml", "Attacks help", STATEMENT)
    return copied


def pages(project):
    return [project.path(f"reports/rendered/{name}.html").read_text("utf-8") for name in ("tiny", "index")]


def test_a_run_in_ascii_shows_and_writes_every_letter(spoken):
    done = spoken.run(**ASCII)
    assert f"tiny: {TITLE}" in done.stdout and STATEMENT in done.stdout
    assert all(TITLE in page for page in pages(spoken)) and STATEMENT in pages(spoken)[0]
    assert spoken.call(sys.executable, "-m", "dvc", "status", **ASCII).stdout.startswith(
        "Data and pipelines are"
    )


def test_snakemake_by_hand_in_ascii(spoken):
    call = ("snakemake", "--workflow-profile", "workflow/profiles/default", "--", "reports/rendered/INDEX")
    done = spoken.call(sys.executable, "-m", *call, **ASCII)
    assert done.returncode == 0, done.stderr
    assert all(TITLE in page for page in pages(spoken))


def test_a_run_in_iso_8859_1(spoken, latin):
    done = spoken.run(**latin)
    assert f"tiny: {TITLE}" in done.stdout
    assert all(TITLE in page for page in pages(spoken))


def test_a_folder_that_params_names_is_found_by_its_letters(copied, checkout, latin):
    """`advtransfer run` looks whether it is there before it starts: here two images are, which are too few."""
    (study,) = [block for block in yaml_blocks(checkout / "docs/tutorial.md") if "my-question:" in block]
    copied.edit("params.yaml", "studies:\n  tiny:", f"studies:\n{study}\n  tiny:")
    sets = "{folder: {path: vögel}, resolution: 8}"
    copied.append("params.yaml", f"datasets:\n  photos: {sets}\n  scans: {sets}")
    missing = copied.advtransfer("run", "--study", "my-question", **latin)
    assert (missing.returncode, "vögel does not exist" in missing.stderr) == (2, True)
    copied.path("data/raw/vögel").mkdir(parents=True)
    assert "vögel does not exist" not in copied.advtransfer("run", "--study", "my-question", **latin).stderr
