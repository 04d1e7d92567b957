// The data set: generations, their funnel and cameras, photographs by camera and reason, one explained, two compared.

import { ask, at, query } from "./api.js";
import { bar } from "./charts.js";
import { count, el, outside, percent, say, size, table } from "./dom.js";

export function dataPart() {
  const element = el("div", { class: "part" }, el("h1", {}, "Data set"), el("p", { class: "soft" }, "Reading the generations…"));
  let known = null;
  let sentences = {};

  async function open([wanted]) {
    try {
      if (known === null) [known, sentences] = await Promise.all([ask("/api/generations"), ask("/api/reasons")]);
      if (!known.length) { fill(el("p", {}, "There is no generation yet; `shutterprint curate` publishes one.")); return; }
      const name = known.some((each) => each.name === wanted) ? wanted : known[0].name;
      if (element.dataset.generation === name) return;
      await generation(name);
      element.dataset.generation = name;
    } catch (error) { fill(el("p", { class: "fault", role: "alert" }, error.message)); }
  }

  const fill = (...parts) => element.replaceChildren(el("h1", {}, "Data set"), ...parts.flat().filter(Boolean));

  async function generation(name) {
    const told = await ask(`/api/generations/${at(name)}`);
    const choice = el("select", { id: "generation", onchange: () => { location.hash = `#/data/${at(choice.value)}`; } },
      known.map((each) => el("option", { value: each.name, selected: each.name === name }, each.name)));
    const pictures = photographs(name, told, sentences);
    fill(
      el("p", {}, el("label", { for: "generation" }, "Generation "), choice),
      totals([[count(told.photos), "photographs found"], [count(told.kept), "kept"], [percent(told.kept / told.photos), "share kept"],
        [count(Object.values(told.cameras).filter((each) => each.kept).length), "cameras with kept ones"], [size(told.kept_bytes), "size of kept files"]]),
      el("h2", {}, "Why photographs were refused"),
      el("p", { class: "soft" }, "How many photographs each reason refuses, how many of these no other reason refuses, and how many are left after it and all reasons above it."),
      table(["reason", "", "refused", "by it alone", "left after it"], told.funnel.map((step) => [
        [el("button", { type: "button", class: "plain", onclick: () => pictures.only("", step.reason) }, step.reason.replaceAll("_", " ")),
          el("span", { class: "soft meaning" }, step.meaning)],
        bar(step.refused / told.photos), count(step.refused), count(step.alone), count(step.remaining)]),
      { caption: "Photographs by reason", numeric: [2, 3, 4] }),
      el("h2", {}, "Cameras"),
      table(["camera", "", "kept", "found", "known devices", "owners", "kept in train / validation / test"], Object.entries(told.cameras)
        .sort(([, a], [, b]) => b.kept - a.kept || b.photos - a.photos).map(([key, each]) => [
          el("button", { type: "button", class: "plain", onclick: () => pictures.only(key, "") }, each.name ?? key),
          bar(each.photos ? each.kept / each.photos : 0), count(each.kept), count(each.photos), count(each.devices ?? 0), count(each.owners ?? 0),
          ["train", "validation", "test"].map((split) => count(each.splits?.[split]?.photos ?? 0)).join(" / ")]),
      { caption: "Photographs of each camera", numeric: [2, 3, 4, 5] }),
      pictures.element,
      compared(known, name));
  }

  return { element, open };
}

const totals = (values) => el("dl", { class: "totals" }, values.map(([value, what]) => el("div", {}, el("dd", {}, value), el("dt", {}, what))));

function photographs(generation, told, sentences) {
  const names = Object.entries(told.cameras).map(([key, each]) => [key, each.name ?? key]).sort(([, a], [, b]) => a.localeCompare(b));
  const camera = el("select", { id: "camera", onchange: () => load() }, el("option", { value: "" }, "all cameras"), names.map(([key, name]) => el("option", { value: key }, name)));
  const reason = el("select", { id: "reason", onchange: () => load() }, el("option", { value: "" }, "kept and refused"), el("option", { value: "kept" }, "kept"),
    told.funnel.map((step) => el("option", { value: step.reason }, step.reason.replaceAll("_", " "))));
  const list = el("ul", { class: "tiles" });
  const more = el("button", { type: "button", hidden: true, onclick: () => load(more.dataset.after) }, "Show more");
  const empty = el("p", { class: "soft", hidden: true }, "There is no such photograph.");
  const dialog = el("dialog", { class: "explained", "aria-labelledby": "explained-name" });
  const heading = el("h2", { tabindex: "-1" }, "Photographs");
  const element = el("section", {}, heading,
    el("div", { class: "filters" },
      el("div", {}, el("label", { for: "camera" }, "Camera "), camera),
      el("div", {}, el("label", { for: "reason" }, "Verdict "), reason)),
    list, empty, more, dialog);
  let asked = 0;

  async function load(after = "") {
    asked += 1;
    const mine = asked;
    let page;
    try {
      page = await ask(`/api/generations/${at(generation)}/photographs${query({ camera: camera.value, reason: reason.value, after })}`);
    } catch (error) { empty.textContent = error.message; empty.hidden = false; return; }
    if (mine !== asked) return;
    const tiles = page.photographs.map((each) => tile(each));
    if (after) list.append(...tiles); else list.replaceChildren(...tiles);
    empty.hidden = list.childElementCount > 0;
    more.hidden = page.after === null;
    more.dataset.after = page.after ?? "";
    if (after && tiles.length) tiles[0].querySelector("button").focus();
    say(`${count(list.childElementCount)} photographs are shown`);
  }

  function tile(row) {
    const name = told.cameras[row.camera]?.name ?? row.camera ?? "no camera";
    const missing = () => el("span", { class: "missing" }, "no picture");
    const picture = row.has_picture ? el("img", { loading: "lazy", alt: "", width: "144", height: "144",
      src: `/api/generations/${at(generation)}/thumbnail${query({ photo: row.photo, version: row.version })}`,
      onerror: (event) => event.target.replaceWith(missing()) }) : missing();
    return el("li", {}, el("button", { type: "button", class: `tile ${row.kept ? "expected" : "unusual"}`, onclick: () => explain(row) },
      picture,
      el("span", { class: "label" }, el("b", {}, name), el("span", {}, row.kept ? `kept, ${row.split ?? "no split"}` : (row.reasons ?? []).join(", ").replaceAll("_", " ")),
        el("span", { class: "soft" }, row.photo))));
  }

  async function explain(row) {
    dialog.replaceChildren(el("p", {}, "Reading the evidence…"));
    dialog.showModal();
    const close = el("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Close");
    try {
      const found = await ask(`/api/generations/${at(generation)}/explanation${query({ photo: row.photo, version: row.version })}`);
      dialog.replaceChildren(el("div", { class: "bar-top" }, el("h3", { id: "explained-name" }, found.photo), close), ...explanation(found, row, sentences));
    } catch (error) { dialog.replaceChildren(el("h3", { id: "explained-name" }, row.photo), el("p", { class: "fault" }, error.message), close); }
    close.focus();
    dialog.scrollTop = 0;
  }

  load();
  return {
    element,
    only: (wantedCamera, wantedReason) => {
      camera.value = wantedCamera;
      reason.value = wantedReason;
      load();
      heading.scrollIntoView();
      heading.focus({ preventScroll: true });
    },
  };
}

