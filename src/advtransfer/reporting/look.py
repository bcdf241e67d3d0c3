"""The style sheet of every page: system fonts, one accent, light and dark, phone and print.

It is a string in a module, not a data file, so that the code hash of the stages that use it covers it.
"""

from __future__ import annotations

LIGHT = {
    "ink": "#1b1f24",
    "muted": "#57606a",
    "line": "#d5dbe1",
    "paper": "#ffffff",
    "tint": "#f4f6f8",
    "accent": "#0a559e",
    "good": "#0b5d3b",
    "good-tint": "#e4f4ec",
    "bad": "#8f2d00",
    "bad-tint": "#fcece4",
    "dots": "#a3adb8",
    "turn": "none",
}
# Figures are drawn in ink on nothing; in the dark their lightness is turned around, their hue is not.
DARK = {
    "ink": "#e4e7eb",
    "muted": "#9da7b3",
    "line": "#343b44",
    "paper": "#14171b",
    "tint": "#1d2228",
    "accent": "#7db8f5",
    "good": "#7fd6ab",
    "good-tint": "#12301f",
    "bad": "#f5a37c",
    "bad-tint": "#3a1c0e",
    "dots": "#5b6672",
    "turn": "invert(1) hue-rotate(180deg) brightness(1.25)",
}


def css() -> str:
    """The sheet: colours, then what uses them."""
    return _colours() + RULES


def _colours() -> str:
    light, dark = _values(LIGHT), _values(DARK)
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        "@media screen {\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
        "@media (prefers-color-scheme: dark) {\n"
        f":root:not([data-theme=light]) {{ color-scheme: dark; {dark} }} }} }}\n"
    )


