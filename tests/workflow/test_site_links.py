"""The rendered site of a computed project: every link leads somewhere, every number to the seal that is on disk."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

PAGES = ["index", "tiny", "artifacts", "glossary"]


class Page(HTMLParser):
    """Links, ids, and the text of table rows that have an id."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.numbers, self.ids, self.rows = [], [], set(), {}
        self._row = None
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "tr":
            self._row = found.get("id")
            self.rows[self._row] = ""
        if reference := found.get("href" if tag in ("a", "link") else "src"):
            self.links.append(reference)
        if tag == "a" and found.get("class") == "n":
            anchors = [f"s-{seal}" for seal in found.get("data-seals", "").split()]
            self.numbers.append(
                (found["href"].partition("#")[0], anchors or [found["href"].partition("#")[2]])
            )

    def handle_data(self, data):
        if self._row:
            self.rows[self._row] += data + " "


@pytest.fixture(scope="module")
def pages(built):
    return {name: Page(built.path(f"reports/rendered/{name}.html")) for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_page_of_the_site_and_a_place_in_it(built, pages, name):
    for link in pages[name].links:
        if link.startswith("data:") or link == "../audit/index.html":  # an audit writes it
            continue
        file, _, place = unquote(link).partition("#")
        assert built.path(f"reports/rendered/{file or name + '.html'}").is_file(), link
        assert not place or place in pages[Path(file).stem if file else name].ids, link


@pytest.mark.parametrize("name", ["index", "tiny"])
def test_every_number_leads_to_a_seal_that_is_there_and_says_so(built, pages, name):
    seals = {seal.id[:12]: seal for seal in built.seals().values()}
    assert pages[name].numbers
    for file, anchors in pages[name].numbers:
        for anchor in anchors:
            row = pages[Path(file).stem if file else name].rows[anchor]
            seal = seals[anchor.removeprefix("s-")]
            assert row.split()[0] in seal.sha256
    files = {row.split()[0] for anchor, row in pages["tiny"].rows.items() if anchor}
    assert "results/transfer/tiny/low-contrast/adversarial-l2/r000-002.parquet" in files


def test_all_numbers_in_the_tables_of_estimates_and_claims_are_linked(built):
    """Cells with an interval are numbers that somebody measured."""
    page = built.path("reports/rendered/tiny.html").read_text()
    cells = re.findall(r"<td>(.*?)</td>", page, flags=re.DOTALL)
    estimates = [cell for cell in cells if re.search(r"\d ± \d|\d \[[+−]\d", cell)]
    assert len(estimates) > 10
    assert [cell for cell in estimates if 'class="n"' not in cell] == []


def test_the_studies_are_listed_once_for_the_pages_that_look_them_up(built):
    assert '"page": "tiny.html"' in built.path("reports/rendered/studies.js").read_text()
    assert '<script src="studies.js">' in built.path("reports/rendered/tiny.html").read_text()
