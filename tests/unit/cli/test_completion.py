"""Behind TAB: names of the project in the current folder; silence outside of one."""

import subprocess
import sys

import pytest
from program import PROGRAM

PARAMS = """
default_studies: [digits]
datasets:
  cifar10: {folder: cifar10}
  flowers: {torchvision: {name: Flowers102}}
  pets: {torchvision: {name: OxfordIIITPet}}
studies:
  digits: {title: It's digits, kind: image}
  linear-theory: {}
  linear-small: {kind: linear_theory}
  large: {kind: natural_image}
  $(touch harm): {}
  "`touch harm`": {}
  "'; touch harm; '": {}
  two words: {}
  3: {}
"""
STUDIES = ["digits", "linear-theory", "linear-small", "large"]
OFFERED = {
    "run --study ": STUDIES,
    "run --cores 2 --study lin": STUDIES[1:3],
    "run --study=lin": STUDIES[1:3],
    "publish --study ": STUDIES[3:],
    "publish --study d": [],
    "run --profile ": ["default", "slurm"],
    "run --study digits --profile s": ["slurm"],
    "fetch ": ["flowers", "pets"],
    "fetch flowers p": ["pets"],
    "run --study x": [],
    "why ": [],
    "crate ../": [],
}
BROKEN = {
    "no file": None,
    "half a line": b"studies: {digits: [",
    "no text": b"\xff\xfe\x00",
    "a twin": b"studies: {a: 1, a: 2}",
    "a list": b"- studies",
    "a list of studies": b"studies: [a]\ndatasets: 3",
    "no key": b"studies: {[a]: 1}",
    "too deep": b"[" * 5000,
}


@pytest.fixture
def project(program):
    (program.folder / "params.yaml").write_text(PARAMS)
    for name in ("default", "slurm"):
        (program.folder / "workflow/profiles" / name).mkdir(parents=True)
        (program.folder / "workflow/profiles" / name / "config.yaml").touch()
    (program.folder / "workflow/profiles/no-profile").mkdir()
    return program


def bash(program, line):
    """What bash is given for a line, and whether there was anything to be seen besides."""
    words = f"advtransfer {line}"
    place = len(words.split()) - (not line.endswith(" "))
    done = program(_ADVTRANSFER_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(place))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def zsh(program, line):
    """What zsh is to evaluate."""
    done = program(_ADVTRANSFER_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=f"advtransfer {line}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize("line", OFFERED)
def test_names_of_the_project_are_offered(project, line):
    assert bash(project, line) == OFFERED[line]
    names = "\n".join(f'"{name}"' for name in OFFERED[line])
    assert zsh(project, line) == (f"_arguments '*: :(({names}))'" if names else "_files")


@pytest.mark.parametrize("line", ["run --study ", "run --profile ", "fetch "])
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_there_is_silence_where_no_project_is(program, line, content):
    if content is not None:
        (program.folder / "params.yaml").write_bytes(content)
    assert bash(program, line) == []
    assert zsh(program, line) == "_files"


def test_a_folder_in_the_place_of_params_yaml_is_silent(program):
    (program.folder / "params.yaml").mkdir()
    assert bash(program, "run --study ") == []


def test_commands_are_offered_with_a_word_on_each(project):
    assert bash(project, "p") == ["publish"]
    assert '"audit":"Check every published number' in zsh(project, "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [(["run", "--study", "lin"], STUDIES[1:3]), (["fetch", ""], ["flowers", "pets"]), (["why", "par"], [])],
)
def test_a_bash_that_has_read_the_script_completes(project, words, offered):
    script = project(_ADVTRANSFER_COMPLETE="source_bash").stdout
    line = " ".join(f"'{word}'" for word in ["advtransfer", *words])
    script += f"\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _advtransfer_completion {PROGRAM}"
    script += '\n[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"\ncomplete -p advtransfer'
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    *found, how = done.stdout.splitlines()
    assert found == offered
    assert how == "complete -o default -F _advtransfer_completion advtransfer", "else files, as for `why`"
    assert not (project.folder / "harm").exists()


def test_it_waits_for_no_heavy_package(project):
    """A second behind TAB would be too long. (typer itself imports pydantic to convert what is typed.)"""
    code = (
        "import atexit, sys\nfrom advtransfer.cli import main\n"
        "atexit.register(lambda: print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr))\n"
        "sys.argv = ['advtransfer']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.folder,
        env=project.environment(
            _ADVTRANSFER_COMPLETE="complete_bash", COMP_WORDS="advtransfer run --study ", COMP_CWORD="3"
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == STUDIES
    loaded = set(done.stderr.split())
    assert "yaml" in loaded
    assert loaded & {"dvc", "mlflow", "numpy", "pandas", "rich", "snakemake", "torch"} == set()