def _values(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


RULES = """
*, *::before, *::after { box-sizing: border-box; }
html { scroll-padding-top: 4.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--paper); }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .6rem; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p, li { max-width: 46rem; } small, .muted { color: var(--muted); }
code, pre { font: .86em/1.5 ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { background: var(--tint); padding: .7rem; overflow-x: auto; overflow-wrap: normal; border-radius: .3rem; }
summary { cursor: pointer; color: var(--muted); font-size: .86rem; padding: .15rem 0; }
details.code { margin: .1rem 0; } details.code summary { font-size: .75rem; }
.anchor-link { display: none; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); z-index: 9; }

.top { position: sticky; top: 0; z-index: 5; background: var(--paper); border-bottom: 1px solid var(--line); }
.top > div { max-width: 84rem; margin: 0 auto; padding: .5rem 1.25rem; display: flex; gap: .3rem 1.2rem;
  align-items: center; }
.top nav { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; flex: 1; font-size: .92rem; }
.top a { color: var(--muted); text-decoration: none; padding: .2rem 0; border-bottom: 2px solid transparent; }
.top a:hover { color: var(--ink); } .top .brand { color: var(--ink); font-weight: 650; }
.top a[aria-current] { color: var(--ink); border-color: var(--accent); }
.top #studies { display: contents; }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: .3rem;
  cursor: pointer; padding: .15rem .6rem; } button:hover { border-color: var(--muted); }
#theme { font-size: .82rem; white-space: nowrap; }
.frame { max-width: 84rem; margin: 0 auto; padding: 1.6rem 1.25rem 3rem; }
main { min-width: 0; max-width: 64rem; }
footer { color: var(--muted); font-size: .84rem; border-top: 1px solid var(--line); margin-top: 3rem;
  padding-top: .8rem; }
.toc { font-size: .88rem; margin: 0 0 1.4rem; } .toc ul { list-style: none; margin: .2rem 0; padding: 0; }
.toc li { margin: .22rem 0; line-height: 1.35; } .toc a { text-decoration: none; color: var(--muted); }
.toc a:hover { color: var(--accent); }
@media (min-width: 80rem) {
  .with-toc { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 1.7rem; }
  .toc details { position: sticky; top: 4.4rem; max-height: calc(100vh - 6rem); overflow-y: auto; }
}

.table { overflow-x: auto; margin: .5rem 0 .3rem; } .tools { margin: 0 0 1rem; font-size: .82rem; }
.tools button { font-size: .82rem; color: var(--muted); }
table { border-collapse: collapse; font-size: .87rem; line-height: 1.4; }
th, td { text-align: left; vertical-align: top; padding: .38rem 1.1rem .38rem 0; border-bottom: 1px solid var(--line); }
th { border-bottom: 2px solid var(--muted); vertical-align: bottom; font-weight: 600; }
[data-name=means] td { white-space: nowrap; }
tbody tr:hover { background: var(--tint); } tr:target, details:target > summary { background: var(--tint);
  box-shadow: -.4rem 0 0 var(--accent); }
td ul { margin: 0; padding-left: 1.1rem; } td, .number { font-variant-numeric: tabular-nums; }
.number, a.n { white-space: nowrap; } .statement { min-width: 19rem; }
button.sort { border: 0; padding: 0; font-weight: inherit; text-align: left; border-radius: 0; }
button.sort::after { content: "\\2195"; color: var(--muted); padding-left: .35em; font-weight: 400; opacity: .55; }
[aria-sort=ascending] button.sort::after { content: "\\2191"; opacity: 1; }
[aria-sort=descending] button.sort::after { content: "\\2193"; opacity: 1; }
a.n { color: inherit; text-decoration: underline dotted var(--dots); text-underline-offset: .22em; }
a.n:hover { color: var(--accent); } a.term { color: inherit; text-decoration: underline dotted var(--accent); }

.badge { display: inline-block; white-space: nowrap; border: 1px solid; border-radius: .3rem; padding: 0 .45rem;
  font-size: .82rem; line-height: 1.5; color: var(--muted); }
.supported { color: var(--good); background: var(--good-tint); }
.refuted { color: var(--bad); background: var(--bad-tint); border-style: double; border-width: 3px; padding: 0 .35rem; }
.inconclusive { border-style: dashed; }
.cards { display: grid; gap: 1rem; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.cards > li { list-style: none; border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; }
.cards a { font-weight: 600; } .cards .badge { margin: .4rem .3rem 0 0; }
dt { font-weight: 600; margin-top: 1.1rem; } dd { margin: .1rem 0 0; max-width: 46rem; }
dt:target { box-shadow: -.6rem 0 0 var(--paper), -.9rem 0 0 var(--accent); }

figure { margin: 1.2rem 0; } .scroll { overflow-x: auto; }
img.figure { display: block; width: 100%; max-width: 52rem; min-width: 32rem; height: auto; filter: var(--turn); }
figcaption { font-size: .84rem; color: var(--muted); margin-top: .4rem; }
.plots { max-width: 54rem; } .plots .chart { min-width: 0; overflow: hidden; }
.plots .grid { display: grid; gap: 1.2rem 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 16.5rem), 1fr)); }
.plots .grid.one { grid-template-columns: 1fr; }
.turned { filter: var(--turn); }
.chart h3 { font-size: .84rem; margin: 0 0 .1rem; } .chart p { font-size: .76rem; line-height: 1.35; margin: 0; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem .45rem; margin: 0 0 .7rem; }
.legend button { font-size: .8rem; padding: .05rem .5rem; display: inline-flex; gap: .4rem; align-items: center;
  color: var(--ink); }
.legend button[aria-pressed=false] { text-decoration: line-through; color: var(--muted); border-style: dashed; }
figure.drawn > .scroll { display: none; }
#card { position: fixed; z-index: 20; max-width: min(30rem, 92vw); padding: .5rem .7rem; font-size: .8rem;
  line-height: 1.45; color: var(--ink); background: var(--paper); border: 1px solid var(--muted); border-radius: .3rem;
  pointer-events: none; box-shadow: 0 2px 10px #0003; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
#card div + div { margin-top: .3rem; }
#card b { font-weight: 650; } #card[hidden] { display: none; } #card table { font-size: .78rem; }
#card td { padding: .05rem .8rem .05rem 0; border: 0; }
@media (max-width: 40rem) { body { font-size: 15px; } .frame { padding: 1.1rem .9rem 2rem; }
  .top > div { padding: .4rem .9rem; } h1 { font-size: 1.4rem; } .top { position: static; } }
@media print { html, body { font-size: 10.5px; } .with-toc { display: block; }
  .frame, main, p, li { max-width: none; padding: 0; }
  .top, .toc, .tools, .hint, .plots, .skip, details.code, #card, button.sort::after { display: none !important; }
  figure.drawn > .scroll { display: block; } .table, .scroll { overflow: visible; }
  figure, tr, .cards li { break-inside: avoid; } h2, h3 { break-after: avoid; } a { color: inherit; }
  img.figure { min-width: 0; } table { font-size: 8.5px; } .statement { min-width: 0; } th { white-space: normal; } }
"""
