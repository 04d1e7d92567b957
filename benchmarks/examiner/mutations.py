"""Benchmark: examines mutated files of all formats; each must give a report or a sentence, in bounded time and memory.

    python -m benchmarks.examiner.mutations [FOLDER] [--count 100000] [--seed 1] [--jobs 2] [--only INDEX]

Mutated are small made pictures of every kind that is examined (JPEGs with EXIF, thumbnail, profile and a second image;
PNG, TIFF, WebP, HEIC, AVIF, a raw file) and, from the originals in FOLDER (default `../shared/photos/originals` beside
the repository; left out where it is missing), a tile each with the original's header. Bits are flipped, bytes
overwritten, deleted, inserted and spliced, files cut, lengths and numbers attacked; the checksums of PNGs are mended in
half of them, so that decoders see the damage. Files are examined in sandboxes, one a job, as `examine` does it. A
mutation depends on seed and index alone: `--only INDEX` repeats it in this process, and shows the traceback.

Exit code 1: an exception other than ValueError, a process that was ended, a file that took more than 60 s, or a report
that was refused.
"""

import argparse
import io
import random
import re
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

import examiner
from benchmarks.forensics.coder_mutations import attack_restarts, attack_segments, pictures
from benchmarks.forensics.header_mutations import MUTATIONS
from benchmarks.forensics.mutation_loop import mutated
from benchmarks.places import ORIGINALS
from examiner.report.plain import as_dict, text_of
from examiner.sandbox.worker import Sandbox

TROUBLES = re.compile(r"error of this program|ends the process|takes longer|no answer")
TOLD_EVERY = 1000
PNG_START = b"\x89PNG\r\n\x1a\n"


@dataclass
class Outcomes:
    """What came of the files of one job."""

    counted: Counter[str] = field(default_factory=Counter)
    troubles: dict[int, str] = field(default_factory=dict)
    slowest_s: float = 0.0
    slowest: int = 0


def made(seed: int = 1) -> list[bytes]:
    """Return small files of every kind."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (20, 26, 3), np.uint8)).resize((208, 160), 3)
    pixels = np.asarray(coarse) + generator.normal(0, 5, (160, 208, 3))
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112], exif[0x0132] = "Maker", "Model 1", 6, "2019:05:01 12:49:25"
    exif.get_ifd(0x8769)[0x9003] = "2019:05:01 12:49:25"
    exif.get_ifd(0x8825)[1], exif.get_ifd(0x8825)[2] = "N", (48.0, 51.0, 24.0)
    profile = zlib.compress(bytes(500))
    jpegs = [
        saved(picture, "JPEG", quality=90, exif=exif, icc_profile=profile),
        saved(picture, "JPEG", quality=75, progressive=True, subsampling=2),
        saved(picture, "JPEG", quality=95, subsampling=0, exif=with_thumbnail(exif, picture)),
        saved(picture.convert("L"), "JPEG", quality=85),
        saved(picture.convert("CMYK"), "JPEG", quality=85),
        saved(picture, "MPO", save_all=True, append_images=[picture.resize((96, 80))]),
    ]
    others = [
        *(saved(picture, "PNG", exif=exif), saved(picture.convert("RGBA"), "PNG", icc_profile=profile)),
        saved(Image.fromarray(np.asarray(picture)[..., 0].astype(np.uint16) << 8), "PNG"),
        *(saved(picture, "TIFF", compression=how) for how in (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
        *(saved(picture, "WEBP", quality=80, exif=exif), saved(picture, "WEBP", lossless=True, exif=exif)),
        *(saved(picture, "AVIF", quality=70, exif=exif), heic(picture, exif)),
        *(raw(jpegs[0], jpegs[3]), saved(picture, "GIF"), saved(picture, "BMP")),
    ]
    return [*jpegs, *others]


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def with_thumbnail(exif: Image.Exif, picture: Image.Image) -> bytes:
    """Return an EXIF block with a thumbnail in its second directory."""
    block, thumbnail = exif.tobytes(), saved(picture.resize((80, 60)), "JPEG", quality=70)
    tiff = bytearray(block[6:])
    endian = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{endian}I", tiff, 4)
    (number,) = struct.unpack_from(f"{endian}H", tiff, first)
    second = len(tiff)
    struct.pack_into(f"{endian}I", tiff, first + 2 + 12 * number, second)
    entries = ((0x0103, 3, 6), (0x0201, 4, second + 2 + 36 + 4), (0x0202, 4, len(thumbnail)))
    tiff += struct.pack(f"{endian}H", 3)
    for tag, kind, value in entries:
        tiff += struct.pack(f"{endian}HHI", tag, kind, 1)
        tiff += struct.pack(f"{endian}HH", value, 0) if kind == 3 else struct.pack(f"{endian}I", value)
    return bytes(block[:6] + tiff + bytes(4) + thumbnail)


def heic(picture: Image.Image, exif: Image.Exif) -> bytes:
    """Return a picture as a HEIC."""
    import pillow_heif

    coded, stream = pillow_heif.from_pillow(picture), io.BytesIO()
    coded.info["exif"] = exif.tobytes()
    coded.save(stream, quality=70)
    return stream.getvalue()


def raw(*jpegs: bytes) -> bytes:
    """Return a DNG with JPEGs in it."""
    directory = struct.pack("<HHHIIHHIII", 2, 254, 4, 1, 1, 50706, 1, 4, 0x0401, 0)
    return b"II*\0\x08\0\0\0" + directory + b"".join(bytes(50) + each for each in jpegs) + bytes(300)


def mend_png(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Mend the checksums of a PNG's chunks, as far as their lengths lead."""
    at = len(PNG_START)
    while data.startswith(PNG_START) and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            return
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4)
        at = end + 4


