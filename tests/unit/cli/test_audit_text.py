"""What the audit says in a terminal, and about a single number."""

from advtransfer.cli.audit import part
from advtransfer.cli.audit_text import chain_text, text

SEALED = {
    "rule": "collect",
    "seal": "5" * 64,
    "params": {},
    "inputs": ["a"],
    "code": {},
    "made": {"interpreter": "cpython"},
}


def number(value, anew, chain):
    about = {"value": value, "anew": anew, "stands": value == anew}
    return about | {"where": {"study": ["s"]}, "rows": 3, "chain": chain}


def report(*checks):
    return {
        "verdict": "fail" if any(check["verdict"] == "fail" for check in checks) else "pass",
        "strict": False,
        "conclusion": "reproduced: as told.",
        "git": None,
        "machines": [{"processor": ["A"], "torch": ["2.0"]}],
        "claims": {},
        "checks": list(checks),
        "numbers": {
            "s/t/a": number(0.5, 0.5, ["results/m"]),
            "s/t/b": number(0.9, 0.5, ["results/x", "raw"]),
        },
        "steps": {
            "results/m": SEALED,
            "results/x": {"unsealed": "results/x", "sha256": "7" * 64},
            "raw": {"raw": "raw", "sha256": None},
        },
        "figures": [],
        "apart": {
            "far": {
                "numbers": {"far/t/a": number(0.25, 0.25, ["results/m"])},
                "claims": {},
                "steps": {"results/m": SEALED | {"rule": "elsewhere"}},
            }
        },
    }


def check(name, verdict, *findings):
    return {"name": name, "verdict": verdict, "reason": f"{name} says why", "findings": list(findings)}


def test_findings_with_one_reason_are_one_line_and_long_lists_are_cut():
    many = ", ".join(f"module{i}" for i in range(9))
    findings = [*(f"results/{i}: code changed: {many}" for i in range(40)), "results/z: no seal"]
    lines = [line.strip() for line in text(report(check("jobs", "pass", *findings))).splitlines()]
    assert "40 (first: results/0): code changed: module0, module1, module2 and 6 more" in lines
    assert "results/z: no seal" in lines
    assert not any(line.startswith("results/1") for line in lines)


def test_findings_with_many_reasons_end_after_a_handful_and_count_the_rest():
    findings = [f"results/{i}: reason {i}" for i in range(30)] + ["results/x: often", "results/y: often"]
    lines = text(report(check("jobs", "fail", *findings))).splitlines()
    shown = [line.strip() for line in lines if "results/" in line]
    assert shown[0] == "2 (first: results/x): often" and len(shown) == 6
    assert any(line.strip() == "and 25 more, see reports/audit/audit.json" for line in lines)


def test_a_number_that_stands_is_told_with_its_chain_and_no_failures():
    told = chain_text(report(check("jobs", "pass")), "s/t/a")
    assert told.startswith(
        "s/t/a = 0.5\n  from 3 measurements (study s)\n  results/m: rule collect, seal 5555"
    )
    assert "Does not stand" not in told


def test_a_forged_number_is_told_beside_the_one_computed_anew_and_failures_follow_the_chain():
    told = chain_text(report(check("jobs", "pass"), check("numbers", "fail")), "s/t/b")
    assert told.startswith("s/t/b: published 0.9, computed anew 0.5\n")
    assert told.endswith("\n\nDoes not stand:\n  numbers: numbers says why")


def test_an_artifact_without_a_readable_seal_is_not_called_a_raw_file():
    told = chain_text(report(), "s/t/b").splitlines()
    assert f"  results/x: no readable seal, so what made it is unknown; sha256 {'7' * 64}" in told
    assert "  raw: raw file, missing" in told


def test_a_number_of_a_study_published_apart_has_the_chain_of_its_own_record():
    told = chain_text(report(), "far/")
    assert told.startswith("far/t/a = 0.25") and "rule elsewhere" in told and "rule collect" not in told


def test_the_part_about_one_number_holds_its_steps_alone_and_every_check():
    chosen = part(report(check("jobs", "fail")), "s/t/a")
    assert chosen["numbers"].keys() == {"s/t/a"} and chosen["steps"].keys() == {"results/m"}
    assert chosen["apart"] == {} and chosen["verdict"] == "fail" and len(chosen["checks"]) == 1


