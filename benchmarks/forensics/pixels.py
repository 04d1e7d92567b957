"""Benchmark: measures the evidence from pixels on real photographs, untouched and saved again, and its cost.

    python -m benchmarks.forensics.pixels [FOLDER] [--photos N] [--processes N]

FOLDER (default `../shared/photos/originals` beside the repository) is searched for .jpg files straight from cameras.
The central 560 px square of each is saved again in known ways (Pillow, IJG tables, 4:2:0). For the hashes, which are
taken after decoding at 1/8, the whole photograph is saved again. Times are CPU time of this process's threads, the
compiling of kernels left out.
"""

import argparse
import io
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.places import ORIGINALS
from curation.facts.pixels import pixel_facts
from forensics.header import read_facts
from forensics.pixels.decoding import decode_luma
from forensics.pixels.first_quality import FirstQuality, first_quality
from forensics.pixels.grid import CROP_PX, MOST_LOG10_NFA, Grid, grid_evidence, middle_start
from forensics.pixels.perceptual_hash import perceptual_hash

MIDDLE_PX = 560
CROP = (3, 5)
GRID_FIRSTS, GRID_LASTS = ("camera", 70, 80, 90), (90, 95, 98)
QUALITY_FIRSTS = (60, 70, 80, 90)
NEAR_BITS = 32
"""Distance of hashes up to which pictures are near-same."""
OTHER_SCENE_BITS = 64
CAMERA = "camera"


class Findings(NamedTuple):
    """Results for one photograph and its versions, by case."""

    name: str
    camera_factor: int
    grids: dict[Any, Grid | None]
    firsts: dict[Any, FirstQuality | None]
    hashes: dict[str, bytes | None]
    cpu_ms: dict[str, float]


def encode(image: Image.Image, **options: Any) -> bytes:
    """Return the JPEG of a picture."""
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def distance(first: bytes, second: bytes) -> int:
    """Return how many of the 256 bits of two hashes differ."""
    return (int.from_bytes(first) ^ int.from_bytes(second)).bit_count()


def decode(data: bytes) -> Image.Image:
    """Return the picture of a JPEG in RGB."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def luma_of(data: bytes) -> np.ndarray:
    """Return the luma of a JPEG, (height, width)."""
    return simplejpeg.decode_jpeg(data, "GRAY")[..., 0]


def grey_of(data: bytes) -> np.ndarray:
    """Return the luma of a JPEG decoded at 1/8."""
    return simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, min_factor=1)[..., 0]


def told(data: bytes) -> FirstQuality | None:
    """Return the estimated first quality of a JPEG file."""
    return first_quality(luma_of(data), read_facts(data, whole=False).quantisation_tables[0])


def toned(image: Image.Image, gamma: float) -> Image.Image:
    """Return the picture after gamma correction."""
    return image.point([round(255 * (level / 255) ** gamma) for level in range(256)] * 3)


def resized(image: Image.Image, factor: float) -> Image.Image:
    """Return the picture resized by a factor."""
    size = round(image.width * factor), round(image.height * factor)
    return image.resize(size, Image.Resampling.LANCZOS)


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the CPU milliseconds of one call."""
    before = time.process_time()
    work()
    return 1000 * (time.process_time() - before)


