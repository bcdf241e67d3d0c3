"""The report site as readers have it: opened from the file system in Chromium, on a screen, a phone and paper."""

import csv
import json
import re
import shutil
import urllib.parse
from pathlib import Path

import made_up
import patience
import pytest

PAGES = ["index.html", *(f"{name}.html" for name in made_up.STUDIES), "artifacts.html", "glossary.html"]
PAGES += ["../audit/index.html"]
STUDY = f"{made_up.IMAGE}.html"
THEMES = ["light", "dark"]


def stem(name):
    return "audit" if "audit" in name else Path(name).stem


def saved(page, click):
    """The text of the file that a click hands to the reader, and its name."""
    with page.expect_download() as download:
        click()
    return Path(download.value.path()).read_text(), download.value.suggested_filename


def column(page, table, number):
    return page.locator(f"{table} tbody tr td:nth-child({number})").all_inner_texts()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_without_complaint_and_axe_finds_nothing_serious(visit, keep, name):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name)
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found = Axe().run(page).response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert {v["id"]: [n["target"] for n in v["nodes"]][:3] for v in serious} == {}
        keep(page, f"{stem(name)}-{theme}", full_page=True)

    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone scrolls down, not sideways"


@pytest.mark.parametrize("name", ["index.html", STUDY])
def test_a_phone_shows_the_page_at_its_own_width(visit, keep, name):
    page = visit(name, width=390, height=844, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("a.n").first.tap()
    page.wait_for_url("**#s-*")
    page.go_back()
    keep(page, f"{stem(name)}-phone", full_page=True)


def test_a_plot_that_is_not_drawn_anew_yet_does_not_widen_a_page_that_was_narrowed(visit):
    page = visit(f"{made_up.SPARSE}.html")
    page.add_init_script("window.ResizeObserver = class { observe() {} };")  # the redraw has yet to come
    page.reload()
    page.set_viewport_size({"width": 390, "height": 844})
    plot = page.locator("figure.drawn .u-wrap").first
    assert plot.bounding_box()["width"] > 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_navigation_leads_to_every_page_and_back(visit):
    page = visit("index.html")
    menu = page.locator("header nav")
    assert menu.locator("a").all_inner_texts() == [
        "advtransfer",
        *made_up.STUDIES,
        "Glossary",
        "Artifacts",
        "Audit",
    ]
    for name in made_up.STUDIES:
        menu.get_by_text(name, exact=True).click()
        page.wait_for_url(f"**/{name}.html")
        assert menu.locator("[aria-current]").all_inner_texts() == [name]
    page.locator(".toc a", has_text="Caveats").click()
    page.wait_for_url("**#Caveats")
    menu.get_by_text("Audit").click()
    page.get_by_text("the page of the last audit here").click()
    assert "Audit: not everything published stands" in page.locator("h1").inner_text()
    menu.get_by_text("Glossary").click()
    menu.get_by_text("advtransfer").click()
    page.wait_for_url("**/index.html")


def test_a_page_copied_out_of_its_site_leads_nowhere_that_is_not_there(visit, tmp_path):
    page = visit(STUDY)
    word = page.locator("a.term").first.inner_text()
    alone = tmp_path / "page.html"
    shutil.copyfile(urllib.parse.unquote(page.url.removeprefix("file://")), alone)
    context = page.context.browser.new_context()  # not visit's, which complains of the missing studies.js
    page = context.new_page()
    page.goto(alone.as_uri())
    hrefs = page.locator("a[href]").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert hrefs and all(href.startswith(("#", "data:")) for href in hrefs)
    assert page.locator("header nav a").all_inner_texts() == ["advtransfer"]
    term = page.locator("a.term").first
    assert term.inner_text() == word
    term.focus()
    assert len(page.locator("#card").inner_text()) > 20, "what it means"
    context.close()


def test_without_scripts_the_page_is_whole(visit):
    page = visit(STUDY, java_script_enabled=False)
    assert page.locator("figure img").first.is_visible()
    assert page.locator("table").first.is_visible()
    number = page.locator("a.n").first
    number.click()
    assert page.locator("tr:target").inner_text().startswith("results/claims/")
    page.goto(page.url.replace(STUDY, "index.html").partition("#")[0])
    assert page.locator("header nav a").all_inner_texts()[1:4] == list(made_up.STUDIES)


def test_pointing_at_a_number_tells_its_seal_and_following_it_shows_the_row(visit, keep):
    page = visit(STUDY)
    number = page.locator('[data-name="claims"] a.n').first
    number.hover()
    card = page.locator("#card")
    assert "results/claims/pictures.json" in card.inner_text()
    seal = number.get_attribute("href").removeprefix("#s-")
    assert f"rule claims, seal {seal}" in card.inner_text()
    keep(page, "hover")
    page.mouse.move(0, 0)
    assert not card.is_visible()
    number.focus()
    assert card.is_visible(), "also for those who use the keyboard"
    number.press("Enter")
    assert seal in page.locator("tr:target").inner_text()
    page.locator(".toc a", has_text="paired differences").click()
    page.locator("details.numbers").nth(1).locator("summary").click()
    page.locator("details.numbers").nth(1).locator("a.n").first.hover()
    assert card.inner_text().count("results/transfer/pictures/dark/") == 2, "a variant's and the baseline's"


def test_every_link_of_a_number_leads_to_the_row_of_its_seal(visit):
    for name in [*(f"{study}.html" for study in made_up.STUDIES), "index.html"]:
        page = visit(name)
        links = page.locator("a.n").evaluate_all("all => all.map(one => one.href)")
        assert links
        rows = visit("artifacts.html") if name == "index.html" else page
        known = set(rows.locator("tr[id]").evaluate_all("all => all.map(one => one.id)"))
        assert {link.partition("#")[2] for link in links} <= known


def test_tables_sort_by_what_their_cells_mean(visit, keep):
    page = visit(STUDY)
    table = '[data-name="claims"]'
    head = page.locator(f"{table} th", has_text="difference")
    head.locator("button").click()
    assert [text[:6] for text in column(page, table, 5)] == ["−0.030", "+0.010", "+0.050"]
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert [text[:6] for text in column(page, table, 5)] == ["+0.050", "+0.010", "−0.030"]
    page.locator(f"{table} th button", has_text="p (Holm)").click()
    assert column(page, table, 6) == ["< 0.001", "0.020", "0.300"]
    assert head.get_attribute("aria-sort") is None
    page.locator(f"{table} th button", has_text="verdict").click()
    assert [text.split()[-1] for text in column(page, table, 2)] == ["inconclusive", "refuted", "supported"]
    keep(page, "sorted")


def test_tables_and_figures_can_be_taken_along(visit):
    page = visit(STUDY)
    claims = page.locator('.table:has([data-name="claims"]) + .tools button')
    text, name = saved(page, claims.click)
    rows = list(csv.reader(text.splitlines()))
    assert name == "pictures-claims-2.csv"
    assert rows[0] == ["claim", "verdict", "statement", "protocol", "difference [interval]", "p (Holm)", "n"]
    assert rows[2][4] == "-0.030 [-0.050, -0.010]"
    assert {row[1] for row in rows[1:]} == {"supported", "refuted", "inconclusive"}
    statement = page.locator('[data-name="claims"] .statement').first.inner_text()
    assert rows[1][2] == "; ".join(statement.splitlines())
    text, name = saved(page, page.get_by_text("data (CSV)").first.click)
    assert name == "pictures-linear-accuracy.csv"
    assert len(list(csv.DictReader(text.splitlines()))) == 4 * len(made_up.LIFT) - 4 * 3, (
        "4 shots, 2 claimed variants"
    )
    text, name = saved(page, page.get_by_text("figure (SVG)").first.click)
    assert name == "pictures-linear-accuracy.svg" and "<svg" in text


def test_the_theme_follows_the_system_until_the_reader_chooses(visit):
    def ground(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page = visit("index.html", color_scheme="dark")
    dark = ground(page)
    button = page.locator("#theme")
    assert button.inner_text() == "Theme: system"
    button.click()
    light = ground(page)
    assert button.inner_text() == "Theme: light"
    assert light == "rgb(255, 255, 255)" != dark
    page.locator("header nav").get_by_text(made_up.IMAGE, exact=True).click()
    assert ground(page) == light, "remembered"
    button.click()
    assert (button.inner_text(), ground(page)) == ("Theme: dark", dark)
    filtered = page.evaluate("getComputedStyle(document.querySelector('img.figure')).filter")
    assert "invert(1)" in filtered
    button.click()
    assert button.inner_text() == "Theme: system"


@pytest.mark.parametrize(
    ("study", "panels"),
    [(made_up.IMAGE, ["labelled target images per class: 2"]), (made_up.LINEAR, ["T: 50", "n: 50"]),
     (made_up.SPARSE, ["radius of the l2 attack: 0.1"])],
)  # fmt: skip
def test_a_plot_tells_its_values_hides_lines_and_zooms(visit, keep, study, panels):
    page = visit(f"{study}.html")
    figure = page.locator("figure.drawn").first
    figure.scroll_into_view_if_needed()
    assert not figure.locator("img.figure").is_visible()
    data = json.loads(figure.locator("script.panels").text_content())
    for number, place in enumerate(panels):
        over = figure.locator(".u-over").nth(number)
        assert over.bounding_box()["width"] > 100
        _point(over, data["panels"][number], 1)
        patience.until(lambda place=place: page.locator("#card").inner_text().startswith(place), 2)
        said = page.locator("#card").inner_text()
        for line in data["panels"][number]["lines"]:
            assert line["quiet"] or f"{line['y'][1]:.4g}"[:5] in said
        patience.until(lambda number=number: _ink(figure, number) > 4000, 2)  # something is drawn
    keep(page, f"plot-{study}")
    button = figure.locator(".legend button", has_text=re.compile("^adversarial-l2$"))
    before = _ink(figure, 0)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    patience.until(lambda: _ink(figure, 0) < before, 2)
    _point(figure.locator(".u-over").first, data["panels"][0], 1)
    patience.until(lambda: "adversarial-l2" not in page.locator("#card").inner_text(), 2)
    button.click()
    patience.until(lambda: _ink(figure, 0) == before, 2)
    _zoom(page, figure, before)


def _zoom(page, figure, before):
    box = figure.locator(".u-over").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.5, y + box["height"] * 0.6, steps=4)
    page.mouse.up()
    patience.until(lambda: _ink(figure, 0) != before, 2)
    page.mouse.dblclick(x, y)
    patience.until(lambda: _ink(figure, 0) == before, 2)


def _point(over, panel, number):
    """Point at a place of x: the panels' ends lie 6 % of the range inside the axes, on log axes of its logarithm."""
    import math

    x = [math.log(value) if panel["log"] else value for value in panel["x"]]
    share = (0.06 + (x[number] - x[0]) / (x[-1] - x[0])) / 1.12
    box = over.bounding_box()
    over.hover(position={"x": box["width"] * share, "y": box["height"] / 2})


def _ink(figure, number):
    """How much is drawn on a panel: the length of its picture as PNG."""
    return figure.locator(".u-wrap > canvas").nth(number).evaluate("canvas => canvas.toDataURL().length")


def test_on_paper_the_figures_stand_the_numbers_are_open_and_it_is_light(visit, keep):
    page = visit(STUDY, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("figure.drawn img.figure").first.is_visible()
    assert not page.locator(".plots").first.is_visible()
    assert page.locator("main").bounding_box()["width"] > 1000, "the paper's whole width"
    assert not page.locator("header").is_visible()
    assert page.locator("details.numbers table").first.is_visible()
    keep(page, "print", full_page=True)


def test_verdicts_are_told_apart_without_colour(visit):
    page = visit("index.html")
    looks = {
        verdict: (
            page.locator(f".table .badge.{verdict}").first.inner_text(),
            page.locator(f".table .badge.{verdict}").first.evaluate(
                "b => getComputedStyle(b).borderTopStyle"
            ),
        )
        for verdict in made_up.VERDICTS
    }
    assert looks == {
        "supported": ("✓ supported", "solid"),
        "refuted": ("✗ refuted", "double"),
        "inconclusive": ("? inconclusive", "dashed"),
    }


def test_the_keyboard_reaches_the_content_first(visit):
    page = visit(STUDY)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
