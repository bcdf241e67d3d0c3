"""Every number and verdict in README's two tables of results is the published one."""

import json
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
README, PUBLISHED = CHECKOUT / "README.md", CHECKOUT / "reports/published.json"
APART = "tiny-imagenet-cifar10-cpu"
# First words of a row, the table that it stands in, and the claims that it tells of, in its order.
ROWS = {
    "C1 adversarial over clean pre-training": ("digits", ["C1-linear-l2", "C1-linear-linf"]),
    "C2 pseudo-labels": ("digits", ["C2-linear"]),
    "C3 both over either alone": ("digits", ["C3-linear-l2", "C3-linear-linf"]),
    "C3 under full fine-tuning": ("digits", ["C3-finetune-l2", "C3-finetune-linf"]),
    "control: pre-training over raw pixels": ("digits-control", ["pretraining-linear"]),
    "C4 linear model": ("linear-theory", ["C4-l2-heterogeneous", "C4-linf-sparse"]),
    "C4 controls": ("linear-theory", ["control-l2", "control-linf"]),
    "C5 purification": ("sparse-coding", ["C5-robust-0.3-soft-threshold"]),
}
ROWS_APART = {
    "C1 adversarial over clean pre-training": (APART, ["C1-linear-l2", "C1-linear-linf"]),
    "C2 pseudo-labels": (APART, ["C2-linear"]),
    "C3 both over either alone": (APART, ["C3-linear-l2", "C3-linear-linf"]),
    "baseline: l2 attacks over Gaussian noise": (APART, ["noise-linear-l2"]),
}
_NUMBER = re.compile(r"([+-]?)(\d?)\.(\d+)")


def tables(text):
    """The rows of each table of claims, as lists of cells."""
    found, inside = [], False
    for line in text.splitlines():
        if line.startswith("| claim ("):
            found.append([])
            inside = True
        elif inside and line.startswith("|"):
            if not line.startswith("|---"):
                found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        else:
            inside = False
    return found


def published():
    """Claim -> its fields: of published.json (an older one has estimates alone) and of the study published apart."""
    content = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    ends = "/estimate"
    found = {
        key.removesuffix(ends): {"estimate": value}
        for key, value in content["numbers"].items()
        if "/claims/" in key and key.endswith(ends)
    }
    found |= content.get("claims", {})
    rows = json.loads((CHECKOUT / f"reports/published/{APART}/claims.json").read_text(encoding="utf-8"))
    return found | {f"{APART}/claims/{row['id']}": row for row in rows}


def stale(rows, known, claims):
    """What a table says and is not published, one line each that names the row."""
    for title, verdicts, estimates in rows:
        names = [name for name in known if title.startswith(name)]
        if len(names) != 1:
            yield f"README.md, row {title!r}: no test knows its claims"
            continue
        study, ids = known[names[0]]
        if len(told := estimates.split(" / ")) != len(ids):
            yield f"README.md, row {title!r}: {len(told)} estimates, expected {len(ids)}"
            continue
        said = verdicts.split(" / ")
        for place, claim in enumerate(ids):
            fields = claims[f"{study}/claims/{claim}"]
            yield from (
                f"README.md, row {title!r}: {line}"
                for line in wrong(told[place], said[place % len(said)], fields)
            )


def wrong(told, verdict, fields):
    """What is not so in ``+.047 [.043, .052]`` and its verdict, as far as it is published."""
    if fields.get("verdict", verdict) != verdict:
        yield f"found {verdict}, published is {fields['verdict']}"
    names = ("estimate", "ci_low", "ci_high")
    for name, number in zip(names, _NUMBER.finditer(told), strict=False):
        digits = len(number[3])
        if name in fields and round(float(number[0]), digits) != round(fields[name], digits) + 0.0:
            yield f"{name}: found {number[0]}, published is {fields[name]:+.{digits}f}"


@pytest.mark.parametrize(("place", "known"), [(0, ROWS), (1, ROWS_APART)])
def test_the_tables_of_results_show_what_is_published(place, known):
    found = tables(README.read_text(encoding="utf-8"))
    assert len(found) == 2 and len(found[place]) == len(known)
    lines = list(stale(found[place], known, published()))
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("+.029 [", "+.031 [", "row 'C2 pseudo-labels over labelled images alone': estimate: found +.031"),
        (
            "-.030 [-.054, -.006]",
            "-.030 [-.054, -.005]",
            "row 'baseline: l2 attacks over Gaussian noise of their size'",
        ),
        ("| refuted | -.014", "| supported | -.014", "found supported, published is refuted"),
        ("| C5 purification", "| C9 purification", "no test knows its claims"),
        (" / +.066 [.060, .071]", "", "1 estimates, expected 2"),
    ],
)
def test_a_stale_row_is_named(old, new, words):
    text = README.read_text(encoding="utf-8")
    assert text.count(old) == 1
    first, second = tables(text.replace(old, new))
    claims = published()
    lines = [*stale(first, ROWS, claims), *stale(second, ROWS_APART, claims)]
    assert lines and any(words in line for line in lines), lines
