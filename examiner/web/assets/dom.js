// Elements: built from plain data. Text is always text: nothing here reads markup, since strangers wrote some of it.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

export function el(tag, properties, ...children) {
  return filled(document.createElement(tag), properties, children);
}

export function svg(tag, properties, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

export function table(header, rows, { caption, numeric = [] } = {}) {
  const kind = (column) => (numeric.includes(column) ? "number" : null);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption ?? header.join(", ") },
    el("table", {},
      caption ? el("caption", {}, caption) : null,
      el("thead", {}, el("tr", {}, header.map((text, column) => el("th", { scope: "col", class: kind(column) }, text)))),
      el("tbody", {}, rows.map((row) =>
        el("tr", {}, row.map((cell, column) => el("td", { class: kind(column) }, cell)))))));
}

// A link to another site, without telling it where from; plain text where it is no address of the web.
export function outside(text, address) {
  let url = null;
  try { url = new URL(address); } catch { return text; }
  if (url.protocol !== "https:" && url.protocol !== "http:") return text;
  return el("a", { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank" }, text);
}

export function say(text) {
  document.getElementById("status").textContent = text;
}

export const count = (number) => Number(number).toLocaleString("en-GB");

export function size(bytes) {
  for (const [unit, name] of [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (bytes >= unit) return `${(bytes / unit).toFixed(2)} ${name}`;
  }
  return `${bytes} B`;
}

export const percent = (share) =>
  (share === null || share === undefined ? "–" : `${(share * 100).toFixed(share > 0.0995 && share < 1 ? 1 : 2)} %`.replace(".00 %", " %"));
