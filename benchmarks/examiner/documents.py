"""Benchmark: adds genuine pages of text to the calibration that is shipped: rates of findings about documents.

    python -m benchmarks.examiner.documents [--scans 160] [--photographs 48] [--forged 24] [--parts FOLDER]
        [--out examiner/calibration/default.json]

Pages, scanners and cameras are simulated; seeds are others than those of `benchmarks.examiner.scans`, and than those on
which limits were chosen. Scans are saved as their scanner saves them, as PNG, and again at 95, 90 and 80; photographs
are taken a little askew, under uneven light. Measured are `document_regions` and `document_copies`, and what pages have
and photographs have not, the trace of a scanner and letters that look alike (`scanner_or_camera`, `copied_region`):
scores of photographs stay as they are, and pages are ranked among pages alone
(docs/decisions/0024-the-shipped-calibration.md).
What is planted is one forgery of each kind in each of the first scans. What was measured is kept in --parts, so that a
run that was interrupted goes on.
"""

import argparse
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.examiner.scans import label, saved
from demo.simulation import cameras, jpeg, scanner
from demo.simulation.documents import draw_page
from demo.simulation.forgeries import KINDS, Scanned
from demo.simulation.scenes import Scene
from examiner.calibrate import compact, table
from examiner.calibration.gathered import Part, Planted, gathered, part_bytes, part_of, with_kind
from examiner.calibration.measured import calibration_of
from examiner.examination import PAGES
from examiner.findings.copy_move import copied_region
from examiner.findings.documents import document_regions
from examiner.findings.scans import scanner_or_camera
from examiner.knowledge import Knowledge
from examiner.trials.measuring import code_digest, scores_of

DPI = 150
SEED = 80_000
DEVICES = 4
"""Of each model of scanner."""
SAVED = ("own", None, 95, 90, 80)
"""How a scan is saved, in turns: by its scanner, as PNG, as JPEG."""
FORGED_SAVED = (None, 95, 90, 80)


def scan_of(number: int) -> tuple[scanner.ScannerModel, int, Scanned]:
    """Return the scanner, its device and the scan of a page."""
    model = scanner.MODELS[number % len(scanner.MODELS)]
    device = SEED + number // len(scanner.MODELS) % DEVICES
    page = draw_page(SEED + number, "A5" if number % 3 else "slip", DPI)
    return model, device, Scanned(scanner.scan(model, device, page.light, DPI, SEED + number), page.words)


def scanned(number: int, planted: bool) -> Part:
    """Return the scores of a genuine scan and, where `planted`, of a forgery of each kind."""
    model, device, scan = scan_of(number)
    quality = SAVED[number % len(SAVED)]
    data = scanner.jpeg_file(model, scan.picture, DPI) if quality == "own" else saved(scan.picture, quality)
    found = tuple(_planted(number, scan)) if planted else ()
    return Part(f"scan {number}", f"{model.key} {device}", _scores(data), found)


def _planted(number: int, scan: Scanned) -> Iterator[Planted]:
    other = scan_of(number + 2)[2]
    quality = FORGED_SAVED[number % len(FORGED_SAVED)]
    for kind, forge in KINDS.items():
        try:
            forged = forge(scan, other, np.random.default_rng(number))
        except ValueError:  # the other page has no such piece
            continue
        name = "document_copies" if kind == "copied" else "document_regions"
        score = _scores(saved(forged.picture, quality)).get(name)
        yield Planted(name, f"words {kind}, saved as {label(quality)}", score, quality is None)


def photographed(number: int) -> Part:
    """Return the scores of a page that a camera has photographed, a little askew and under uneven light."""
    random = np.random.default_rng([SEED, number])
    model, device = cameras.MODELS[number % len(cameras.MODELS)], SEED + number // len(cameras.MODELS)
    light = draw_page(SEED + 10_000 + number, "A5", DPI).light
    height, width = light.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    seen = (corners + random.uniform(-0.02, 0.02, (4, 2)) * (width, height)).astype(np.float32)
    light = cv2.warpPerspective(
        light, cv2.getPerspectiveTransform(corners, seen), (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    corner_light = random.uniform(0.75, 1.0, (2, 2)).astype(np.float32)
    light *= 0.8 * cv2.resize(corner_light, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    light = np.ascontiguousarray(light[: height // 16 * 16, : width // 16 * 16])
    scene = Scene(light, (1.0, 1.0, 1.0), int(random.choice([64, 100, 200, 400])), Fraction(1, 60))
    taken = cameras.take_photograph(model, device, scene, SEED + number)
    data = jpeg.encode(taken, model.tables, model.subsampling)
    return Part(f"photograph {number}", f"{model.key} {device}", _scores(data))


def _scores(data: bytes) -> dict[str, float]:
    return scores_of(data, (document_regions, copied_region, scanner_or_camera), Knowledge())


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=160)
    parser.add_argument("--photographs", type=int, default=48)
    parser.add_argument("--forged", type=int, default=24)
    parser.add_argument("--parts", type=Path, default=Path("documents.parts"))
    parser.add_argument("--out", type=Path, default=Path("examiner/calibration/default.json"))
    arguments = parser.parse_args()
    folder = arguments.parts / code_digest()  # what another version has measured is measured anew
    folder.mkdir(parents=True, exist_ok=True)
    works: list[tuple[str, Callable[[], Part]]] = [
        *((f"scan-{each}", partial(scanned, each, each < arguments.forged)) for each in range(arguments.scans)),
        *((f"photograph-{each}", partial(photographed, each)) for each in range(arguments.photographs)),
    ]
    parts = [kept(folder / f"{name}.json", work) for name, work in works]
    told = [each for each in parts if each.genuine]
    scans = sum(each.photo.startswith("scan") for each in told)
    origin = f"{scans} scans and {len(told) - scans} photographs of pages, all simulated"
    print(f"{len(parts)} pages, {len(told)} of which have a score")
    pages = gathered(told, origin)
    for line in table(pages):
        print(line)
    for name, each in pages.findings.items():
        for one in each.detection:
            print(f"{name:18} {one.what:32} {one.share:.2f} of {one.photographs}")
    shipped = calibration_of(arguments.out.read_bytes(), arguments.out.name)
    arguments.out.write_bytes(compact(with_kind(shipped, pages, PAGES)))
    print(f"written: {arguments.out}")


def kept(path: Path, work: Callable[[], Part]) -> Part:
    """Return what was measured before, or measure it and keep it."""
    if path.is_file():
        return part_of(path.read_bytes(), path.name)
    part = work()
    path.write_bytes(part_bytes(part))
    return part


if __name__ == "__main__":
    main()
