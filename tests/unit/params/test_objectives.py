"""The blocks of objectives are the arguments that their files take, and reading them loads no torch."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from advtransfer.objectives.deep import kinds
from advtransfer.params.model import Params
from advtransfer.params.objectives import DeepPerturbation, arguments

NAMES = sorted(DeepPerturbation.model_fields)


def test_every_file_is_known():
    assert NAMES == ["attack", "fgsm", "free", "gaussian", "trades"]


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
        ("def make(*, eps, smoothing): ...", "the argument eps of make has no type"),
        ("def make(*, eps: Tensor, smoothing): ...", "eps: Tensor: name 'Tensor' is not defined, expected a type"),
        ("def make(eps: Radius, *, smoothing): ...", "found eps before"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_objective_is_one_line(tmp_path, source, line):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(ValueError, match=line) as error:
        arguments(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_parameters_are_read_without_torch():
    code = "import sys, advtransfer.params; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
