"""What is said of scanned pages and of forgeries of them."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.simulation import cameras, scanner
from demo.simulation.documents import draw_page
from demo.simulation.forgeries import KINDS, Forgery, Scanned, whitened
from demo.simulation.scenes import Scene, draw_scene
from examiner.detectors.scans.page import page_of
from examiner.finding import Finding, Map, Regions
from examiner.findings.documents import COPIED, DIFFERENT, document_regions
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph


def scanned(seed: int, model: scanner.ScannerModel) -> Scanned:
    page = draw_page(seed, "A5", 150)
    return Scanned(scanner.scan(model, seed, page.light, 150, seed), page.words)


@pytest.fixture(scope="module")
def page() -> Scanned:
    return scanned(20, scanner.MODELS[4])


@pytest.fixture(scope="module")
def forgeries(page: Scanned) -> dict[str, Forgery]:
    other = scanned(21, scanner.MODELS[3])
    seeds = (seed for seed in range(50) if whitened(page, page, np.random.default_rng(seed)).box[2] > 110)
    seed = next(seeds)  # three words, not a short one
    return {kind: forge(page, other, np.random.default_rng(seed)) for kind, forge in KINDS.items()}


def said(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], quality: int | None = None) -> dict[str, Finding]:
    saved = io.BytesIO()
    if quality is None:
        Image.fromarray(picture).save(saved, "PNG", compress_level=1)
    else:
        Image.fromarray(picture).save(saved, "JPEG", quality=quality)
    return {each.name: each for each in document_regions(Photograph(saved.getvalue()), Knowledge())}


def test_a_page_as_it_was_scanned_is_the_same_all_over(page: Scanned) -> None:
    found = said(page.picture)
    assert "no clearly different noise" in found["document_regions"].statement
    assert found["document_copies"].statement.startswith("No word of the page is clearly more alike")
    assert (found["document_regions"].score or 0) < DIFFERENT
    assert (found["document_copies"].score or 0) < COPIED


@pytest.mark.parametrize("kind", ["pasted", "resized", "retyped", "whitened", "copied"])
def test_the_map_is_bright_where_a_page_was_forged(forgeries: dict[str, Forgery], kind: str) -> None:
    forged = forgeries[kind]
    (shown,) = [each for each in said(forged.picture)["document_regions"].evidence if isinstance(each, Map)]
    by_pixel = np.kron(np.nan_to_num(shown.values), np.ones((shown.cell_px, shown.cell_px)))[:1240, :874]
    inside, outside = by_pixel[forged.mask], by_pixel[~forged.mask]
    assert np.mean(outside < np.median(inside)) > 0.95
    score = said(forged.picture)["document_copies" if kind == "copied" else "document_regions"].score or 0
    assert score > (COPIED if kind == "copied" else DIFFERENT)


@pytest.mark.parametrize("kind", ["pasted", "resized", "retyped", "whitened", "copied"])
def test_the_map_is_bright_there_after_strong_compression_too(forgeries: dict[str, Forgery], kind: str) -> None:
    forged = forgeries[kind]
    (shown,) = [each for each in said(forged.picture, 80)["document_regions"].evidence if isinstance(each, Map)]
    by_pixel = np.kron(np.nan_to_num(shown.values), np.ones((shown.cell_px, shown.cell_px)))[:1240, :874]
    assert np.mean(by_pixel[~forged.mask] < np.median(by_pixel[forged.mask])) > 0.9


def test_letters_count_for_nothing_where_compression_has_left_no_colour(
    page: Scanned, monkeypatch: pytest.MonkeyPatch
) -> None:
    different = np.full((155, 110), 20.0, np.float32)
    monkeypatch.setattr("examiner.findings.documents.letter_map", lambda *_: different)
    at_40, at_80 = (said(page.picture, quality)["document_regions"] for quality in (40, 80))
    assert (at_40.score or 0) < DIFFERENT < 20 == at_80.score
    assert at_80.statement.startswith("The letters around")


def test_both_places_of_a_copied_word_are_shown(forgeries: dict[str, Forgery]) -> None:
    forged = forgeries["copied"]
    (shown,) = [each for each in said(forged.picture)["document_copies"].evidence if isinstance(each, Regions)]
    x, y, width, height = forged.box
    overlaps = [
        min(x + width, left + wide) > max(x, left) and min(y + height, top + high) > max(y, top)
        for left, top, wide, high in shown.sets[0]
    ]
    assert sum(overlaps) == 1


def test_letters_of_a_copy_are_equal_after_strong_compression_and_others_are_not(
    page: Scanned, forgeries: dict[str, Forgery]
) -> None:
    scores = [said(each, 80)["document_copies"].score or 0 for each in (page.picture, forgeries["copied"].picture)]
    assert scores[0] < COPIED < scores[1]


def test_paper_that_was_copied_with_a_word_is_shown_though_it_was_made_brighter(page: Scanned) -> None:
    of = page_of(np.asarray(Image.fromarray(page.picture).convert("L")))
    assert of is not None
    blank_px = 100
    x, y, width, height = next(
        (x, y, width, height)
        for x, y, width, height in page.words
        if width > 40
        and y < 600
        and x + width + blank_px < 874
        and of.is_paper[y : y + height, x + width + 4 : x + width + blank_px].mean() > 0.95
    )
    forged = page.picture.copy()
    taken = np.minimum(page.picture[y : y + height, x : x + width + blank_px], 253) + 2
    forged[y + 500 : y + 500 + height, x : x + width + blank_px] = taken
    (shown,) = [each for each in said(forged)["document_copies"].evidence if isinstance(each, Regions)]
    assert all(abs(wide - (width + blank_px)) < 16 for _, _, wide, _ in shown.sets[0])


def test_a_photograph_is_no_page() -> None:
    light = np.minimum(draw_scene(14, 640, 512).light, 1.0)
    picture = (255 * light ** (1 / 2.2)).astype(np.uint8)
    assert page_of(np.ascontiguousarray(picture[..., 1])) is None
    assert {each.level for each in said(picture).values()} == {"none"}


def test_of_a_page_without_noise_nothing_is_said(page: Scanned) -> None:
    plain = np.where(page.picture < 128, np.uint8(0), np.uint8(255))
    assert said(plain)["document_regions"].level == "none"


def test_of_a_page_with_equal_letters_nothing_is_said() -> None:
    letter = np.where(np.random.default_rng(7).random((16, 10)) < 0.6, 10, 250).astype(np.uint8)
    drawn = np.full((600, 600), 250, np.uint8)
    for top in range(24, 576, 32):
        for left in range(24, 576, 20):
            drawn[top : top + 16, left : left + 10] = letter
    found = said(drawn)["document_copies"]
    assert found.level == "none"
    assert "as software draws them" in found.statement


def test_a_page_that_a_camera_photographed_is_not_compared() -> None:
    light = draw_page(20, "A5", 150).light[:1232, :864] * 0.8
    scene = Scene(np.ascontiguousarray(light), (1.0, 1.0, 1.0), 100, Fraction(1, 60))
    found = said(cameras.take_photograph(cameras.MODELS[0], 5, scene, 5), 95)["document_regions"]
    assert (found.level, found.score) == ("none", None)
    assert found.statement.startswith("The page was photographed, not scanned")


def test_real_photographs_of_handwritten_pages_are_not_compared(shared_photos: Path) -> None:
    pages = [shared_photos / "originals" / "ipad-air-2" / f"{name}.jpg" for name in ("0f5084749fe4", "a3f12cc8ad91")]
    for page in pages:
        found = {each.name: each for each in document_regions(Photograph(page.read_bytes()), Knowledge())}
        assert found["document_regions"].score is None
        assert "photographed" in found["document_regions"].statement


def test_no_scan_passes_for_a_photograph_however_it_was_saved(page: Scanned) -> None:
    for quality in (None, 95, 80, 60):
        assert "photographed" not in said(page.picture, quality)["document_regions"].statement
