"""`advtransfer why`: one line for what is stale, the lineage of what is fresh."""

import json
import shutil

import pytest

from advtransfer.provenance.explain import GONE, explain

ADVERSARIAL = "results/pretrain/tiny/adversarial-l2/r000-002.safetensors"


def test_a_stale_artifact_is_explained_in_one_line(edited):
    edited.edit("params.yaml", "eps: 0.5, steps: 2", "eps: 1.0, steps: 2")
    done = edited.advtransfer("why", ADVERSARIAL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{ADVERSARIAL}: params changed: perturbation.attack.eps 0.5 -> 1.0\n"


def test_a_fresh_artifact_shows_its_lineage_down_to_the_data_set(edited):
    done = edited.advtransfer("why", "results/claims.json")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("results/claims.json (seal ")
    assert "STALE" not in done.stdout
    depth = {}
    for line in lines:
        name = line.split()[0]
        depth.setdefault(name, (len(line) - len(line.lstrip())) // 2)
    weights = "results/pretrain/tiny/pseudo-label/r000-002.safetensors"
    assert [
        depth[name]
        for name in (
            "results/claims.json",
            "results/transfer/tiny/metrics.parquet",
            "results/transfer/tiny/low-contrast/pseudo-label/r000-002.parquet",
            weights,
            "data/pseudo_labels/tiny/r000-002.parquet",
        )
    ] == [0, 1, 2, 3, 4]
    assert any(
        "data/prepared/images/digits.parquet (seal" in line and "rule prepare" in line for line in lines
    )
    assert not any("/other" in name for name in depth)

    page = explain("reports/rendered/tiny.html", edited.root).text()
    raw = [line.split()[0] for line in page.splitlines() if "(raw, " in line]
    assert raw == ["reports/image_study.ipynb"]


def test_several_targets_can_be_planned_where_nothing_was_planned_before(copied):
    """Snakemake lists folders once: a spec written into a listed folder would count as missing."""
    shutil.rmtree(copied.path(".snakemake"))
    done = copied.snakemake("--dry-run", "--", "reports/rendered/tiny.html", "reports/rendered/other.html")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_reads_what_a_person_reads(edited):
    def told(path):
        done = edited.advtransfer("why", path, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def lines(node, depth=0):
        yield "  " * depth + node["path"]
        for inner in node.get("inputs", []):
            yield from lines(inner, depth + 1)

    fresh = told("results/claims.json")
    assert fresh["state"] == "fresh"
    text = edited.advtransfer("why", "results/claims.json").stdout
    assert list(lines(fresh["lineage"])) == [line.split(" (")[0] for line in text.splitlines()]
    assert fresh["lineage"]["sha256"] == edited.artifacts()["results/claims.json"]
    assert fresh["lineage"]["stage"] == "advtransfer.stages.summarise"

    edited.edit("params.yaml", "eps: 0.5, steps: 2", "eps: 1.0, steps: 2")
    assert told(ADVERSARIAL) == {
        "path": ADVERSARIAL,
        "state": "stale",
        "reason": "params changed: perturbation.attack.eps 0.5 -> 1.0",
        "primary": ADVERSARIAL,
        "lineage": None,
        "raw": {},
    }
    assert told("reports/image_study.ipynb")["state"] == "raw"
    assert told("params.yaml")["state"] == "unused"
    made_from_it = told("results/claims.json")
    reason = "params changed: perturbation.attack.eps 0.5 -> 1.0"
    assert made_from_it["state"] == "stale"
    assert made_from_it["reason"] == f"made from {ADVERSARIAL}, which is stale: {reason}"
    assert list(lines(made_from_it["lineage"])) == list(lines(fresh["lineage"]))
    first = edited.advtransfer("why", "results/claims.json").stdout.splitlines()[0]
    assert first == f"results/claims.json: {made_from_it['reason']}"


def test_what_a_removed_variant_left_is_not_fresh(edited):
    """Its spec file lies about from when it was planned."""
    lines = edited.path("params.yaml").read_text().splitlines(keepends=True)
    edited.path("params.yaml").write_text("".join(line for line in lines if "adversarial-l2" not in line))
    claims = edited.path("reports/claims.yaml").read_text()
    start, end = claims.index("  - id: C1"), claims.index("  - id: C2")
    edited.path("reports/claims.yaml").write_text(claims[:start] + claims[end:])
    assert edited.path(".snakemake/spec").joinpath(ADVERSARIAL, "spec.json").exists()
    curves = ADVERSARIAL.replace(".safetensors", ".curves.parquet")
    for path in (ADVERSARIAL, curves):
        done = edited.advtransfer("why", path)
        assert (done.returncode, done.stdout) == (0, f"{ADVERSARIAL}: {GONE}\n")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("results", "results: a folder; expected a file"),
        ("/etc/passwd", "/etc/passwd: outside of this project"),
    ],
)
def test_what_is_no_file_of_the_project_is_wrong_input(copied, path, said):
    done = copied.advtransfer("why", path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")


def test_what_a_job_will_make_is_known_before_anything_was_planned(copied):
    shutil.rmtree(copied.path(".snakemake"))
    curves = ADVERSARIAL.replace(".safetensors", ".curves.parquet")
    assert copied.path(curves).exists()
    copied.path(curves).unlink()
    done = copied.advtransfer("why", curves)
    assert (done.returncode, done.stdout) == (0, f"{ADVERSARIAL}: output {curves} missing\n")
    gone = copied.advtransfer("why", "results/nowhere.parquet", "--json")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert gone.stderr == "results/nowhere.parquet: no such file, and no job makes it\n"
