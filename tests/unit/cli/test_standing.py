"""What excuses an artifact for having other bytes than the published one, and what does not."""

from dataclasses import replace

import pytest

from advtransfer.cli.published_file import PublishedFile, circumstances_of, made_on
from advtransfer.cli.standing import Standing
from advtransfer.evaluation.published import Results
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.seal import Seal
from advtransfer.provenance.spec import Spec

TRAINED, MEASURED, SUMMARY = "results/w", "results/m", "results/s"
AMD = {"cpu": "AMD EPYC", "device": "cpu", "packages": {"torch": "2.15.0"}}
INTEL = AMD | {"cpu": "Intel Xeon"}


def evidence(made=AMD, hashes="a", params=1):
    """Three jobs in a row; ``made`` are the circumstances of the first two."""
    steps = [(TRAINED, None, made), (MEASURED, TRAINED, made), (SUMMARY, MEASURED, AMD)]
    sealed = {}
    for path, source, about in steps:
        inputs = {"input": source} if source else {}
        spec = Spec("rule", "stage", {}, {"p": params}, {}, inputs, {"output": path})
        sha256 = {path: hashes * 64} | ({source: hashes * 64} if source else {})
        sealed[path] = Seal(spec, sha256, about)
    return Evidence(None, sealed, {}, 0.0)


def published(made=AMD, **changes):
    """What was published from the same jobs; their hashes begin with an a."""
    there = evidence(made)
    hashes = {path: seal.sha256[path] for path, seal in there.seals.items()}
    machines, places = made_on(hashes, there)
    specs = {path: seal.spec.digest for path, seal in there.seals.items()}
    return replace(PublishedFile(Results({}, {}), {}, hashes, specs, machines, places), **changes)


def standing(here, file=None, recorded=(), doubt=""):
    return Standing(file or published(), here, recorded, doubt)


def test_the_same_bytes_need_no_excuse():
    assert standing(evidence(INTEL)).changed == {} == standing(evidence(INTEL)).forged


def test_another_kind_of_machine_anywhere_upstream_is_an_excuse():
    found = standing(evidence(INTEL, "b"))
    assert found.forged == {}
    assert found.changed[TRAINED] == (
        "made anew on another kind of machine (processor: Intel Xeon here, AMD EPYC published)"
    )
    assert "processor: AMD EPYC and Intel Xeon here" in found.changed[SUMMARY], "its own job ran on the AMD"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"here": evidence(AMD, "b")}, "on the same kind of machine: altered, or computed with chance in it"),
        (
            {"here": evidence(INTEL, "b"), "recorded": {TRAINED, MEASURED, SUMMARY}},
            "dvc.lock records what lies here",
        ),
        (
            {"here": evidence(INTEL, "b"), "doubt": "nothing is excused while these fail: x"},
            "while these fail: x",
        ),
        ({"here": evidence(INTEL, "b", params=2)}, "from other params or code"),
        ({"here": evidence({}, "b")}, "on the same kind of machine"),
        ({"here": evidence(INTEL, "b"), "file": published(machines=[])}, "does not tell on what machine"),
        ({"here": evidence(INTEL, "b"), "file": published(specs={})}, "does not tell on what machine"),
        ({"here": evidence(INTEL, "b"), "file": published({})}, "on the same kind of machine"),
        ({"here": evidence(INTEL, "b"), "file": published(INTEL)}, "on the same kind of machine"),
    ],
)
def test_whatever_else_differs_is_not_excused(change, words):
    found = standing(**change)
    assert found.forged.keys() >= {TRAINED, MEASURED} and words in found.forged[TRAINED]
    assert found.excuse(TRAINED) == ""


def test_the_present_jobs_of_a_mixed_cluster_are_compared_with_those_that_made_the_same_artifact():
    """That the summary was once made on another machine is no excuse for the weights."""
    mixed = published(INTEL)
    assert len(mixed.machines) == 2 and mixed.machine_of(TRAINED) == circumstances_of(
        TRAINED, evidence(INTEL)
    )
    found = standing(evidence(INTEL, "b"), mixed)
    assert found.forged.keys() == {TRAINED, MEASURED, SUMMARY}


def test_an_artifact_that_no_seal_names_is_missing():
    found = standing(Evidence(None, {}, {}, 0.0))
    assert found.forged.keys() == {TRAINED, MEASURED, SUMMARY}
    assert "no seal names it here" in found.forged[TRAINED]


def test_jobs_of_one_machine_are_one_block():
    assert (len(published().machines), published().made_on) == (1, {})
