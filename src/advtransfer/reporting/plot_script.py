"""The script that draws the panels of ``plots`` with uPlot, in place of the figure that says the same.

One legend serves all panels of a figure: it hides and shows a line in each. Pointing tells the values at a place,
dragging zooms, a double click undoes it. Where the script does not run, and in print, the figure stands.
"""

from __future__ import annotations

PLOTS = r"""
"use strict";
(() => {
const { all, make, show, hide } = window.advtransfer;
const INK = "#1b1f24", GRID = "#dce0e5", FONT = "12px system-ui, sans-serif";

// ---- what stands on the canvas beside uPlot's lines -----------------------------------------------------------
const outline = (shape, x, y, r) => {
  const [corners, turn, inner] = shape, path = new Path2D();
  if (!corners) { path.arc(x, y, r * 0.85, 0, 2 * Math.PI); return path; }
  const steps = inner < 1 ? 2 * corners : corners;
  for (let i = 0; i < steps; i++) {
    const far = inner < 1 && i % 2 ? r * inner : r, angle = (turn / 180 + 2 * i / steps - 0.5) * Math.PI;
    path.lineTo(x + far * Math.cos(angle), y + far * Math.sin(angle));
  }
  path.closePath();
  return path;
};
const decorate = (u, number, line) => {
  const { ctx } = u, ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left - 6, u.bbox.top - 6, u.bbox.width + 12, u.bbox.height + 12);
  ctx.clip();
  ctx.strokeStyle = ctx.fillStyle = line.colour;
  ctx.lineWidth = 1.2 * ratio;
  u.data[0].forEach((x, i) => {
    if (u.data[number][i] == null) return;
    const px = u.valToPos(x, "x", true), py = at => u.valToPos(at, "y", true);
    if (line.spread === "bars" && line.low.length) {
      ctx.beginPath();
      ctx.moveTo(px, py(line.low[i]));
      ctx.lineTo(px, py(line.high[i]));
      ctx.stroke();
    }
    ctx.fill(outline(line.shape, px, py(u.data[number][i]), 4.6 * ratio));
  });
  ctx.restore();
};
const swatch = line => {
  const canvas = make("canvas", { width: 56, height: 24, className: "turned" });
  canvas.style.cssText = "width:28px;height:12px";
  const ctx = canvas.getContext("2d");
  ctx.strokeStyle = ctx.fillStyle = line.colour;
  ctx.lineWidth = 3;
  ctx.setLineDash(line.dash.map(d => 2 * d));
  if (line.joined) { ctx.beginPath(); ctx.moveTo(0, 12); ctx.lineTo(56, 12); ctx.stroke(); }
  ctx.fill(outline(line.shape, 28, 12, 9));
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
};

// ---- axes -----------------------------------------------------------------------------------------------------
const short = value => String(Number(value.toPrecision(3)));
const decades = (low, high) => {
  const among = steps => {
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const m of steps) { const v = m * 10 ** e; if (v >= low && v <= high) found.push(v); }
    return found;
  };
  const few = among([1, 2, 5]);
  return few.length > 2 ? few : among([1, 1.5, 2, 3, 4, 5, 7]);
};
const axes = panel => {
  const look = { stroke: INK, font: FONT, labelFont: FONT, grid: { stroke: GRID, width: 1 }, ticks: { show: false } };
  const x = { ...look, label: panel.xlabel, labelSize: 20, size: 28, splits: () => panel.x,
    values: (u, at) => at.map((v, i) => panel.ticks.length ? panel.ticks[i] : short(v)) };
  const y = { ...look, label: panel.ylabel, labelSize: 22, size: 46, values: (u, at) => at.map(short) };
  if (panel.log) Object.assign(y, { splits: (u, i, low, high) => decades(low, high), filter: (u, at) => at });
  if (panel.log) x.filter = (u, at) => at;
  if (!panel.ticks.length && !panel.log) delete x.splits;
  return [x, y];
};
const scales = panel => {
  const values = panel.lines.flatMap(l => [...l.y, ...l.low, ...l.high]).filter(v => v != null);
  const range = (found, room) => {
    const low = Math.min(...found), high = Math.max(...found), gap = (high - low || 1) * room;
    return panel.log ? [low / (high / low || 2) ** room, high * (high / low || 2) ** room] : [low - gap, high + gap];
  };
  const whole = { x: range(panel.x, 0.06), y: range(values, 0.06) };
  const scale = key => ({ time: false, distr: panel.log ? 3 : 1,
    range: (u, low, high) => u.zoomed && u.zoomed[key] ? [low, high] : whole[key] });
  return { x: scale("x"), y: scale("y") };
};

// ---- one panel ------------------------------------------------------------------------------------------------
const told = (panel, hidden, i) => panel.lines
  .filter(line => !line.quiet && !hidden.has(line.name) && line.y[i] != null)
  .sort((a, b) => b.y[i] - a.y[i])
  .map(line => [swatch(line), line.name, short4(line.y[i]),
    line.low.length ? `[${short4(line.low[i])}, ${short4(line.high[i])}]` : ""])
  .map(cells => make("tr", {}, ...cells.map(cell => make("td", {}, cell))));
const short4 = value => value.toPrecision(4).replace("-", "\u2212");
const draw = (panel, place, hidden, height) => {
  const data = [panel.x], series = [{}], bands = [], owner = [null];
  for (const line of panel.lines) {
    const at = data.length, bare = { points: { show: false } };
    data.push(line.y);
    owner.push(line);
    series.push({ ...bare, stroke: line.colour, width: line.joined ? 1.8 : 0, dash: line.dash, spanGaps: true });
    if (line.spread === "band" && line.low.length) {
      data.push(line.low, line.high);
      owner.push(line, line);
      series.push({ ...bare, width: 0 }, { ...bare, width: 0 });
      bands.push({ series: [at + 2, at + 1], fill: line.colour + "26" });
    }
  }
  const point = u => {
    const i = u.cursor.idx, box = u.over.getBoundingClientRect();
    const rows = i == null || u.cursor.left < 0 ? [] : told(panel, hidden, i);
    if (!rows.length) { hide(); return; }
    const name = panel.ticks.length ? panel.ticks[i] : short(panel.x[i]);
    show([make("b", {}, `${panel.xlabel}: ${name}`), make("table", {}, make("tbody", {}, ...rows))],
      box.left + u.cursor.left, box.top + u.cursor.top);
  };
  const u = new uPlot({
    width: Math.max(200, place.clientWidth), height, series, bands, scales: scales(panel), axes: axes(panel),
    legend: { show: false }, padding: [8, 8, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: true, uni: 12 } },
    hooks: {
      drawSeries: [(u, n) => {
        const first = owner[n - 1] !== owner[n];  // of a line and the two ends of its intervals
        if (first && !owner[n].quiet && u.series[n].show) decorate(u, n, owner[n]);
      }],
      setCursor: [point],
      setSelect: [u => {
        const was = u.zoomed || {};
        u.zoomed = { x: was.x || u.select.width > 0, y: was.y || u.select.height > 0 };
      }],
    },
  }, data, place);
  u.over.addEventListener("mouseleave", hide);
  u.over.addEventListener("dblclick", () => { u.zoomed = null; u.setData(data); }, true);
  new ResizeObserver(() => {
    const width = Math.floor(place.clientWidth);
    if (width > 0 && width !== u.width) u.setSize({ width, height });
  }).observe(place);
  return () => owner.forEach((line, n) => { if (line) u.setSeries(n, { show: !hidden.has(line.name) }); });
};

// ---- one figure -----------------------------------------------------------------------------------------------
all("figure > script.panels").forEach(script => {
  const figure = script.parentElement, { names, panels } = JSON.parse(script.textContent);
  const hidden = new Set();
  const alt = figure.querySelector("img.figure").alt, one = panels.length === 1;
  const grid = make("div", { className: one ? "grid one" : "grid" });
  const legend = make("div", { className: "legend" });
  const plots = make("div", { className: "plots" }, legend, grid);
  figure.prepend(plots);
  figure.classList.add("drawn");
  const redraw = panels.map(panel => {
    const place = make("div", { className: "turned" });
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", `${[alt, panel.title].filter(Boolean).join(": ")}. The numbers are in the CSV.`);
    const head = panel.title ? [make("h3", {}, panel.title)] : [];
    grid.append(make("div", { className: "chart" }, ...head, ...panel.notes.map(note => make("p", {}, note)), place));
    return draw(panel, place, hidden, one ? 380 : 230);
  });
  for (const name of names) {
    const line = panels.flatMap(panel => panel.lines).find(each => each.name === name && !each.quiet);
    const button = make("button", { type: "button" }, swatch(line), name);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
      button.setAttribute("aria-pressed", String(!hidden.has(name)));
      redraw.forEach(again => again());
    });
    legend.append(button);
  }
  const hint = "drag to zoom, double-click to undo, press a name to hide its line";
  figure.querySelector("figcaption").append(make("span", { className: "hint" }, " \u00b7 " + hint));
});
})();
"""
