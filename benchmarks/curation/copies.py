"""Benchmark: how many altered copies of real photographs the search for copies finds, and which pairs it finds falsely.

    python -m benchmarks.curation.copies [FOLDER] [--photos N] [--processes N] [--simulated N]

FOLDER (default `../shared/photos/originals` beside the repository) is searched for .jpg files straight from cameras.
Each is turned, brightened, cropped and saved again by Pillow, which writes the camera's EXIF into the copy. A copy is
found by its look (equal or near perceptual hashes), or by the shot that its EXIF states. `--simulated` measures N
photographs of the demo's cameras instead.
"""

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from PIL import Image, ImageEnhance

from benchmarks.places import ORIGINALS
from corpus.records import JudgedRow, full_row
from corpus.sections import Curation
from curation.facts.pixels import pixel_facts
from curation.judging.columns.verdicts import shot_of
from curation.judging.copies.members import COLUMNS, coarseness, members_from, members_of
from curation.judging.copies.pairs import PAIRS, SCAN, SHOT, keys_of, pairs_of
from curation.judging.verdict import VERDICT
from curation.rules import software_signs
from demo.uploads.make import make_uploads
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts
from forensics.pixels.perceptual_hash import orientations

ORIGINAL = "original"
Transpose = Image.Transpose


class Seen(NamedTuple):
    """One file: which photograph it shows, which version of it, and what is known of it."""

    photo: str
    version: str
    facts: PhotoFacts
    hashed: str | None


