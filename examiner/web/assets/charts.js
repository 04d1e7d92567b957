// Charts: curves and bars as SVG, in the page's colours, each with its figures as text for those who do not see it.

import { percent, svg } from "./dom.js";

const WIDTH = 440;
const HEIGHT = 240;
const LEFT = 46;
const RIGHT = 12;
const TOP = 30;
const BOTTOM = 34;

const short = (value) => (Math.abs(value) >= 1000 ? value.toExponential(0) : String(Number(value.toPrecision(3))));

function steps(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * unit).find((each) => each >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, number) => (first + number) * step);
}

// curves: [{ name, points: [[x, y], …] }]; the names stand in the legend below.
export function lines(title, across, curves, { from, to } = {}) {
  const known = curves.map((each) => ({ ...each, points: each.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)) }))
    .filter((each) => each.points.length);
  const all = known.flatMap((each) => each.points);
  if (!all.length) return null;
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const low = from ?? Math.min(0, ...ys);
  const high = to ?? Math.max(...ys) * 1.05;
  const x = (value) => LEFT + ((value - left) / (right - left || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const last = known.map((each) => `${each.name} ${short(each.points.at(-1)[1])}`).join(", ");
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 24}`, class: "chart", role: "img", "aria-label": `${title}; at the end: ${last}` },
    svg("text", { x: LEFT, y: 15, class: "title" }, title),
    steps(low, high, 4).map((value) => [
      svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, short(value))]),
    steps(left, right, 6).filter((value) => Number.isInteger(value)).map((value) =>
      svg("text", { x: x(value), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, short(value))),
    svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 2, "text-anchor": "end" }, across),
    known.map((each, number) => [
      svg("polyline", { points: each.points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "), class: `curve line-${number}` }),
      each.points.length <= 40 ? each.points.map(([a, b]) =>
        svg("circle", { cx: x(a), cy: y(b), r: 3.2, class: `dot line-${number}` }, svg("title", {}, `${each.name}, ${short(a)}: ${short(b)}`))) : [],
      svg("line", { x1: LEFT + number * 160, x2: LEFT + 22 + number * 160, y1: HEIGHT + 14, y2: HEIGHT + 14, class: `curve line-${number}` }),
      svg("text", { x: LEFT + 28 + number * 160, y: HEIGHT + 18 }, each.name)]));
}

// rows: [{ name, value, interval: [low, high] | null }] with values from 0 to 1.
export function bars(title, rows) {
  const row = 26;
  const name = 96;
  const height = rows.length * row + 34;
  const x = (value) => name + value * (WIDTH - name - 72);
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "chart", role: "img",
    "aria-label": `${title}: ${rows.map((each) => `${each.name} ${percent(each.value)}`).join(", ")}` },
  svg("text", { x: 0, y: 15, class: "title" }, title),
  rows.map((each, number) => {
    const y = 28 + number * row;
    return [
      svg("text", { x: name - 8, y: y + 14, "text-anchor": "end" }, each.name),
      svg("rect", { x: name, y: y + 2, width: x(1) - name, height: row - 9, class: "track" }),
      svg("rect", { x: name, y: y + 2, width: Math.max(0, x(each.value) - name), height: row - 9, class: "bar" }),
      each.interval ? svg("line", { x1: x(each.interval[0]), x2: x(each.interval[1]), y1: y + 2 + (row - 9) / 2, y2: y + 2 + (row - 9) / 2, class: "interval" }) : [],
      svg("text", { x: x(1) + 8, y: y + 14 }, percent(each.value))];
  }));
}

// A bar of its own for a row of a table.
export function bar(share) {
  return svg("svg", { viewBox: "0 0 120 12", class: "small-bar", "aria-hidden": "true", width: "120", height: "12" },
    svg("rect", { x: 0, y: 0, width: 120, height: 12, class: "track" }),
    svg("rect", { x: 0, y: 0, width: 120 * Math.min(Math.max(share, 0), 1), height: 12, class: "bar" }));
}
