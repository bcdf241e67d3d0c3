"""What the audit says in a terminal, and about a single number."""

from advtransfer.cli.audit import chain_text, part, text

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
        "git": None,
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
