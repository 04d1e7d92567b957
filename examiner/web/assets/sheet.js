// The sheet: what one photograph shows: the verdict, the picture with its maps, and each finding with its evidence.

import { at } from "./api.js";
import { count, el, percent, size, table } from "./dom.js";
import { viewer } from "./viewer.js";

const GROUPS = {
  file: "What the file is",
  claim: "What it says of itself",
  history: "What was done to it",
  camera: "Which camera took it",
  splices: "Whether it is one picture",
  device: "Which device took it",
  scan: "Whether it is a scan, or a photograph of a print or display",
};
const LEVELS = {
  unusual: ["!", "Unusual"],
  weak: ["?", "Weak sign"],
  expected: ["✓", "Expected"],
  estimated: ["~", "Estimate"],
  fact: ["i", "Fact"],
  none: ["–", "No answer"],
};
const UNUSUAL = 0.01;
const DISPLAYED_MAX_PX = 100_000_000;
const FOLDED_FROM_ROWS = 6;
const FORMS = { html: "Report (HTML)", pdf: "Report (PDF)", json: "Data (JSON)" };

export function sheet(found) {
  const report = found.report;
  const [width, height] = report.size_px;
  const layers = report.findings.flatMap((finding) =>
    finding.evidence.filter((each) => each.kind === "regions" || (each.kind === "map" && each.values.length > 0)).map((each) => ({ ...each, finding: finding.name })));
  const view = width > 0 && width * height <= DISPLAYED_MAX_PX
    ? viewer(`/api/examinations/${at(found.key)}/picture`, [width, height], layers) : null;

  const downloads = el("p", { class: "actions" }, found.formats.toReversed().map((form) =>
    el("a", { class: "button quiet", href: `/api/examinations/${at(found.key)}/report.${form}`, download: "" }, FORMS[form] ?? form)));
  const facts = [report.kind, width ? `${count(width)} × ${count(height)} px` : null, size(report.size_bytes),
    found.took_s !== null ? `examined in ${found.took_s.toFixed(1)} s` : null].filter(Boolean);
  const heading = el("h2", { tabindex: "-1" }, found.name || "Photograph");
  const element = el("article", { class: "sheet", "aria-label": `Sheet of ${found.name}` },
    heading,
    el("p", { class: `verdict ${report.outcome}` }, report.verdict),
    el("p", { class: "soft" }, facts.join(" · ")),
    el("p", { class: "soft digest" }, "SHA-256 ", el("code", {}, report.sha256)),
    downloads,
    view?.element,
    Object.entries(GROUPS).map(([group, question]) => groupOf(question, report.findings.filter((each) => each.group === group), report.calibration, view)),
    el("p", { class: "soft" }, `${report.calibration ? `The genuine photographs are ${report.calibration}. ` : ""}` +
      "Each test calls up to 1 % of genuine photographs unusual, so the verdict takes all tests together."),
    el("p", { class: "soft" }, `Shutterprint ${report.version}; data set: ${report.generation ? `generation ${report.generation}` : "none"}; trained network: ${report.run ? `run ${report.run}` : "none"}.`));
  return { element, opened: () => { heading.focus({ preventScroll: true }); view?.opened(); }, close: () => view?.close() };
}

function groupOf(question, findings, calibration, view) {
  if (!findings.length) return null;
  return el("section", { class: "group" }, el("h3", {}, question), findings.map((each) => findingOf(each, calibration, view)));
}

function findingOf(finding, calibration, view) {
  const [mark, label] = LEVELS[finding.level] ?? LEVELS.none;
  return el("div", { class: `finding ${finding.level}`, "data-finding": finding.name },
    el("p", { class: "level" }, el("span", { class: "mark", "aria-hidden": "true" }, mark), label),
    el("p", { class: "statement" }, finding.statement),
    finding.strength ? el("p", { class: "soft" }, strengthOf(finding.strength, calibration)) : null,
    finding.evidence.map((each) => evidenceOf(each, finding, view)),
    moreOf(finding));
}

function strengthOf(strength, calibration) {
  const alike = Math.round(strength.false_alarm_rate * (1 + strength.photographs)) - 1;
  const many = (number, thing) => `${count(number)} ${thing}${number === 1 ? "" : "s"}`;
  const bound = strength.false_alarm_rate <= UNUSUAL ? `, and at most ${percent(strength.upper_bound)} of those by other devices, at 95 % confidence` : "";
  return `${count(alike)} of ${many(strength.photographs, "genuine photograph")} by ${many(strength.devices, "device")} ${alike === 1 ? "scores" : "score"} as high${strength.origin === calibration ? "" : ` (${strength.origin})`}${bound}.`;
}

function moreOf(finding) {
  const parts = [["Method", finding.method], ["Source", finding.source], ["Caution", finding.caution]]
    .filter(([, text]) => text);
  const detection = finding.strength?.detection ?? [];
  if (!parts.length && !detection.length) return null;
  return el("details", {}, el("summary", {}, "Method, source, and what else looks the same"),
    el("dl", {}, parts.map(([title, text]) => [el("dt", {}, title), el("dd", {}, text)])),
    detection.length ? table(["Alteration", "Found", "Photographs altered"],
      detection.map((each) => [each.what, percent(each.share), count(each.photographs)]),
      { caption: "Alterations made to genuine photographs as a test, found at 1 % false alarms", numeric: [1, 2] }) : null);
}

function evidenceOf(evidence, finding, view) {
  if (evidence.kind === "table") {
    const rows = table(evidence.header, evidence.rows, { caption: evidence.title });
    if (finding.level !== "fact" || evidence.rows.length <= FOLDED_FROM_ROWS) return rows;
    return el("details", {}, el("summary", {}, `${evidence.title}: ${count(evidence.rows.length)} rows`), rows);
  }
  if (evidence.kind === "picture") {
    const kind = evidence.data.startsWith("iVBOR") ? "png" : "jpeg";
    return el("figure", {}, el("img", { src: `data:image/${kind};base64,${evidence.data}`, alt: evidence.title }),
      el("figcaption", {}, evidence.caption ? `${evidence.title}. ${evidence.caption}` : evidence.title));
  }
  const shows = view?.layerOf(finding.name, evidence.title) ?? null;
  return el("p", { class: "actions" },
    shows ? el("button", { type: "button", class: "quiet", onclick: () => view.show(shows) }, `Show on the picture: ${evidence.title}`) : evidence.title,
    evidence.caption ? el("span", { class: "soft" }, ` ${evidence.caption}`) : null);
}