def measure(path: Path) -> Findings:
    """Return the results for one photograph and its versions."""
    data = path.read_bytes()
    image = decode(data)
    facts = read_facts(data, whole=False)
    luma, grey, tables = luma_of(data), grey_of(data), facts.quantisation_tables
    left, top = (max(length - MIDDLE_PX, 0) // 16 * 8 for length in image.size)
    middle = image.crop((left, top, left + MIDDLE_PX, top + MIDDLE_PX))
    saved = {CAMERA: middle, **{first: decode(encode(middle, quality=first)) for first in QUALITY_FIRSTS}}

    grids = {("untouched", None): grid_evidence(luma)}
    for first in GRID_FIRSTS:
        cropped = saved[first].crop((*CROP, MIDDLE_PX, MIDDLE_PX))
        for last in GRID_LASTS:
            grids[first, last] = grid_evidence(luma_of(encode(cropped, quality=last)))

    firsts = {("untouched", None): first_quality(luma, tables[0])}
    half = resized(image, 0.5)
    for last in (90, 95):
        firsts["half size", last] = told(encode(half, quality=last))
    for first in QUALITY_FIRSTS:
        firsts[first, 95] = told(encode(saved[first], quality=95))
        firsts[first, CAMERA] = told(encode(saved[first], qtables=[list(table) for table in tables[:2]]))
    return Findings(
        path.name,
        facts.quality_factor,
        grids,
        firsts,
        {"untouched": perceptual_hash(grey)} | versions(image),
        {
            "grid_evidence": cpu_ms(lambda: grid_evidence(luma)),
            "first_quality": cpu_ms(lambda: first_quality(luma, tables[0])),
            "perceptual_hash": cpu_ms(lambda: perceptual_hash(grey)),
            "decoding at 1/8": cpu_ms(lambda: grey_of(data)),
            "decoding to the middle": cpu_ms(lambda: decode_luma(data, middle_start(image.height) + CROP_PX)),
            "pixel_facts, all of it": cpu_ms(lambda: pixel_facts(data, facts, "decoded-grid-first-quality")),
        },
    )


def versions(image: Image.Image) -> dict[str, bytes | None]:
    """Return the hashes of a photograph's versions, all but one decoded at 1/8."""
    width, height = image.size
    off = round(width / 100), round(height / 100)
    files = {
        **{f"saved at {quality}": encode(image, quality=quality) for quality in (50, 70, 90)},
        **{f"x {factor}, saved at 90": encode(resized(image, factor), quality=90) for factor in (0.25, 0.5, 1.5)},
        "x 0.25, saved at 50": encode(resized(image, 0.25), quality=50),
        **{f"gamma {gamma}, saved at 90": encode(toned(image, gamma), quality=90) for gamma in (0.8, 1.2)},
        "1 % cut off all round": encode(
            image.crop((off[0] // 2, off[1] // 2, width - off[0] // 2, height - off[1] // 2)), quality=90
        ),
        "1 % cut off two sides": encode(image.crop((*off, width, height)), quality=90),
    }
    whole = np.asarray(image.convert("L").resize((width // 8, height // 8), Image.Resampling.BOX))
    return {"decoded whole, then reduced": perceptual_hash(whole)} | {
        name: perceptual_hash(grey_of(data)) for name, data in files.items()
    }


def print_grids(found: list[Findings]) -> None:
    """Print how often a photograph's own grid and another grid are found."""
    print(f"\ngrid: another one counts as found at log10(NFA) <= {MOST_LOG10_NFA}; cropped by {CROP}\n")
    print(f"{'first saved at':<20}{'then at':>8}{'own main':>10}{'other':>8}{'in place':>10}{'least log10(NFA)':>25}")
    place = (-CROP[0] % 8, -CROP[1] % 8)
    for first, last in found[0].grids:
        grids = [findings.grids[first, last] for findings in found]
        own = [grid is not None and (grid.x, grid.y) == (0, 0) and grid.log10_nfa < 0 for grid in grids]
        other = [grid is not None and grid.other_log10_nfa <= MOST_LOG10_NFA for grid in grids]
        right = [hit and (grid.other_x, grid.other_y) == place for hit, grid in zip(other, grids, strict=True) if grid]
        least = sorted(grid.other_log10_nfa for grid in grids if grid)[:3]
        print(
            f"{first:<20}{last or '':>8}{np.mean(own):>10.3f}{np.mean(other):>8.3f}{sum(right) / len(grids):>10.3f}"
            f"{' '.join(f'{value:.1f}' for value in least):>25}"
        )


def print_firsts(found: list[Findings]) -> None:
    """Print how often a first quality is estimated, and how often correctly."""
    print("\nfirst quality: aligned; `camera` last means its own tables, of photos whose factor is above the first\n")
    print(f"{'first saved at':<20}{'then at':>8}{'photos':>8}{'told':>8}{'+-2':>8}{'exact':>8}{'least gains':>25}")
    for first, last in found[0].firsts:
        told_of = [
            findings.firsts[first, last] for findings in found if last != CAMERA or findings.camera_factor > first
        ]
        hits = [hit for hit in told_of if hit]
        near, exact = (
            f"{np.mean([hit is not None and abs(hit.factor - first) <= within for hit in told_of]):.3f}"
            if isinstance(first, int)
            else ""
            for within in (2, 0)
        )
        gains = " ".join(f"{gain:.2f}" for gain in sorted(hit.gain for hit in hits)[:3])
        share = len(hits) / max(len(told_of), 1)
        print(f"{first:<20}{last or '':>8}{len(told_of):>8}{share:>8.3f}{near:>8}{exact:>8}{gains:>25}")


def print_hashes(found: list[Findings]) -> None:
    """Print distances within and between photographs, and what a search by bands of bits finds."""
    hashed = [findings for findings in found if findings.hashes["untouched"]]
    print(f"\nperceptual hash: {len(found) - len(hashed)} too plain; near-same is {NEAR_BITS} bits and less\n")
    print(f"{'version':<32}{'photos':>8}{'median':>8}{'95 %':>8}{'largest':>9}{'near':>8}")
    for version in list(found[0].hashes)[1:]:
        bits = [distance(f.hashes["untouched"], f.hashes[version]) for f in hashed if f.hashes[version]]
        within = np.mean(np.array(bits) <= NEAR_BITS)
        middle, most = np.percentile(bits, (50, 95))
        print(f"{version:<32}{len(bits):>8}{middle:>8.0f}{most:>8.0f}{max(bits):>9}{within:>8.3f}")
    originals = [findings.hashes["untouched"] for findings in hashed]
    apart = sorted(distance(one, other) for one, other in combinations(originals, 2))
    print(f"\n{len(apart)} pairs of different photographs, nearest first: {' '.join(map(str, apart[:20]))} ...")

    own = [
        pair for f in hashed for pair in combinations([h for h in f.hashes.values() if h], 2)
        if distance(*pair) <= NEAR_BITS
    ]  # fmt: skip
    others = [pair for pair in combinations(originals, 2) if distance(*pair) > OTHER_SCENE_BITS]
    print(f"\nsearch by exact bands: found of {len(own)} pairs of versions within {NEAR_BITS} bits,")
    print(f"and proposed of {len(others)} pairs of photographs more than {OTHER_SCENE_BITS} bits apart\n")
    print(f"{'bands':<12}{'order of bits':<24}{'found':>10}{'proposed':>12}")
    for bands in (8, 16):
        orders = {"low frequencies first": np.arange(256), "dealt evenly": np.arange(256).reshape(-1, bands).T.ravel()}
        for name, order in orders.items():
            rates = [share_sharing_a_band(pairs, bands, order) for pairs in (own, others)]
            print(f"{bands:>2} x {256 // bands:<7}{name:<24}{rates[0]:>10.4f}{rates[1]:>12.5f}")


def share_sharing_a_band(pairs: list[tuple[bytes, bytes]], bands: int, order: np.ndarray) -> float:
    """Return the share of pairs of hashes that are equal in at least one band of bits."""
    if not pairs:
        return 0.0
    first, second = (
        np.unpackbits(np.frombuffer(b"".join(side), np.uint8)).reshape(-1, 256) for side in zip(*pairs, strict=True)
    )
    differs = (first != second)[:, order].reshape(len(pairs), bands, -1).any(axis=2)
    return float((~differs).any(axis=1).mean())


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--photos", type=int, help="the most photographs to measure, taken evenly")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.rglob("*.jpg"))
    if not paths:
        sys.exit(f"no .jpg files below {arguments.folder}: name a folder that has some")
    if arguments.photos and arguments.photos < len(paths):
        paths = [paths[index * len(paths) // arguments.photos] for index in range(arguments.photos)]
    with ProcessPoolExecutor(arguments.processes) as processes:
        found = list(processes.map(measure, paths))
    print(f"{len(found)} photographs of {arguments.folder.name}/")
    print_grids(found)
    print_firsts(found)
    print_hashes(found)
    print(f"\n{'CPU ms a photo':<24}{'median':>8}{'largest':>9}\n")
    for name in found[0].cpu_ms:
        times = [findings.cpu_ms[name] for findings in found]
        print(f"{name:<24}{np.median(times):>8.1f}{max(times):>9.1f}")


if __name__ == "__main__":
    main()
