// The page: its three parts, which of them is shown, and signing in where the server asks for a token.

import { ask } from "./api.js";
import { dataPart } from "./dataset.js";
import { el, say } from "./dom.js";
import { examinePart } from "./examine.js";
import { runsPart } from "./runs.js";

const main = document.getElementById("main");
const signOut = document.getElementById("sign-out");
const shown = new Map();
let about = null;

const PARTS = {
  examine: { title: "Examine", made: () => examinePart(about) },
  data: { title: "Data set", made: () => dataPart() },
  runs: { title: "Runs", made: () => runsPart() },
};

async function start() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", location.pathname);
    await signedIn(given).catch((error) => say(error.message));
  }
  const { needed, signed_in: known } = await ask("/api/session");
  signOut.hidden = !needed || !known;
  if (needed && !known) { showSignIn(); return; }
  about = await ask("/api/about");
  for (const link of document.querySelectorAll("[data-part]")) link.hidden = link.dataset.part !== "examine" && !about.data_set;
  const used = [about.generation && `generation ${about.generation}`, about.run && `run ${about.run}`].filter(Boolean);
  document.getElementById("about").replaceChildren(
    el("p", {}, `Shutterprint ${about.version}. ${used.length ? `Photographs are examined with ${used.join(" and ")}. ` : "Photographs are examined without a data set and without a network. "}` +
      `Files up to ${about.upload_max_bytes / 2 ** 20} MiB stay in the server's memory for ${Math.round(about.kept_s / 60)} minutes and are written nowhere. `,
    el("a", { href: "/openapi.json" }, "The interface for programs (OpenAPI)")));
  route();
}

function route() {
  if (about === null) return;
  const [, name = "examine", ...rest] = location.hash.split("/");
  const wanted = name in PARTS && (name === "examine" || about.data_set) ? name : "examine";
  if (!shown.has(wanted)) shown.set(wanted, PARTS[wanted].made());
  const part = shown.get(wanted);
  document.title = `${PARTS[wanted].title} · Shutterprint`;
  for (const link of document.querySelectorAll("[data-part]")) {
    if (link.dataset.part === wanted) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (main.firstElementChild !== part.element) main.replaceChildren(part.element);
  part.open?.(rest.map(decodeURIComponent));
}

async function signedIn(token) {
  await ask("/api/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
}

function showSignIn() {
  about = null;
  shown.clear();
  signOut.hidden = true;
  const field = el("input", { id: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  const fault = el("p", { class: "fault", role: "alert" });
  const form = el("form", { class: "sign-in", onsubmit: async (event) => {
    event.preventDefault();
    fault.textContent = "";
    try { await signedIn(field.value); main.replaceChildren(); await start(); } catch (error) { fault.textContent = error.message; field.select(); }
  } },
  el("h1", {}, "Sign in"),
  el("label", { for: "token" }, "Token of this server"), field,
  el("button", { type: "submit" }, "Sign in"), fault);
  main.replaceChildren(form);
  field.focus();
}

signOut.addEventListener("click", async () => { await ask("/api/session", { method: "DELETE" }); showSignIn(); });
window.addEventListener("signed-out", () => { if (about !== null) showSignIn(); });
window.addEventListener("hashchange", () => { if (location.hash.startsWith("#/") || location.hash === "") route(); });
// A file dropped beside its field would else replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

start().catch((error) => main.replaceChildren(el("p", { class: "fault", role: "alert" }, error.message)));
