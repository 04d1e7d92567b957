"""Benchmark: reads the coefficients of mutated JPEGs; each must give the right ones or a ValueError, never a crash.

    python -m benchmarks.forensics.coder_mutations [FOLDER] [--count 200000] [--seed 1] [--only INDEX]
    NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=/tmp/checked python -m benchmarks.forensics.coder_mutations --count 20000

Mutated are small pictures of all subsamplings with and without restart markers and, from the originals in FOLDER
(default `../shared/photos/originals` beside the repository; left out where it is missing), a tile each with the
original's header. Bits are flipped, bytes overwritten, deleted, inserted and spliced, files cut, and lengths, sizes,
tables and restart markers attacked. Where coefficients are read, they are written as a whole picture again, whose
pixels must equal those of the mutated file; both are decoded by libjpeg-turbo, and files that it warns of are counted.
A mutation depends on seed and index alone: `--only INDEX` repeats it. With NUMBA_BOUNDSCHECK=1 every index is checked.
Exit code 1: an exception other than ValueError, or pixels that differ.
"""

import argparse
import io
import os
import random
import re
import resource
import sys
import time
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.forensics.mutation_loop import mutated, tried
from benchmarks.places import ORIGINALS
from forensics.coefficients import read_coefficients, write_rectangle
from forensics.errors import JpegError
from forensics.pixels.decoding import decode_whole

