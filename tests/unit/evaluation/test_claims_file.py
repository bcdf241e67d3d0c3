"""The shipped claims are valid; a bad one is one line with file, claim, key, what was found and expected."""

from pathlib import Path

import pytest
import yaml

from advtransfer.evaluation import claims_file

SHIPPED = Path(__file__).parents[3] / "reports" / "claims.yaml"
GOOD = {
    "id": "C1-x",
    "claim": "C1",
    "statement": "x is better",
    "study": "digits",
    "query": {"protocol": "linear", "shots": 5},
    "compare": [{"variant": "x", "over": "clean"}],
}


def written(tmp_path, *claims):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": list(claims)}))
    return path


def test_shipped_claims():
    claims = claims_file.load(SHIPPED)
    assert {"digits", "digits-control"} <= {claim["study"] for claim in claims}
    families = {(c["claim"], c["query"]["protocol"]) for c in claims_file.of_study(claims, "digits")}
    assert {(c, p) for c in ("C1", "C2", "C3") for p in ("linear", "finetune")} <= families
    assert all(len(c["compare"]) == 2 for c in claims if c["claim"] == "C3")


def test_defaults(tmp_path):
    (claim,) = claims_file.load(written(tmp_path, GOOD))
    assert claim["query"] == {"protocol": "linear", "shots": 5, "metric": "accuracy", "target": None}
    assert (claim["direction"], claim["confidence"]) == ("greater", 0.95)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"confidence": 1.5}, "key confidence: found 1.5, expected less than 1"),
        ({"direction": "up"}, "key direction: found 'up', expected 'greater', 'less' or 'equal'"),
        (
            {"query": {"protocol": "linear", "shots": "five"}},
            "key query.shots: found 'five', expected a valid int",
        ),
        ({"query": {"protocol": "linear"}}, "key query.shots: found nothing, expected a value"),
        ({"compare": []}, r"key compare: found \[\], expected"),
        (
            {"compare": [{"variant": "x", "over": "x"}]},
            "key compare.0: found .*expected two different variants",
        ),
        ({"colour": "red"}, "key colour: found 'red', expected no such key"),
    ],
)
def test_a_bad_claim_is_one_clear_line(tmp_path, change, message):
    with pytest.raises(ValueError, match=r"claims\.yaml: claim 'C1-x': " + message) as error:
        claims_file.load(written(tmp_path, {**GOOD, **change}))
    assert "\n" not in str(error.value)


def test_an_id_occurs_once_per_study(tmp_path):
    claims_file.load(written(tmp_path, GOOD, {**GOOD, "study": "other"}))
    with pytest.raises(ValueError, match="found twice in study 'digits'"):
        claims_file.load(written(tmp_path, GOOD, GOOD))


@pytest.mark.parametrize("text", ["claims: [", "claims: 3", "[]", "", "claims: []\nother: 1"])
def test_a_bad_file_is_one_clear_line(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"claims\.yaml: ") as error:
        claims_file.load(path)
    assert "\n" not in str(error.value)


def test_claims_about_what_is_not_measured(tmp_path):
    path = written(tmp_path, GOOD)
    claims = claims_file.load(path)
    known = {"variant": ["clean", "x"], "shots": [1, 5]}
    claims_file.check_known(claims, path, {"digits": known})
    with pytest.raises(ValueError, match=r"key query\.shots: found 5, expected one of \[1\]"):
        claims_file.check_known(claims, path, {"digits": {**known, "shots": [1]}})
    with pytest.raises(ValueError, match=r"key compare\.0\.variant: found 'x', expected one of \['clean'\]"):
        claims_file.check_known(claims, path, {"digits": {**known, "variant": ["clean"]}})
    with pytest.raises(ValueError, match=r"key study: found 'digits', expected one of \['other'\]"):
        claims_file.check_known(claims, path, {"other": known})