def cropped(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Return the picture without these shares of its sides, scaled back to its size."""
    width, height = image.size
    box = (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    return image.crop(box).resize(image.size, Image.Resampling.BICUBIC)


def versions(image: Image.Image) -> Iterator[tuple[str, Image.Image, int]]:
    """Yield the name of each version, its picture and the quality at which it is saved."""
    yield "saved at 98", image, 98
    yield "saved at 80", image, 80
    yield "turned by -90 degrees, 95", image.transpose(Transpose.ROTATE_270), 95
    yield "turned by 180 degrees, 98", image.transpose(Transpose.ROTATE_180), 98
    yield "mirrored, 98", image.transpose(Transpose.FLIP_LEFT_RIGHT), 98
    yield "mirrored and turned, 90", image.transpose(Transpose.TRANSVERSE), 90
    yield "10 % brighter, 98", ImageEnhance.Brightness(image).enhance(1.1), 98
    yield "20 % brighter, 98", ImageEnhance.Brightness(image).enhance(1.2), 98
    yield "20 % brighter and turned, 98", ImageEnhance.Brightness(image).enhance(1.2).transpose(Transpose.ROTATE_90), 98
    yield "1.5 % off each side, 98", cropped(image, 0.015, 0.015, 0.015, 0.015), 98
    yield "3 % off each side, 98", cropped(image, 0.03, 0.03, 0.03, 0.03), 98
    yield "3 % off left and top, 98", cropped(image, 0.03, 0.03, 0, 0), 98
    yield "3 % off left, 98", cropped(image, 0.03, 0, 0, 0), 98
    yield "1.5 % off each side, turned, 98", cropped(image, *[0.015] * 4).transpose(Transpose.ROTATE_90), 98


def seen(photo: str, version: str, data: bytes) -> Seen:
    """Return what is known of a file."""
    facts = read_facts(data, whole=True)
    return Seen(photo, version, facts, pixel_facts(data, facts, "decoded").get("perceptual_hash"))


def measure(path: Path) -> list[Seen]:
    """Return one photograph and its versions."""
    data = path.read_bytes()
    found = [seen(path.name, ORIGINAL, data)]
    with Image.open(io.BytesIO(data)) as opened:
        exif, image = opened.info.get("exif", b""), opened.convert("RGB")
    for name, picture, quality in versions(image):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, exif=exif)
        found.append(seen(path.name, name, file.getvalue()))
    return found


def pairs_found(files: list[Seen]) -> list[tuple[int, int, int]]:
    """Return the pairs of copies among files as the judgement finds them, by place: (first, second, kind)."""
    columns = {
        "scans": [one.facts.scan_digest for one in files],
        "hashes": [one.hashed for one in files],
        "shots": [shot_of(one.facts) for one in files],
    }
    keys = keys_of(np.arange(len(files), dtype=np.uint64), [None] * len(files), **columns)
    rows = pa.Table.from_pylist([row_of(one, place) for place, one in enumerate(files)], VERDICT)
    members = members_from(members_of(rows))
    pairs = pairs_of(keys, Curation().near_bits)
    found = zip(*(pairs[name].to_pylist() for name in PAIRS.names), strict=True)
    return [
        (first, second, kind) for first, second, kind in found
        if kind != SCAN and (kind != SHOT or members[first].is_same_shot(members[second]))
    ]  # fmt: skip


def row_of(one: Seen, place: int) -> dict[str, Any]:
    """Return the columns of a verdict that make a member."""
    said = {name: getattr(one.facts, name) for name in COLUMNS if hasattr(one.facts, name)}
    signs = {"coarseness": coarseness(one.facts), "software_signs": software_signs(one.facts)}
    extra = {"is_proved": False, "kept_before": False}
    row = full_row(JudgedRow, {"id": place, "photo": one.photo, "version": one.version, "group": "", "reasons": []})
    return {**row, **said, **signs, **extra}


def distance(one: str, other: str) -> tuple[int, int]:
    """Return the distance of two hashes upright, and the least of all orientations."""
    first, second = (np.frombuffer(bytes.fromhex(text), np.uint8) for text in (one, other))
    bits = np.bitwise_count(orientations(first[None])[:, 0] ^ second).sum(axis=1, dtype=int)
    return int(bits[0]), int(bits.min())


def print_table(files: list[Seen]) -> None:
    """Print how many copies of each kind are found, and the nearest pairs of different photographs.

    Each kind is searched for among the originals by itself: of equal pictures only one stands for all in a search.
    """
    originals = [one for one in files if one.version == ORIGINAL]
    print(
        f"{'version':<32}{'photos':>7}{'median bits':>12}{'95 %':>6}{'most':>6}{'by look':>9}{'or shot':>9}{'false':>7}"
    )
    for version in dict.fromkeys(one.version for one in files if one.version != ORIGINAL):
        own = {one.photo: one for one in files if one.version == version and one.hashed}
        pairs = [(one, own[one.photo]) for one in originals if one.hashed and one.photo in own]
        bits = [distance(one.hashed or "", other.hashed or "")[1] for one, other in pairs]
        together = [*originals, *own.values()]
        look, found, false = set(), set(), 0
        for first, second, kind in pairs_found(together):
            if together[first].photo == together[second].photo:
                found.add(together[first].photo)
                look |= {together[first].photo} if kind != SHOT else set()
            else:
                false += together[first].version != ORIGINAL or together[second].version != ORIGINAL
        middle, most = np.percentile(bits, (50, 95))
        shares = f"{len(look) / len(pairs):>9.3f}{len(found) / len(pairs):>9.3f}"
        print(f"{version:<32}{len(pairs):>7}{middle:>12.0f}{most:>6.0f}{max(bits):>6}{shares}{false:>7}")
    apart = [distance(a, b) for a, b in combinations([one.hashed for one in originals if one.hashed], 2)]
    upright, least = (" ".join(map(str, sorted(side)[:12])) for side in zip(*apart, strict=True))
    kinds = [kind for *_, kind in pairs_found(originals)]
    print(f"\n{len(apart)} pairs of different photographs; bits of the nearest upright: {upright} ...")
    print(f"  in any orientation: {least} ...")
    print(f"  found as copies: {sum(kind != SHOT for kind in kinds)} by look, {len(kinds)} by look or shot")
    print("`false`: pairs of a version and another photograph")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--photos", type=int, help="the most photographs to measure, taken evenly")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--simulated", type=int, help="measure so many photographs of the demo's cameras")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shutterprint-copies-") as drawn:
        if arguments.simulated:
            uploads = make_uploads(Path(drawn), -(-arguments.simulated // 20) + 1, 1, arguments.processes)
            genuine = [Path(drawn) / upload.file for upload in uploads if upload.kind == "genuine"]
            paths, limit = sorted(genuine), arguments.simulated
        else:
            paths, limit = sorted(arguments.folder.rglob("*.jpg")), arguments.photos
        if not paths:
            sys.exit(f"no .jpg files below {arguments.folder}: name a folder that has some")
        if limit and limit < len(paths):
            paths = [paths[index * len(paths) // limit] for index in range(limit)]
        with ProcessPoolExecutor(arguments.processes) as processes:
            files = [one for found in processes.map(measure, paths) for one in found]
    print(f"{len(paths)} photographs, {sum(one.hashed is None for one in files)} files without a hash\n")
    print_table(files)


if __name__ == "__main__":
    main()
