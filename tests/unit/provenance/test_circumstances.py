"""On what jobs ran, what of it can move a last bit, and in what two machines differ."""

import platform

import pytest

from advtransfer.provenance import environment
from advtransfer.provenance.audit.machine import circumstances, differences, same_kind

MADE = {
    "interpreter": "CPython 3.11.7",
    "platform": "Linux-6.1-x86_64-with-glibc2.36",
    "cpu": "AMD EPYC",
    "maker": "AuthenticAMD",
    "architecture": "x86_64",
    "caps": {"MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "threads": 1,
    "device": "cpu",
    "packages": {"torch": "2.15.0", "numpy": "2.4.6"},
    "wall_seconds": 3.0,
    "git": {"commit": "abc"},
}


def test_the_processor_its_maker_and_the_caps_are_recorded(tmp_path, monkeypatch):
    for name in environment.CAPS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    about = environment.describe(tmp_path)
    assert about["caps"] == {"MKL_CBWR": "AVX2"}
    assert about["architecture"] == platform.machine()
    assert about["cpu"] and {"maker", "packages", "interpreter"} <= about.keys()


def test_only_what_can_move_a_number_counts():
    found = circumstances([MADE])
    assert found == {
        "C library": ["glibc2.36"],
        "architecture": ["x86_64"],
        "device": ["cpu"],
        "held to": ["ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=AVX2"],
        "interpreter": ["CPython 3.11.7"],
        "maker of the processor": ["AuthenticAMD"],
        "numpy": ["2.4.6"],
        "processor": ["AMD EPYC"],
        "threads": ["1"],
        "torch": ["2.15.0"],
    }


def test_several_jobs_have_all_their_values():
    assert circumstances([MADE, MADE | {"cpu": "Intel"}])["processor"] == ["AMD EPYC", "Intel"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"cpu": "Intel"}, "processor: Intel here, AMD EPYC published"),
        ({"device": "cuda"}, "device: cuda here, cpu published"),
        ({"packages": {"torch": "2.16.0"}}, "torch: 2.16.0 here, 2.15.0 published"),
        ({"caps": {}}, "held to: nothing here, ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=AVX2 published"),
        ({"platform": "Linux-6.9-x86_64-with-glibc2.41"}, "C library: glibc2.41 here, glibc2.36 published"),
        ({"threads": 2}, "threads: 2 here, 1 published"),
    ],
)
def test_another_kind_of_machine_is_named(change, line):
    assert differences(circumstances([MADE | change]), circumstances([MADE])) == [line]
    assert not same_kind(MADE | change, MADE)


@pytest.mark.parametrize(
    "change", [{"wall_seconds": 9.0}, {"git": None}, {"platform": "Linux-9-x86_64-with-glibc2.36"}]
)
def test_what_moves_no_number_is_no_difference(change):
    assert same_kind(MADE | change, MADE)


@pytest.mark.parametrize("key", MADE)
def test_what_only_one_of_them_tells_is_no_difference(key):
    """So a seal, or a published file, that was made to tell less is excused nothing for it."""
    less = {name: value for name, value in MADE.items() if name != key}
    assert same_kind(less, MADE) and same_kind(MADE, less) and same_kind({}, MADE)


def test_the_processor_is_told_first():
    here = MADE | {"cpu": "Intel", "architecture": "other", "packages": {"numpy": "3"}}
    names = [line.partition(":")[0] for line in differences(circumstances([here]), circumstances([MADE]))]
    assert names == ["processor", "numpy", "architecture"]
