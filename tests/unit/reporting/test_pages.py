"""The frame of the pages, and the glossary that their texts link to."""

import re

import pytest

from advtransfer.reporting import glossary, look, pages
from advtransfer.reporting.tables import Html


def test_a_page_escapes_what_is_not_html_and_marks_where_the_reader_is():
    page = pages.render(
        "study.html.j2", title="A <b>", here="s", body=Html("<p>x</p>"), sections=[], plots=False
    )
    assert "<title>A &lt;b&gt;</title>" in page and "<p>x</p>" in page
    assert 'data-current="s"' in page and '<script src="studies.js">' in page
    assert (
        "aria-current"
        not in page.partition("<style>")[0] + page.partition("<body>")[2].partition("<script>")[0]
    )
    listed = pages.render("glossary.html.j2", title="G", here="glossary", studies=[], groups={})
    assert 'href="glossary.html" aria-current="page"' in listed
    assert "studies.js" not in listed.partition("<body>")[2].partition("<script>")[0]


def test_light_and_dark_define_the_same_colours_and_all_that_are_used():
    used = set(re.findall(r"var\(--([a-z-]+)\)", look.RULES))
    assert used == look.LIGHT.keys() == look.DARK.keys()


def contrast(one, other):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [look.LIGHT, look.DARK], ids=["light", "dark"])
def test_text_stands_out(colours):
    """WCAG 2.1, 1.4.3: 4.5 to 1."""
    for text in ("ink", "muted", "accent"):
        for ground in ("paper", "tint"):
            assert contrast(colours[text], colours[ground]) > 4.5, (text, ground)
    for verdict in ("good", "bad"):
        assert contrast(colours[verdict], colours[f"{verdict}-tint"]) > 4.5, verdict


def test_terms_are_linked_where_they_are_used_first():
    seen = set()
    html = glossary.linked("<h2>Replicas</h2><p>Replicas of a <code>seal</code>.</p>", seen)
    assert html.startswith("<h2>Replicas</h2>")
    assert '<a class="term" href="glossary.html#replica" title="One repetition' in html
    assert "<code>seal</code>" in html and "#seal" not in html
    assert "<a" not in glossary.linked("<p>Other replicas.</p>", seen)
    assert seen == {"replica"}


def test_a_link_in_a_text_stays_one_link():
    html = '<p>See <a href="x">the seals</a>.</p>'
    assert glossary.linked(html, set()) == html


def test_the_glossary_is_well_formed():
    entries = [entry for group in glossary.groups().values() for entry in group]
    assert len({entry.id for entry in entries}) == len(entries) > 30
    for entry in entries:
        assert entry.meaning.endswith((".", "?")) and "##" not in entry.meaning
        words = [entry.term, *entry.term.split(", "), entry.term.partition(" (")[0]]
        assert not entry.words or any(re.fullmatch(entry.words, word, re.IGNORECASE) for word in words), (
            entry.id
        )
