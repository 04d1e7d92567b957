// Examine: files dropped or chosen, each sent, examined in its turn, and shown as a sheet.

import { ask, at, upload } from "./api.js";
import { el, percent, say } from "./dom.js";
import { sheet } from "./sheet.js";

const FILES_AT_ONCE = 12;
const LOOK_S = 0.4;
const OUTCOMES = { unusual: "unusual", doubtful: "in doubt", ordinary: "nothing unusual", unknown: "no verdict" };

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

export function examinePart(about) {
  const field = el("input", { type: "file", id: "files", multiple: true, class: "unseen",
    accept: "image/*,.heic,.heif,.tif,.tiff,.dng,.cr2,.cr3,.nef,.arw,.orf,.rw2,.raf", onchange: () => { take(field.files); field.value = ""; } });
  const drop = el("div", { class: "drop" },
    el("p", {}, el("label", { for: "files", class: "button" }, "Choose photographs"), field),
    el("p", { class: "soft" }, "or drop them here. JPEG, PNG, WebP, TIFF, HEIC, AVIF or a raw file as the camera, the site or the message gave it, not a screenshot of it."));
  let inside = 0;
  drop.addEventListener("dragenter", () => { inside += 1; drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => { inside -= 1; if (inside <= 0) { inside = 0; drop.classList.remove("over"); } });
  drop.addEventListener("dragover", (event) => { event.preventDefault(); event.dataTransfer.dropEffect = "copy"; });
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  const fault = el("p", { class: "fault", role: "alert" });
  const list = el("ul", { class: "files", "aria-label": "Photographs" });
  const place = el("div", { class: "sheet-place" });
  const element = el("div", {}, el("h1", {}, "What does this photograph show?"), drop, fault, list, place);

  let waiting = [];
  let sending = false;
  let current = null;

  async function take(files) {
    fault.textContent = "";
    const all = [...files];
    const taken = all.filter((file) => file.size <= about.upload_max_bytes).slice(0, FILES_AT_ONCE);
    const large = all.filter((file) => file.size > about.upload_max_bytes);
    const said = [];
    if (large.length) said.push(`${large.map((file) => file.name).join(", ")}: larger than ${about.upload_max_bytes / 2 ** 20} MiB.`);
    if (all.length - large.length > taken.length) said.push(`Only the first ${FILES_AT_ONCE} files were taken; \`shutterprint examine\` takes whole folders.`);
    fault.textContent = said.join(" ");
    waiting.push(...taken.map((file) => entry(file)));
    if (sending) return;
    sending = true;
    while (waiting.length) await waiting.shift().send();
    sending = false;
  }

  function entry(file) {
    const stop = new AbortController();
    const bar = el("progress", { max: "1", value: "0", "aria-label": `${file.name}: how far it is` });
    const state = el("span", { class: "state" }, "waits to be sent");
    const open = el("button", { type: "button", class: "plain name", disabled: true, onclick: () => show() }, file.name || "photograph");
    const remove = el("button", { type: "button", class: "plain", "aria-label": `Forget ${file.name}`, onclick: () => forget() }, "Forget");
    const row = el("li", {}, open, bar, state, remove);
    list.append(row);
    let key = null;
    let found = null;

    const tell = (text, loud = false) => { state.textContent = text; if (loud) say(`${file.name}: ${text}`); };

    function show() {
      if (!found?.report) return;
      current?.close();
      for (const each of list.querySelectorAll("[aria-current]")) each.removeAttribute("aria-current");
      open.setAttribute("aria-current", "true");
      current = { ...sheet(found), row };
      place.replaceChildren(current.element);
      current.opened();
    }

    async function forget() {
      stop.abort();
      waiting = waiting.filter((each) => each.row !== row);
      const next = row.nextElementSibling ?? row.previousElementSibling;
      if (current?.row === row) { current.close(); place.replaceChildren(); current = null; }
      row.remove();
      (next?.querySelector("button:not([disabled])") ?? field).focus();
      say(`${file.name}: forgotten`);
      if (key) await ask(`/api/examinations/${at(key)}`, { method: "DELETE" }).catch(() => null);
    }

    async function send() {
      try {
        tell("is being sent", true);
        const begun = await upload(file, (share) => {
          if (share === null) { bar.removeAttribute("value"); tell("waits for room on the server"); } else { bar.value = share * 0.5; tell(`sent ${percent(share)}`); }
        }, stop.signal);
        key = begun.key;
        follow();
      } catch (error) { fail(error); }
    }

    async function follow() {
      try {
        for (;;) {
          found = await ask(`/api/examinations/${at(key)}`, { signal: stop.signal });
          if (found.state === "done" || found.state === "failed") break;
          bar.removeAttribute("value");
          tell(found.state === "working" ? "is being examined" : found.before ? `waits; ${found.before} before it` : "is next");
          await pause(LOOK_S);
          if (stop.signal.aborted) return;
        }
        bar.remove();
        if (found.state === "failed" || found.report.error) { fail(new Error(found.reason || found.report.error)); return; }
        const { outcome } = found.report;
        row.classList.add(outcome);
        open.disabled = false;
        tell(OUTCOMES[outcome] ?? "examined", true);
        if (current === null) show();
      } catch (error) { fail(error); }
    }

    function fail(error) {
      if (error.name === "AbortError") return;
      bar.remove();
      row.classList.add("failed");
      tell(`could not be examined: ${error.message}`, true);
    }

    return { row, send };
  }

  return { element, open: () => current?.opened?.() };
}