def file_of(seed: int, index: int, originals: list[bytes]) -> bytes:
    """Return the mutated file of a seed and an index."""
    data = bytearray(mutated(seed, index, originals, [*MUTATIONS, attack_segments, attack_restarts]))
    if random.Random(f"png {seed}:{index}").random() < 0.5:
        mend_png(data, originals, random.Random(0))
    return bytes(data)


def outcome_of(report: dict[str, object]) -> str:
    """Return a report's kind, or the beginning of its sentence, without numbers."""
    error = report["error"]
    if error is None:
        return f"report of a {report['kind']}"
    return re.sub(r"[0-9]+", "N", str(error))[:60]


def examined(job: int, jobs: int, count: int, seed: int, originals: list[bytes], timeout_s: float) -> Outcomes:
    """Examine every file of one job."""
    found, began_s = Outcomes(), time.monotonic()
    with Sandbox(timeout_s=timeout_s) as sandbox:
        for index in range(job, count, jobs):
            data, before_s = file_of(seed, index, originals), time.monotonic()
            report = sandbox.examine(data, str(index))
            took_s = time.monotonic() - before_s
            outcome = outcome_of(report)
            found.counted[outcome] += 1
            if TROUBLES.search(str(report["error"])):
                found.troubles[index] = str(report["error"])
                print(f"{index}: {report['error']}", flush=True)
            if took_s > found.slowest_s:
                found.slowest_s, found.slowest = took_s, index
            if index % TOLD_EVERY == 0 and index:
                rate = index / (time.monotonic() - began_s)
                print(f"{index:,} of {count:,}, {rate:.1f} files/s", flush=True)
    return found


def main() -> None:
    """Mutate, examine, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout-s", type=float, default=60.0)
    parser.add_argument("--only", type=int, help="repeat the mutation of this index alone and let it raise")
    arguments = parser.parse_args()
    originals = made() + pictures(arguments.folder)
    if arguments.only is not None:
        report = examiner.examine(file_of(arguments.seed, arguments.only, originals), name=str(arguments.only))
        as_dict(report)
        print("\n".join(text_of(report)))
        return
    print(f"{arguments.count:,} mutations of {len(originals)} files, seed {arguments.seed}, {arguments.jobs} jobs")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [
            pool.submit(examined, job, arguments.jobs, arguments.count, arguments.seed, originals, arguments.timeout_s)
            for job in range(arguments.jobs)
        ]
        found = [future.result() for future in futures]
    for outcome, number in sum((each.counted for each in found), Counter()).most_common(40):
        print(f"{number:9,}  {outcome}")
    slowest = max(found, key=lambda each: each.slowest_s)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    troubles = {index: text for each in found for index, text in each.troubles.items()}
    print(f"slowest: {slowest.slowest_s:.1f} s, index {slowest.slowest}; largest process: {peak_mb:.0f} MB")
    print(f"troubles: {len(troubles)} ({'met' if not troubles else 'MISSED'})")
    sys.exit(1 if troubles else 0)


if __name__ == "__main__":
    main()