function explanation(found, row, sentences) {
  const pairs = (title, values) => (values.length ? [el("h4", {}, title), el("dl", { class: "pairs" }, values.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))] : []);
  const verdict = found.verdict;
  const published = found.published;
  return [
    el("p", { class: `verdict ${verdict.kept ? "ordinary" : "unusual"}` }, verdict.kept ? "Kept" : `Refused by ${verdict.reasons.length} ${verdict.reasons.length === 1 ? "reason" : "reasons"}`),
    ...verdict.reasons.flatMap((each) => [el("p", {}, el("b", {}, each.reason.replaceAll("_", " ")), `: ${each.sentence || sentences[each.reason] || ""}`), el("p", { class: "soft" }, String(each.value))]),
    ...pairs("What the file says", Object.entries(found.evidence ?? {}).map(([name, value]) => [name, String(value)])),
    ...pairs("Marks of editing software", found.marks.map((mark) => [mark.where, mark.what + (mark.counts ? "" : " (this camera's firmware writes it: no mark)")])),
    ...(found.hints.length ? [el("h4", {}, "Unusual, but no reason to refuse it"), el("ul", {}, found.hints.map((hint) => el("li", {}, hint)))] : []),
    ...(published ? pairs(`Generation ${found.generation}`, [
      ["verdict", published.kept ? "kept" : `refused: ${published.reasons.join(", ")}`], ["camera", published.camera ?? "none"], ["group", published.group ?? "none"],
      ["split", `${published.split ?? "none"}, fold ${published.fold ?? "none"}`], ["copy of", published.duplicate_of ?? "none"]]) : []),
    el("p", {}, row.page_url ? outside("Page at its source", row.page_url) : null, row.licence ? ` ${row.licence}` : null),
  ];
}

function compared(known, name) {
  const options = () => known.map((each) => el("option", { value: each.name }, each.name));
  const before = el("select", { id: "before" }, options());
  const after = el("select", { id: "after" }, options());
  after.value = name;
  before.value = known[known.findIndex((each) => each.name === name) + 1]?.name ?? name;
  const place = el("div", { "aria-live": "polite" });
  return el("section", {}, el("h2", {}, "What a refresh changed"),
    el("div", { class: "filters" },
      el("div", {}, el("label", { for: "before" }, "From "), before), el("div", {}, el("label", { for: "after" }, "to "), after),
      el("button", { type: "button", onclick: async () => {
        place.replaceChildren(el("p", { class: "soft" }, "Comparing…"));
        try { place.replaceChildren(...changes(await ask(`/api/differences${query({ before: before.value, after: after.value })}`))); } catch (error) { place.replaceChildren(el("p", { class: "fault" }, error.message)); }
      } }, "Compare")), place);
}

function changes(found) {
  const changed = Object.entries(found.cameras).filter(([, each]) => each.before !== each.after);
  const rows = (list) => list.map((each) => [each.from, each.to, count(each.photos)]);
  return [
    totals([[count(found.new), "new"], [count(found.gone), "gone"], [count(found.newly_kept), "newly kept"], [count(found.newly_refused), "newly refused"],
      [count(found.split_changed.photos), "changed split (must be 0)"]]),
    found.transitions.length ? table(["from", "to", "photographs"], rows(found.transitions), { caption: "Verdicts that changed", numeric: [2] }) : el("p", {}, "No verdict changed."),
    found.camera_changed.length ? table(["from", "to", "photographs"], rows(found.camera_changed), { caption: "Cameras that changed", numeric: [2] }) : null,
    changed.length ? table(["camera", "before", "after"], changed.map(([key, each]) => [key, count(each.before), count(each.after)]), { caption: "Photographs kept of each camera", numeric: [1, 2] }) : null,
    el("p", {}, `Values learned as native to a camera: ${count(found.natives.gained.length)} gained, ${count(found.natives.lost.length)} lost.`),
  ].filter(Boolean);
}
