"""The blocks of objectives are the arguments that their files take, and reading them loads no torch."""

import inspect
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from advtransfer import params
from advtransfer.objectives.deep import kinds
from advtransfer.params.model import Params
from advtransfer.params.objectives import DeepPerturbation, arguments

KNOBS = "from advtransfer.objectives.deep.knobs import Radius\n"
NAMES = sorted(DeepPerturbation.model_fields)


def test_every_file_is_known():
    assert {"attack", "fgsm", "free", "gaussian", "trades"} <= set(NAMES)
    files = Path(kinds.__path__[0]).glob("[a-z]*.py")
    assert sorted(NAMES) == sorted(path.stem for path in files)


@pytest.mark.parametrize("name", NAMES)
def test_a_block_is_the_signature_of_make(name):
    make = import_module(f"{kinds.__name__}.{name}").make
    expected = {n: p.default for n, p in inspect.signature(make).parameters.items() if n != "smoothing"}
    block = DeepPerturbation.model_fields[name].annotation.__args__[0]
    found = {
        n: inspect.Parameter.empty if f.is_required() else f.default for n, f in block.model_fields.items()
    }
    assert found == expected
    assert block.__doc__ == inspect.getdoc(make)
    assert all(field.description for field in block.model_fields.values())


def test_the_reference_has_a_plain_name_for_every_block():
    """Two of one name would stand there with the names of their modules."""
    assert [name for name in Params.model_json_schema()["$defs"] if "__" in name] == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def build(*, smoothing): ...", r"found build, expected make\(\*, .., smoothing\)"),
        ("X = 1", "found no function"),
        ("def make(*, eps: Radius): ...", "make has no argument smoothing"),
        ("def make(*, eps, smoothing): ...", "the argument eps has no type"),
        ("def make(*, eps: Tensor, smoothing): ...", "eps: found the type Tensor, expected Python's types and names"),
        ("Radius = float\ndef make(*, eps: Radius, smoothing): ...", "eps: found the type Radius, expected"),
        (f"{KNOBS}def make(*, eps: 'Radius', smoothing): ...", "the argument eps has no type"),
        ("def make(*, eps: 3, smoothing): ...", "the argument eps has no type"),
        ("def make(*, eps: print, smoothing): ...", "eps: found the type print"),
        ("def make(*, eps: float[3], smoothing): ...", r"eps: float\[3\] is no type"),
        (f"{KNOBS}def make(*, eps: Radius = 8/255, smoothing): ...", "eps: found the default 8 / 255, expected"),
        (f"{KNOBS}def make(*, eps: Radius = -1.0, smoothing): ...", "eps: the default -1.0: Input should be greater"),
        ("def make(*, steps: int = 2.5, smoothing): ...", "steps: the default 2.5: "),
        ("def make(*, steps: int | None = 1, smoothing): ...", "steps: found a type that may be null and"),
        ("def make(*, _x: int, smoothing): ...", "_x: found a name that no key"),
        ("def make(*, model_dump: int, smoothing): ...", "model_dump: found a name that no key"),
        ("def make(*, eps: float smoothing)", "cannot be read: "),
        ("def make(eps: Radius, *, smoothing): ...", "found eps before"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_objective_is_one_line(tmp_path, source, line):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(ValueError, match=line) as error:
        arguments(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_default_is_what_params_would_give(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"{KNOBS}def make(*, eps: Radius = '8/255', smoothing): ...")
    assert arguments(path)().eps == 8 / 255


def test_a_file_that_is_not_finished_stands_in_nobodys_way(tmp_path):
    """But for the variant that names it; and what is no file of an objective is none."""
    source = Path(params.__file__).parents[1]
    shutil.copytree(source, tmp_path / "advtransfer", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "advtransfer/objectives/deep/kinds"
    (folder / "unfinished.py").write_text("def make(")
    (folder / "_shared.py").write_text("def helper(): ...")
    (folder / ".#trades.py").symlink_to("somebody@somewhere")
    measures = tmp_path / "advtransfer/evaluation/representation/measures"
    (measures / "wrong.py").write_text("def mesure(x, y): ...")
    (measures / "_helper.py").write_text("")
    code = """
import sys, pydantic
from advtransfer.params.natural_blocks import NaturalTransfer
from advtransfer.params.objectives import DeepPerturbation as D
D.model_validate({"fgsm": {"eps": 0.1}})
for block, value in ((D, {"unfinished": {}}), (D, {"_shared": {}}), (NaturalTransfer, {"draws": 1,
    "linear": {"shots": [1]}, "measures": ["tmi", "wrong"]})):
    try:
        block.model_validate(value)
    except pydantic.ValidationError as error:
        print(error.errors()[0]["loc"], error.errors()[0]["msg"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    one, two, three = done.stdout.splitlines()
    assert "'unfinished'" in one and "unfinished.py: cannot be read: " in one
    assert "Extra inputs are not permitted" in two
    assert "('measures', 1)" in three and "wrong.py: found mesure, expected measure(x, y)" in three


def test_parameters_are_read_without_torch():
    code = "import sys, advtransfer.params; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
