"""The page in a browser: a file dropped, the picture zoomed, a map faded, by keys alone, on a phone, in the dark."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import examiner
from examiner.web.gate.access import access_for
from examiner.web.limits import Limits

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
WAIT_MS = 60_000
TOKEN = "a-token-of-this-test"
_DROP = """([data, name]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const moved = new DataTransfer();
  moved.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const field = document.querySelector(".drop");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    field.dispatchEvent(new DragEvent(kind, { dataTransfer: moved, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture(scope="module")
def server(listening: Any) -> Iterator[Any]:
    """Return a server whose examinations have a map and regions."""
    with listening(Limits(examinations_burst=100)) as reached:
        yield reached


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[{}], ids=["wide"])
def page(request: Any, browser: Any, server: Any) -> Iterator[Any]:
    """Return the page, open; whatever the browser complains of fails the test."""
    usual = {"viewport": {"width": 1200, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**usual | request.param)
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(server.url)
    opened.wait_for_selector(".drop")
    yield opened
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((server.url, "blob:", "data:"))] == []


def drop(page: Any, photograph: bytes, name: str = "harbour.jpg") -> None:
    page.evaluate(_DROP, [base64.b64encode(photograph).decode(), name])
    page.wait_for_selector("article.sheet")
    page.wait_for_selector(".picture[data-opened=true]")


def zoom(page: Any) -> float:
    page.wait_for_timeout(700)
    return float(page.get_attribute(".picture", "data-zoom"))


def test_a_file_is_dropped_and_its_sheet_shown(page: Any, photograph: bytes) -> None:
    drop(page, photograph)
    assert page.inner_text("article h2") == "harbour.jpg"
    assert page.inner_text(".verdict")
    outcome = examiner.examine(photograph).outcome  # the finding that is added here is in no verdict
    assert page.get_attribute(".verdict", "class") == f"verdict {outcome}"
    assert outcome in (page.get_attribute(".files li", "class") or "").split()
    shown = page.inner_text(".finding.unusual[data-finding=shown] .statement")
    assert shown == "A place differs from the rest of the picture."
    assert "JPEG · 640 × 480 px" in page.inner_text("article")
    assert page.inner_text("#status") != ""


def test_the_picture_is_zoomed_by_buttons_and_wheel_and_turned(page: Any, photograph: bytes) -> None:
    drop(page, photograph)
    whole = zoom(page)
    page.click("button[aria-label='Zoom in']")
    once = zoom(page)
    assert once > whole * 1.3
    page.click("button[aria-label='Show the whole picture']")
    assert zoom(page) == pytest.approx(whole, rel=0.02)
    page.focus(".openseadragon-canvas")
    page.hover(".picture")
    page.mouse.wheel(0, -300)
    assert zoom(page) > whole * 1.1
    page.click("button[aria-label='Turn by 90 degrees']")


def test_a_map_lies_over_the_picture_and_is_faded(page: Any, photograph: bytes) -> None:
    drop(page, photograph)
    page.select_option("#layer", label="Difference by place")
    page.wait_for_function("document.querySelector('.picture').dataset.layer === 'Difference by place'")
    page.wait_for_timeout(800)
    page.fill("#opacity", "100")
    page.wait_for_timeout(500)
    full = page.locator(".picture").screenshot()
    page.fill("#opacity", "0")
    page.wait_for_timeout(500)
    none = page.locator(".picture").screenshot()
    assert page.inner_text("output") == "0 %"
    page.select_option("#layer", label="nothing")
    page.wait_for_timeout(500)
    assert page.locator(".picture").screenshot() == none != full


def test_a_finding_shows_its_regions_on_the_picture(page: Any, photograph: bytes) -> None:
    drop(page, photograph)
    page.click("button:has-text('Show on the picture: Alike regions')")
    page.wait_for_selector(".region")
    boxes = [each.bounding_box() for each in page.query_selector_all(".region")]
    picture = page.locator(".picture").bounding_box()
    assert len(boxes) == 2
    scale = min(picture["width"] / 640, picture["height"] / 480)
    assert boxes[0]["width"] == pytest.approx(80 * scale, rel=0.1)


def test_it_is_used_by_keys_alone(page: Any, photograph: bytes, tmp_path: Path) -> None:
    path = tmp_path / "by keys.jpg"
    path.write_bytes(photograph)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "files":
            break
    assert page.evaluate("getComputedStyle(document.querySelector('.drop label')).outlineStyle") == "solid"
    with page.expect_file_chooser() as chosen:
        page.keyboard.press("Space")
    chosen.value.set_files(path)
    page.wait_for_selector(".picture[data-opened=true]")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.textContent"
            )
        )
        if reached[-1] == "opacity":
            break
    assert "openseadragon-canvas" in reached
    assert "layer" in reached
    assert reached[-1] == "opacity"
    page.keyboard.press("Home")
    assert page.inner_text("output") == "0 %"
    whole = zoom(page)
    page.focus(".openseadragon-canvas")
    page.keyboard.press("+")
    assert zoom(page) > whole


@pytest.mark.parametrize(
    "page", [{"viewport": {"width": 360, "height": 740}, "has_touch": True}], indirect=True, ids=["phone"]
)
def test_on_a_phone_nothing_is_wider_than_it_and_buttons_are_large_enough(page: Any, photograph: bytes) -> None:
    drop(page, photograph, "a-rather-long-name-of-a-photograph-as-messengers-give-them-20240101-0001.jpg")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.evaluate(
        "[...document.querySelectorAll('main button, main .button, select')].filter((e) => e.offsetParent)"
        ".map((e) => [e.textContent, e.getBoundingClientRect().height]).filter(([, height]) => height < 44)"
    )
    assert small == []


@pytest.mark.parametrize(
    "page", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True, ids=["light", "dark"]
)
def test_all_text_has_enough_contrast(page: Any, photograph: bytes) -> None:
    drop(page, photograph)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    poor = page.evaluate(_CONTRAST)
    assert poor == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark in ("rgb(255, 255, 255)", "rgb(20, 24, 31)")


_CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (!own || !element.offsetParent || element.closest(".picture, .unseen, svg")) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([element.textContent.slice(0, 40), ratio.toFixed(2)]);
  }
  return poor;
}"""


def test_what_is_no_photograph_gets_a_sentence_and_the_page_goes_on(page: Any, photograph: bytes) -> None:
    page.evaluate(_DROP, [base64.b64encode(b"PK\3\4 an archive").decode(), "<img src=x onerror=alert(1)>.zip"])
    page.wait_for_selector(".files .failed")
    assert "is an archive" in page.inner_text(".files .failed")
    assert page.query_selector(".files img") is None
    drop(page, photograph)
    page.click("button[aria-label='Forget harbour.jpg']")
    page.wait_for_function("document.querySelectorAll('article.sheet').length === 0")


def test_a_server_with_a_token_is_opened_by_its_link_or_by_hand(browser: Any, listening: Any) -> None:
    with listening(Limits(), access_for("127.0.0.1", (), TOKEN)) as reached:
        context = browser.new_context()
        page = context.new_page()
        page.goto(reached.url)
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector(".fault:not(:empty)")
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector(".drop")
        context.close()
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{reached.url}/#token={TOKEN}")
        page.wait_for_selector(".drop")
        assert TOKEN not in page.url
        page.click("#sign-out")
        page.wait_for_selector("#token")
        context.close()
