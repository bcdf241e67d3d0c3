"""The index shows every verdict; the page of artifacts shows every sealed file."""

import json

from advtransfer.provenance.seal import Seal
from advtransfer.provenance.spec import Spec
from advtransfer.reporting import seals, site
from advtransfer.stages import site as stage


def write_seal(path, name, torch="2.15.0"):
    outputs = {"weights": f"results/{name}.safetensors", "metrics": f"results/{name}.parquet"}
    spec = Spec("pretrain", "pretrain", {}, {}, {}, {}, outputs)
    made = {"wall_seconds": 1.25, "packages": {"torch": torch}, "device": "cpu"}
    seal = Seal(spec, dict.fromkeys(outputs.values(), "ab" * 32), made)
    path.write_text(seal.to_json())
    return seal


def test_seals_as_they_are_written(tmp_path):
    seal = write_seal(tmp_path / "a.seal", "a")
    rows = seals.artifacts(seals.read([tmp_path / "a.seal"]))
    assert [row["path"] for row in rows] == ["results/a.parquet", "results/a.safetensors"]
    assert rows[0]["seal"] == seal.id
    assert rows[0]["sha256"] == "ab" * 32


def test_versions_of_several_environments(tmp_path):
    for name, torch in (("a", "2.15.0"), ("b", "2.11.0")):
        write_seal(tmp_path / f"{name}.seal", name, torch)
    found = seals.read([tmp_path / "b.seal", tmp_path / "a.seal"])
    assert seals.versions(found) == {"torch": ["2.11.0", "2.15.0"]}
    page = site.artifacts(found, {})
    assert "set 1" in page and "set 2" in page
    assert "Stage time in all: 2.5 s" in page
    assert page.count("<td><code>") >= 4


def test_index(verdicts, tmp_path):
    studies = {
        "digits": {"title": "Digits & co", "page": "digits.html"},
        "empty": {"title": None, "page": None},
    }
    page = site.index("Title", studies, verdicts, [])
    assert '<a href="digits.html">Digits &amp; co</a>' in page
    assert '<a href="digits.html" title="Digits &amp; co">digits</a>' in page, "the navigation"
    assert "empty.html" not in page
    assert "No claims about this study" in page
    assert all(row["statement"] in page for row in verdicts)


def test_a_study_published_apart_leads_to_its_own_page(verdicts):
    about = {"title": "Digits", "page": "../published/digits/page.html", "apart": True}
    spec = Spec("claims", "claims", {}, {}, {}, {}, {"claims": "results/claims/digits.json"})
    seal = Seal(spec, {"results/claims/digits.json": "cd" * 32}, {})
    page = site.index("Title", {"digits": about}, verdicts, [json.loads(seal.to_json())])
    assert page.count('<a href="../published/digits/page.html"') == 2
    assert "published apart: the record of an earlier run" in page
    assert all(row["statement"] in page for row in verdicts)
    assert seal.id[:12] not in page, "what lies here may be another run's"


def test_stage(tmp_path):
    write_seal(tmp_path / "a.seal", "a")
    (tmp_path / "claims.json").write_text("[]")
    outputs = {name: tmp_path / f"{name}.html" for name in ("index", "artifacts", "glossary")}
    outputs["studies"] = tmp_path / "studies.js"
    inputs = {"claims": [tmp_path / "claims.json"], "seals": [tmp_path / "a.seal"]}
    studies = {"s": {"title": "A </script> title", "page": "s.html"}}
    stage.main({"title": "T", "studies": studies}, inputs, outputs)
    first = {name: path.read_text() for name, path in outputs.items()}
    stage.main({"title": "T", "studies": studies}, inputs, outputs)
    for name, path in outputs.items():
        assert path.read_text() == first[name]
        assert "http" not in first[name].replace("http-equiv", "")
    menu = first["studies"].removeprefix("window.ADVTRANSFER_STUDIES = ").removesuffix(";\n")
    assert json.loads(menu) == [{"name": "s", "title": "A </script> title", "page": "s.html"}]


def test_numbers_of_the_index_lead_to_the_seal_of_their_claims(verdicts):
    spec = Spec("claims", "claims", {}, {}, {}, {}, {"claims": "results/claims/digits.json"})
    seal = Seal(spec, {"results/claims/digits.json": "cd" * 32}, {})
    page = site.index("T", {"digits": {}}, verdicts, [json.loads(seal.to_json())])
    link = f'<a class="n" href="artifacts.html#s-{seal.id[:12]}" title="results/claims/digits.json, rule claims, '
    assert page.count(link) > 2 * len(verdicts)
    assert f'id="s-{seal.id[:12]}"' in site.artifacts([json.loads(seal.to_json())], {})