# -- three outcomes ------------------------------------------------------------------------------------------------


def test_ninety_artifacts_of_one_cause_are_one_line():
    cause = (
        "made anew on another kind of machine (processor: A here, B published; torch: 2 here, 3 published)"
    )
    findings = [f"results/{i}: {cause}" for i in range(91)]
    lines = text(report(check("published artifacts", "reproduced", *findings))).splitlines()
    assert [line.strip() for line in lines if "results/" in line] == [f"91 (first: results/0): {cause}"]


def test_reproduced_is_told_with_the_words_that_a_run_ends_in():
    lines = text(report(check("numbers", "reproduced"))).splitlines()
    assert "Everything published stands, reproduced: as told." in lines
    assert not any("Could not be checked" in line for line in lines)


def test_reproduced_does_not_stand_where_bytes_are_wanted():
    told = text(report(check("numbers", "reproduced")) | {"strict": True})
    assert "Does not stand with --strict: numbers are reproduced, not the same bytes." in told


def test_a_failure_outdoes_what_is_reproduced():
    told = text(report(check("numbers", "reproduced"), check("jobs", "fail")))
    assert "Does not stand: jobs." in told and "stands" not in told


def of_claims(**changes):
    fields = {"estimate": 0.5, "ci_low": 0.4, "ci_high": 0.6, "p_holm": 0.01, "n": 3, "verdict": "supported"}
    about = {"value": fields, "anew": fields, "stands": True, "borderline": False, "allowed": 0.05} | changes
    found = report()
    found["numbers"]["s/claims/C1/estimate"] = number(0.5, 0.5, ["results/m"]) | {"machine": 0}
    return found | {"claims": {"s/claims/C1": about}}


def test_a_claim_is_told_with_its_interval_p_n_verdict_and_the_machine():
    told = chain_text(of_claims(), "s/claims/C1").splitlines()
    assert told[0] == "s/claims/C1/estimate = 0.5"
    assert told[1:6] == [
        "  s/claims/C1/ci_low = 0.4",
        "  s/claims/C1/ci_high = 0.6",
        "  s/claims/C1/p_holm = 0.01",
        "  s/claims/C1/n = 3",
        "  s/claims/C1/verdict = supported",
    ]
    assert "  published from jobs on processor A, torch 2.0" in told


def test_one_field_of_a_claim_can_be_asked_for():
    chosen = part(of_claims(), "s/claims/C1/verdict")
    assert chosen["claims"].keys() == {"s/claims/C1"} and chosen["numbers"].keys() == {"s/claims/C1/estimate"}


def test_an_edited_verdict_is_told_beside_the_one_judged_anew():
    edited = of_claims()["claims"]["s/claims/C1"]["value"] | {"verdict": "refuted"}
    told = chain_text(of_claims(value=edited, stands=False), "s/claims/C1")
    assert "  s/claims/C1/verdict: published refuted, supported here" in told


def test_a_borderline_claim_is_called_so():
    found = of_claims(borderline=True)
    assert (
        "borderline: the verdict could be another within the tolerance of the estimate (0.05)"
        in chain_text(found, "s/claims")
    )
    assert "Borderline (1): the verdict could be another within tolerance: s/claims/C1" in text(found)


def test_a_key_ends_where_a_part_of_it_ends():
    found = of_claims()
    found["numbers"]["s/t/ab"] = number(0.1, 0.1, ["results/m"])
    assert part(found, "s/t/a")["numbers"].keys() == {"s/t/a"}
    assert (
        part(found, "s/t")["numbers"].keys()
        == part(found, "s/t/")["numbers"].keys()
        == {"s/t/a", "s/t/b", "s/t/ab"}
    )
    assert part(found, "s/t/")["claims"] == {}


def test_a_number_within_its_tolerance_is_told_with_both_values():
    found = report()
    found["numbers"]["s/t/a"] |= {"anew": 0.51, "stands": True, "allowed": 0.02}
    assert chain_text(found, "s/t/a").startswith(
        "s/t/a: published 0.5, 0.51 here, within its tolerance of 0.02\n"
    )
