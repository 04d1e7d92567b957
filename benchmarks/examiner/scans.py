"""Measures the findings about scans, prints, displays and documents, on simulated and on real files.

Tables: scanner or camera, with false alarms by folder of real originals; pixel AUROC of forged words by kind and by how
the page was saved. Scanners and pages are simulated; --seed says which, so that limits can be chosen on others than
those they are measured on.

    python -m benchmarks.examiner.scans [--genuine FOLDER]... [--pages 6] [--seed 40000] [--photographs 60]
"""

import argparse
import io
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from demo.simulation import scanner
from demo.simulation.documents import draw_page
from demo.simulation.forgeries import KINDS, Scanned
from demo.simulation.scenes import draw_scene
from examiner.detectors.scans.photographed import SCANNED
from examiner.finding import Finding, Map
from examiner.findings.documents import COPIED, DIFFERENT, document_regions
from examiner.findings.scans import LATTICE, reproduced, scanner_or_camera
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from train.estimation.ranking import auroc

KNOWLEDGE = Knowledge()
SAVED = (None, 95, 90, 80)
LIMITS = {
    "scanner_or_camera": SCANNED, "print_dots": LATTICE, "display_pixels": LATTICE, "document_regions": DIFFERENT,
    "document_copies": COPIED,
}  # fmt: skip


def said(data: bytes, *, document: bool) -> dict[str, Finding]:
    """Return the findings about one file by name."""
    photograph = Photograph(data)
    asked = (scanner_or_camera, reproduced, *([document_regions] if document else []))
    return {each.name: each for ask in asked for each in ask(photograph, KNOWLEDGE)}


def saved(picture: np.ndarray, quality: int | None) -> bytes:
    """Return a picture as a file: a PNG, or a JPEG of a quality."""
    file = io.BytesIO()
    if quality is None:
        Image.fromarray(picture).save(file, "PNG", compress_level=1)
    else:
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def scans(pages: int, seed: int) -> list[Scanned]:
    """Pages as scanners write them: every second one was a JPEG."""
    found = []
    for number in range(pages):
        model, dpi = scanner.MODELS[number % len(scanner.MODELS)], 150
        page = draw_page(seed + number, "A5", dpi)
        picture = scanner.scan(model, seed // 10 + number, page.light, dpi, number)
        if number % 2:
            picture = np.asarray(Image.open(io.BytesIO(scanner.jpeg_file(model, picture, dpi))).convert("RGB"))
        found.append(Scanned(picture, page.words))
    return found


def scanned_prints(number: int) -> list[bytes]:
    """Return scans of photographic prints."""
    found = []
    for each in range(number):
        scene = draw_scene(50_000 + each, 900, 704)
        light = np.clip(scene.light / np.asarray(scene.illuminant, np.float32), 0, 1) * np.float32(0.85)
        model = scanner.MODELS[each % len(scanner.MODELS)]
        picture = scanner.scan(model, 5_000 + each, light + np.float32(0.02), 150, each)
        found.append(scanner.jpeg_file(model, picture, 150, (None, 80)[each // len(scanner.MODELS) % 2]))
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genuine", action="append", type=Path, help="folder of genuine photographs (again for more)")
    parser.add_argument("--pages", type=int, default=6)
    parser.add_argument("--photographs", type=int, default=60, help="most photographs of a folder")
    parser.add_argument("--seed", type=int, default=40_000, help="of the first page")
    options = parser.parse_args()
    pages = scans(options.pages, options.seed)

    print("scanner or camera: share called a scanner")
    files = [("simulated pages", [saved(each.picture, 90) for each in pages])]
    files.append(("simulated prints", scanned_prints(2 * options.pages)))
    for name, group in files:
        report(name, [said(each, document=False) for each in group])
    for folder in options.genuine or [Path("../shared/photos/originals")]:
        if not folder.is_dir():
            print(f"  {folder}: is missing, so nothing is measured on it")
            continue
        paths = sorted(folder.rglob("*.jpg"))
        random.Random(1).shuffle(paths)
        found = []
        for path in paths[: options.photographs]:
            try:
                found.append(said(path.read_bytes(), document=True))
            except ValueError as error:
                print(f"  {path.name}: {error}")
        report(folder.name, found)

    print("forged words: pixel AUROC, and share of pages found")
    for quality in SAVED:
        genuine = [said(saved(each.picture, quality), document=True) for each in pages]
        report(f"genuine pages, {label(quality)}", genuine)
        for kind, forge in KINDS.items():
            areas, seen = [], 0
            for number, page in enumerate(pages):
                other = pages[(number + 2) % len(pages)]
                forged = forge(page, other, np.random.default_rng(number))
                findings = said(saved(forged.picture, quality), document=True)
                shown = [each for each in findings["document_regions"].evidence if isinstance(each, Map)]
                if not shown:
                    continue
                cells = np.nan_to_num(shown[0].values, nan=-1.0)
                height, width = forged.mask.shape
                values = np.kron(cells, np.ones((8, 8)))[:height, :width]
                areas.append(auroc(values[forged.mask], values[~forged.mask]))
                seen += any(
                    (findings[name].score or 0) >= LIMITS[name] for name in ("document_regions", "document_copies")
                )
            print(f"  {kind:9s} {label(quality):8s} {np.mean(areas):.3f}  {seen} of {len(areas)}", flush=True)


def label(quality: int | None) -> str:
    """Return how a file was saved, in words."""
    return "PNG" if quality is None else f"JPEG {quality}"


def report(name: str, found: list[dict[str, Finding]]) -> None:
    """Print how many scores reach their limits, and the largest."""
    told = defaultdict(list)
    for one in found:
        for slug, each in one.items():
            if each.score is not None:
                told[slug].append(each.score)
    counts = ", ".join(
        f"{slug} {sum(each >= LIMITS[slug] for each in values)} of {len(values)} (most {max(values):.2f})"
        for slug, values in sorted(told.items())
    )
    print(f"  {name}: {len(found)} files; {counts}", flush=True)


if __name__ == "__main__":
    main()
