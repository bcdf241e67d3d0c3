"""The script of every page: theme, navigation, sorting, CSV, and the card that tells a number's seal.

Pages are whole without it. It is a string in a module so that the code hash of the stages that use it covers it.
"""

from __future__ import annotations

# Before anything is painted: the theme that the reader chose last.
THEME = """
try {
  const theme = localStorage.getItem("advtransfer-theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch (e) { /* a browser that keeps nothing for files */ }
"""

PAGE = r"""
"use strict";
(() => {
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
};
const clean = text => text.replace(/\s+/g, " ").trim();

// ---- theme: as the system has it, light, dark -----------------------------------------------------------------
const themes = ["", "light", "dark"];
const button = document.getElementById("theme");
const root = document.documentElement;
const label = () => { button.textContent = "Theme: " + (root.dataset.theme || "system"); };
if (button) {
  button.hidden = false;
  label();
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "") + 1) % themes.length];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    try { localStorage.setItem("advtransfer-theme", next); } catch (e) { /* the choice lasts for this page */ }
    label();
  });
}

// ---- navigation: the studies of the site, which a page by itself does not know ------------------------------------
const list = document.getElementById("studies");
if (list && !list.children.length) {
  for (const study of window.ADVTRANSFER_STUDIES || []) {
    const link = make("a", { href: list.dataset.root + study.page, title: study.title }, study.name);
    if (list.dataset.current === study.name) link.setAttribute("aria-current", "page");
    list.append(link);
  }
}
// A page that was copied out of its site: what led to other pages is not shown, or remains as a word with its meaning.
const alone = list && !list.children.length && !window.ADVTRANSFER_STUDIES;
const leads = link => !/^(#|[a-z]+:)/.test(link.getAttribute("href"));
for (const link of alone ? all("a[href]").filter(leads) : []) {
  if (link.matches("header nav a:not(.brand)")) { link.remove(); continue; }
  link.removeAttribute("href");
  if (link.title) link.tabIndex = 0;
}
const wide = matchMedia("(min-width: 80rem)");
const toc = document.querySelector(".toc details");
const unfold = () => { if (toc) toc.open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", reveal);
if (location.hash) reveal();
addEventListener("beforeprint", () => all("details.numbers").forEach(d => { d.open = true; }));

// ---- tables: sort by a column, take along as CSV --------------------------------------------------------------
const NUMBER = /^[<\u2264]?\s*([+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?)/i;
const minus = text => text.replace(/\u2212/g, "-");
const value = cell => {
  const text = minus(clean(cell.textContent));
  const found = NUMBER.exec(text);
  const letters = text.replace(/^[^\p{L}\p{N}]+/u, "");  // a badge begins with a sign
  return { letters, number: found ? Number(found[1].replace(/,/g, "")) : null, none: text === "" || text === "\u2013" };
};
const sort = (table, column, head) => {
  const down = head.getAttribute("aria-sort") === "ascending";
  const body = table.tBodies[0];
  const rows = [...body.rows].map(row => ({ row, at: value(row.cells[column]) }));
  const numeric = rows.every(r => r.at.none || r.at.number !== null);
  rows.sort((a, b) => {
    if (a.at.none || b.at.none) return a.at.none - b.at.none;
    const words = () => a.at.letters.localeCompare(b.at.letters, "en", { numeric: true });
    const order = numeric ? a.at.number - b.at.number : words();
    return down ? -order : order;
  });
  all("th", table.tHead).forEach(th => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows.map(r => r.row));
};
const quoted = text => /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
const plain = cell => {  // lines of a cell are told apart, a badge is its word
  const copy = cell.cloneNode(true);
  all("br", copy).forEach(line => line.replaceWith("; "));
  all("li + li", copy).forEach(item => item.prepend("; "));
  all(".badge", copy).forEach(badge => { badge.textContent = badge.textContent.replace(/^[^\p{L}\p{N}]+/u, ""); });
  return minus(clean(copy.textContent));
};
const csv = table => [...table.rows].map(
  row => [...row.cells].map(cell => quoted(plain(cell))).join(",")).join("\n") + "\n";
const save = (name, type, content) => {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};
const page = location.pathname.split("/").pop().replace(/\.html$/, "") || "report";
all(".table > table").forEach((table, number) => {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!clean(head.textContent)) return;
    const inner = make("button", { type: "button", className: "sort" }, ...head.childNodes);
    inner.addEventListener("click", () => sort(table, column, head));
    head.append(inner);
  });
  const take = make("button", { type: "button" }, "Table as CSV");
  const file = `${page}-${table.dataset.name || "table"}-${number + 1}.csv`;
  take.addEventListener("click", () => save(file, "text/csv", csv(table)));
  table.parentElement.after(make("div", { className: "tools" }, take));
});
all("figure[data-name]").forEach(figure => {
  const image = figure.querySelector("img.figure");
  const link = make("a", { href: image.src, download: `${figure.dataset.name}.svg` }, "figure (SVG)");
  figure.querySelector("figcaption a").after(" \u00b7 ", link);
});

// ---- the card: where a number comes from ----------------------------------------------------------------------
const card = make("div", { id: "card", hidden: true });
card.setAttribute("role", "tooltip");
document.body.append(card);
const place = (x, y) => {
  const box = card.getBoundingClientRect();
  card.style.left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
  card.style.top = (y + 18 + box.height > innerHeight ? Math.max(6, y - box.height - 12) : y + 18) + "px";
};
const show = (nodes, x, y) => { card.replaceChildren(...nodes); card.hidden = false; place(x, y); };
const hide = () => { card.hidden = true; card.replaceChildren(); };
const about = link => {
  if (link.title) { link.dataset.told = link.title; link.removeAttribute("title"); }
  if (link.dataset.told) return link.dataset.told.split("; ").map(told => make("div", {}, told));
  const seals = link.dataset.seals ? link.dataset.seals.split(" ") : [link.hash.slice(3)];
  return seals.map(seal => document.getElementById("s-" + seal)).filter(Boolean).map(row => make("div", {},
    make("b", {}, clean(row.cells[0].textContent)), make("br"),
    `rule ${clean(row.cells[1].textContent)}, seal ${clean(row.cells[2].textContent)}`));
};
all("a.n, a.term").forEach(link => {
  const told = event => {
    const box = link.getBoundingClientRect();
    const nodes = about(link);
    if (nodes.length) show(nodes, event.clientX || box.left, event.clientY || box.bottom - 12);
  };
  link.addEventListener("mouseenter", told);
  link.addEventListener("focus", told);
  link.addEventListener("mouseleave", hide);
  link.addEventListener("blur", hide);
});
addEventListener("keydown", event => { if (event.key === "Escape") hide(); });
window.advtransfer = { all, make, show, hide };
})();
"""