SLOW_MS = 250.0
TILE_PX = 192
LIBJPEG_MAX_PX = 4_000_000
"""Pictures of more pixels are not decoded for the comparison."""
HEADER_BYTES_MAX = 20_000
_MARKER = re.compile(rb"\xff[\xc0-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


def flip(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Flip single bits."""
    for _ in range(chance.randint(1, 8)):
        data[place(data, chance)] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Overwrite bytes with random ones or with a run of one extreme byte."""
    at, length = place(data, chance), chance.choice((1, 2, 4, 12, 64, 500))
    new = chance.randbytes(length) if chance.random() < 0.5 else chance.choice((b"\0", b"\x80", b"\xff")) * length
    data[at : at + length] = new[: len(data) - at]


def delete(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Delete bytes."""
    at = place(data, chance)
    del data[at : min(at + chance.choice((1, 2, 3, 16, 1000)), len(data) - 1)]


def insert(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Insert random bytes or a part of the same file."""
    at, length, source = place(data, chance), chance.choice((1, 2, 12, 100, 5000)), place(data, chance)
    data[at:at] = chance.randbytes(length) if chance.random() < 0.5 else data[source : source + length]


def attack_segments(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Overwrite bytes just behind a marker: lengths, sizes, factors, numbers of tables and of codes by length."""
    markers = [found.start() for found in _MARKER.finditer(data, 2)]
    for at in chance.sample(markers, min(len(markers), chance.randint(1, 3))):
        where = at + chance.choice((1, 2, 3, chance.randrange(2, 40)))
        if where < len(data):
            data[where] = chance.choice((0, 1, 2, 3, 16, 17, 0x22, 0x44, 0x7F, 0xFF, chance.randrange(256)))


def attack_restarts(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Renumber, delete, double or insert restart markers, or set an interval."""
    markers = [found.start() for found in _RESTART.finditer(data)]
    if not markers or chance.random() < 0.2:
        at = place(data, chance)
        data[at:at] = chance.choice((b"\xff\xd0", b"\xff\xdd\0\4\0" + bytes((chance.randrange(9),)), b"\xff\xff\xd1"))
        return
    at = chance.choice(markers)
    what = chance.randrange(4)
    if what == 0:
        data[at + 1] = 0xD0 + chance.randrange(8)
    elif what == 1:
        del data[at : at + 2]
    elif what == 2:
        data[at:at] = data[at : at + 2]
    else:
        del data[at : chance.choice(markers)]


def cut(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Cut off the end, sometimes with an end marker after it."""
    del data[place(data, chance) :]
    if chance.random() < 0.5:
        data += b"\xff\xd9"


def splice(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Replace the end by that of another file."""
    other = chance.choice(others)
    data[place(data, chance) :] = other[chance.randrange(len(other)) :]


def pad(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    """Insert a few bytes before the last marker, as some cameras do."""
    data[-2:-2] = chance.choice((bytes(chance.randrange(1, 200)), chance.randbytes(chance.randrange(1, 16))))


MUTATIONS = (flip, overwrite, delete, insert, attack_segments, attack_segments, attack_restarts, cut, splice, pad)


def place(data: bytearray, chance: random.Random) -> int:
    """Return a place in the data, half the time within the first 700 bytes, the header of the small pictures."""
    return chance.randrange(min(len(data), 700) if chance.random() < 0.5 else len(data)) if data else 0


def pictures(folder: Path) -> list[bytes]:
    """Return the small pictures to mutate, and tiles of the originals with the originals' headers."""
    generator = np.random.default_rng(1)
    made = []
    for number, subsampling in enumerate(("4:4:4", "4:2:2", "4:2:0", "grey") * 6):
        width_px, height_px = generator.integers(8, 150, 2)
        coarse = generator.integers(0, 256, (height_px // 8 + 1, width_px // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
        pixels = coarse[:height_px, :width_px] * 0.8 + generator.integers(0, 50, (height_px, width_px, 3))
        image, options = Image.fromarray(pixels.astype(np.uint8)), {"quality": (60, 80, 95)[number % 3]}
        if subsampling == "grey":
            image = image.convert("L")
        else:
            options["subsampling"] = subsampling
        if number % 2:
            options["restart_marker_blocks"] = int(generator.integers(1, 9))
        stream = io.BytesIO()
        image.save(stream, "JPEG", optimize=number % 3 == 0, **options)
        made.append(stream.getvalue())
    for path in sorted(folder.rglob("*.jpg"))[::4] if folder.is_dir() else ():
        original = path.read_bytes()
        photo = read_coefficients(original)
        tile = write_rectangle(photo, 0, 0, TILE_PX, TILE_PX, restart_mcus=len(made) % 3)
        header = original[2 : original.rindex(b"\xff\xdb", 0, original.rindex(b"\xff\xda"))]
        made.append(tile[:2] + (header if len(header) < HEADER_BYTES_MAX else b"") + tile[2:])
    return [data for data in made if is_read(data)]


def is_read(data: bytes) -> bool:
    """Whether the coefficients of a file are read."""
    try:
        read_coefficients(data)
    except ValueError:
        return False
    return True


def is_decoded(data: bytes) -> bool:
    """Whether libjpeg decodes a file without a warning other than those of harmless oddities."""
    try:
        decode_whole(data, "GRAY", min_factor=8, min_height=1, min_width=1)
    except ValueError:
        return False
    return True


def plain(reason: str) -> str:
    """Return a reason without its numbers, so that reasons can be counted."""
    return re.sub(r"0x[0-9A-Fa-f]+|(?<![A-Za-z])[0-9]+(x[0-9]+)*|[0-9]+", "N", reason.partition(": it begins")[0])[:70]


def check(data: bytes) -> str:
    """Read the bytes, compare what was read with libjpeg's pixels, and return the outcome."""
    try:
        photo = read_coefficients(data)
    except ValueError as error:
        reason = plain(error.what if isinstance(error, JpegError) else str(error))
        return f"refused: {reason}" if not is_decoded(data) else f"refused, though libjpeg reads it: {reason}"
    frame = photo.frame
    if frame.width_px * frame.height_px > LIBJPEG_MAX_PX:
        return "read, not compared: large"
    try:
        whole = write_rectangle(photo, 0, 0, frame.width_px, frame.height_px)
    except ValueError:
        return "read, not compared: out of the baseline range"
    colours = "GRAY" if len(photo.components) == 1 else "RGB"
    ours = simplejpeg.decode_jpeg(whole, colours, strict=True)
    try:
        theirs, outcome = decode_whole(data, colours).picture, "read, and libjpeg agrees"
    except ValueError as error:
        try:
            theirs = simplejpeg.decode_jpeg(data, colours, strict=False)
        except ValueError:
            return f"read, but libjpeg fails: {plain(str(error))}"
        outcome = f"read, and libjpeg agrees, but warns: {plain(str(error))}"
    if not np.array_equal(ours, theirs):
        raise AssertionError(f"pixels differ: {outcome}")
    return outcome


def main() -> None:
    """Mutate, read, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="repeat the mutation of this index alone and let it raise")
    arguments = parser.parse_args()
    originals = pictures(arguments.folder)
    if arguments.only is not None:
        print(check(mutated(arguments.seed, arguments.only, originals, MUTATIONS)))
        return
    checked = "with" if os.environ.get("NUMBA_BOUNDSCHECK") == "1" else "without"
    print(f"{arguments.count} mutations of {len(originals)} pictures, seed {arguments.seed}, {checked} checked indices")
    started = time.process_time()
    found = tried(
        arguments.count,
        lambda index: mutated(arguments.seed, index, originals, MUTATIONS),
        check,
        slow_ms=SLOW_MS,
        again=f"python -m benchmarks.forensics.coder_mutations --seed {arguments.seed}",
    )
    for outcome, count in found.outcomes.most_common():
        print(f"{count:>8}  {outcome}")
    took_s = time.process_time() - started
    print(f"{arguments.count / took_s:.0f} a CPU second; slowest {found.slowest_ms:.0f} ms (index {found.slowest}; "
          f"{'met' if found.slowest_ms <= SLOW_MS else 'MISSED'}: {SLOW_MS:.0f}); "
          f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")  # fmt: skip
    print(f"unexpected exceptions and different pixels: {found.troubles} ({'met' if not found.troubles else 'MISSED'})")
    sys.exit(1 if found.troubles else 0)


if __name__ == "__main__":
    main()
