// The viewer: the picture as it is stored, with a map or regions over it; zoomed by wheel, fingers, keys and buttons.

import { el, say } from "./dom.js";

const CANVAS_MAX_PX = 2048;
// Weak, strong, strongest, and how much of the picture the strongest hides: as in the report's own pictures of maps.
const COLOURS = [[255, 214, 10], [250, 130, 20], [206, 17, 72]];
const STRONGEST_HIDES = 0.88;

export function viewer(address, [width, height], layers) {
  const place = el("div", { class: "picture", role: "application", "aria-label": "Picture. Plus and minus zoom, arrows move, 0 shows the whole." });
  const opacity = el("input", { type: "range", id: "opacity", min: "0", max: "100", value: "100", oninput: () => fade() });
  const percentShown = el("output", { for: "opacity" }, "100 %");
  const choice = el("select", { id: "layer", onchange: () => change(Number(choice.value)) },
    el("option", { value: "-1" }, "nothing"), layers.map((each, number) => el("option", { value: String(number) }, each.title)));
  const caption = el("p", { class: "soft" });
  const legend = el("p", { class: "legend", hidden: true }, el("span", {}, "nothing"), el("canvas", { width: "120", height: "12", "aria-hidden": "true" }),
    el("span", {}, "strongest"), el("span", { class: "no-answer", "aria-hidden": "true" }), el("span", {}, "no answer"));
  const press = (label, text, act) => el("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick: act }, text);
  const element = el("section", { class: "viewer", "aria-label": "Picture and maps" },
    place,
    el("div", { class: "controls" },
      el("div", { class: "buttons" },
        press("Zoom in", "+", () => zoom(1.5)), press("Zoom out", "−", () => zoom(1 / 1.5)),
        press("Pixel by pixel", "1:1", () => pixels()), press("Show the whole picture", "Whole", () => osd?.viewport.goHome()),
        press("Turn by 90 degrees", "↻", () => osd?.viewport.setRotation(osd.viewport.getRotation() + 90))),
      layers.length ? [
        el("div", {}, el("label", { for: "layer" }, "Over the picture "), choice),
        el("div", {}, el("label", { for: "opacity" }, "Opacity "), opacity, percentShown)] : null),
    legend, caption);

  let osd = null;
  let over = null;
  let blob = null;
  let chosen = -1;

  function opened() {
    if (osd !== null || !place.isConnected) return;
    osd = window.OpenSeadragon({
      element: place, drawer: "canvas", showNavigationControl: false, tileSources: { type: "image", url: address },
      maxZoomPixelRatio: 16, minZoomImageRatio: 0.5, visibilityRatio: 0.5, animationTime: 0.4, imageSmoothingEnabled: false,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, placeholderFillStyle: "transparent",
    });
    osd.addHandler("open", () => { place.dataset.opened = "true"; change(chosen); });
    osd.addHandler("open-failed", () => place.replaceChildren(el("p", { class: "soft" }, "The picture cannot be shown.")));
    osd.addHandler("update-viewport", () => { place.dataset.zoom = osd.viewport.getZoom(true).toFixed(3); });
    // The page scrolls past the picture; the wheel zooms only with Ctrl held, or while the picture has the focus.
    osd.addHandler("canvas-scroll", (event) => {
      const wanted = event.originalEvent.ctrlKey || place.contains(document.activeElement);
      event.preventDefault = wanted;
      event.preventDefaultAction = !wanted;
    });
    osd.addHandler("canvas-key", (event) => {
      if (event.originalEvent.key === "Tab") event.preventDefaultAction = true;
    });
  }

  const zoom = (by) => osd?.viewport.zoomBy(by) && osd.viewport.applyConstraints();
  const pixels = () => osd && osd.viewport.zoomTo(osd.world.getItemAt(0).imageToViewportZoom(1 / window.devicePixelRatio));

  function fade() {
    percentShown.textContent = `${opacity.value} %`;
    over?.setOpacity(opacity.value / 100);
    for (const each of place.querySelectorAll(".region")) each.style.opacity = opacity.value / 100;
  }

  async function change(number) {
    chosen = number;
    choice.value = String(number);
    if (!osd || !osd.world.getItemCount()) return;
    if (over) { osd.world.removeItem(over); over = null; }
    if (blob) { URL.revokeObjectURL(blob); blob = null; }
    osd.clearOverlays();
    const layer = layers[number];
    caption.textContent = layer?.caption ?? "";
    legend.hidden = layer?.kind !== "map";
    place.dataset.layer = layer?.title ?? "";
    if (!layer) return;
    say(`${layer.title} is shown over the picture`);
    if (layer.kind === "map") await drawMap(layer, number); else drawRegions(layer);
    fade();
  }

  async function drawMap(layer, number) {
    const canvas = mapCanvas(layer);
    const drawn = await new Promise((done) => canvas.toBlob(done, "image/png"));
    if (chosen !== number || !osd) return;
    blob = URL.createObjectURL(drawn);
    await new Promise((done) => osd.addTiledImage({
      tileSource: { type: "image", url: blob, buildPyramid: false },
      x: layer.origin_px[0] / width, y: layer.origin_px[1] / width, width: (layer.values[0].length * layer.cell_px) / width,
      opacity: opacity.value / 100, success: ({ item }) => { over = item; done(); }, error: () => done(),
    }));
  }

  function drawRegions(layer) {
    layer.sets.forEach((set, colour) => {
      for (const [x, y, wide, high] of set) {
        osd.addOverlay({ element: el("div", { class: `region colour-${colour % 6}` }), location: new window.OpenSeadragon.Rect(x / width, y / width, wide / width, high / width) });
      }
    });
  }

  ramp(legend.querySelector("canvas"));
  return {
    element,
    opened: () => requestAnimationFrame(opened),
    close: () => { osd?.destroy(); osd = null; if (blob) URL.revokeObjectURL(blob); },
    layerOf: (finding, title) => layers.find((each) => each.finding === finding && each.title === title) ?? null,
    show: (layer) => {
      change(layers.indexOf(layer));
      element.scrollIntoView({ behavior: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      choice.focus({ preventScroll: true });
    },
  };
}

function colourOf(value) {
  const share = Math.min(Math.max(value, 0), 1);
  const along = share * (COLOURS.length - 1);
  const low = Math.min(Math.floor(along), COLOURS.length - 2);
  const mixed = COLOURS[low].map((each, channel) => Math.round(each + (COLOURS[low + 1][channel] - each) * (along - low)));
  return `rgb(${mixed.join(" ")} / ${(STRONGEST_HIDES * share).toFixed(3)})`;
}

function ramp(canvas) {
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(128 128 128)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = colourOf(x / (canvas.width - 1));
    context.fillRect(x, 0, 1, canvas.height);
  }
}

// A cell without an answer is hatched in grey: it is neither clean nor suspect.
function mapCanvas({ values }) {
  const rows = values.length;
  const columns = values[0].length;
  const scale = Math.max(1, Math.min(8, Math.floor(CANVAS_MAX_PX / Math.max(rows, columns))));
  const canvas = el("canvas", { width: String(columns * scale), height: String(rows * scale) });
  const context = canvas.getContext("2d");
  values.forEach((row, y) => row.forEach((value, x) => {
    if (value === null) {
      context.fillStyle = (x + y) % 2 ? "rgb(120 120 120 / 0.75)" : "rgb(200 200 200 / 0.75)";
    } else context.fillStyle = colourOf(value);
    context.fillRect(x * scale, y * scale, scale, scale);
  }));
  return canvas;
}
