// Runs: trainings, their accuracy with intervals, their curves, and the pages that they have published.

import { ask, at } from "./api.js";
import { bars, lines } from "./charts.js";
import { count, el, percent, table } from "./dom.js";

const PAGES = { evaluation: "Evaluation", report: "Full report" };

export function runsPart() {
  const element = el("div", { class: "part" }, el("h1", {}, "Runs"), el("p", { class: "soft" }, "Reading the runs…"));
  let known = null;

  async function open([wanted]) {
    try {
      if (known === null) known = await ask("/api/runs");
      if (!known.length) { fill(el("p", {}, "There is no run yet; `shutterprint train` makes one.")); return; }
      const name = known.some((each) => each.name === wanted) ? wanted : known[0].name;
      if (element.dataset.run === name) return;
      const told = await ask(`/api/runs/${at(name)}`);
      element.dataset.run = name;
      fill(list(name), ...one(told));
    } catch (error) { fill(el("p", { class: "fault", role: "alert" }, error.message)); }
  }

  const fill = (...parts) => element.replaceChildren(el("h1", {}, "Runs"), ...parts.filter(Boolean));

  function list(current) {
    return table(["run", "state", "accuracy, unaltered", "accuracy, manipulated", "accuracy, weighted", "photographs"], known.map((each) => [
      el("a", { href: `#/runs/${at(each.name)}`, "aria-current": each.name === current ? "true" : null }, each.name),
      each.finished ? "finished" : "unfinished", percent(each.unaltered), percent(each.manipulated),
      percent(each.weighted_accuracy), each.photos === null ? "–" : count(each.photos)]),
    { caption: "All trainings, the newest first", numeric: [2, 3, 4, 5] });
  }

  return { element, open };
}

function one(told) {
  const evaluation = told.evaluation;
  const metrics = told.metrics;
  const across = metrics.every((each) => Number.isFinite(each.epoch)) ? "epoch" : "step";
  const curve = (name, key) => ({ name, points: metrics.map((each) => [each[across], each[key]]) });
  return [
    el("h2", {}, told.name),
    evaluation ? el("p", { class: "soft" }, `Evaluated on ${count(evaluation.photos)} photographs by ${count(evaluation.devices)} devices that were not trained on. Guessing is right in ${percent(evaluation.chance)}.`) : el("p", {}, "It has not been evaluated yet."),
    evaluation ? bars("Accuracy by condition", Object.entries(evaluation.accuracy)
      .sort(([a], [b]) => (a === "unaltered" ? -1 : b === "unaltered" ? 1 : a.localeCompare(b)))
      .map(([name, value]) => ({ name: name.replaceAll("_", " "), value, interval: evaluation.accuracy_intervals?.[name] ?? null }))) : null,
    evaluation ? el("p", { class: "soft" }, "The black lines are 95 % intervals by device.") : null,
    ...(evaluation?.notes ?? []).map((note) => el("p", { class: "soft" }, note)),
    metrics.length ? el("div", { class: "charts" },
      lines("Loss in training", across, [curve("loss", "loss")]),
      lines("Accuracy", across, [curve("in training", "accuracy"), curve("validation", "validation_accuracy")], { from: 0, to: 1 })) : el("p", { class: "soft" }, "It has written no curves yet."),
    ...told.pages.flatMap((page) => framed(told.name, page)),
    el("details", {}, el("summary", {}, "Configuration"), el("pre", { class: "scroll", tabindex: "0" }, JSON.stringify(told.configuration, null, 1))),
  ].filter(Boolean);
}

// The page is a file of the run: it is shown as a site of its own, which runs no script.
function framed(run, page) {
  const address = `/api/runs/${at(run)}/pages/${at(page)}`;
  const place = el("details", {}, el("summary", {}, PAGES[page] ?? page),
    el("p", {}, el("a", { href: address, target: "_blank", rel: "noopener" }, "Open it in a new tab")));
  place.addEventListener("toggle", () => {
    if (place.open && !place.querySelector("iframe")) place.append(el("iframe", { src: address, sandbox: true, title: PAGES[page] ?? page, referrerpolicy: "no-referrer" }));
  });
  return [place];
}
