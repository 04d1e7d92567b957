"""Benchmark: compares the entropy coder with libjpeg's on real photographs and on files made for it.

    python -m benchmarks.forensics.coder [FOLDER] [--every 1]

FOLDER (default `../shared/photos/originals` beside the repository) is searched for .jpg files. For each baseline one,
the coefficients and tables must equal those that libjpeg-turbo reads through jpeglib (`pip install jpeglib`; left out
where it is missing), the whole photograph written again must decode to the same pixels, and tiles must decode to the
photograph's pixels, but for 8 px at the edges, in simplejpeg, Pillow and OpenCV. The same is asked of files that cjpeg
(Debian: libjpeg-turbo-progs) makes: all subsamplings, odd sizes, restart intervals, one scan and several, standard and
optimised Huffman tables. Exit code 1: anything differs.
"""

import argparse
import io
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from benchmarks.places import ORIGINALS
from forensics.coefficients import Coefficients, read_coefficients, write_rectangle

EDGE_PX = 8
TILE_PX = 512
SAMPLINGS = ("1x1", "2x1", "1x2", "2x2", "4x1", "grey")
SIZES_PX = ((1, 1), (8, 8), (17, 33), (64, 48), (129, 65), (200, 151))
RESTARTS = ("0", "1B", "7B", "1")
SCANS = {"one": "", "three": "0;\n1;\n2;\n", "two": "0;\n1,2;\n"}


def main() -> None:
    """Compare, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--every", type=int, default=1, help="take each so many-th photograph")
    arguments = parser.parse_args()
    outcomes: Counter[str] = Counter()
    paths = sorted(arguments.folder.rglob("*.jpg"))[:: arguments.every]
    for name, jpeg in itertools.chain(((path.name, path.read_bytes()) for path in paths), made_files()):
        kind = "made" if name.startswith("made ") else "real"
        try:
            photo = read_coefficients(jpeg)
        except ValueError as error:
            outcomes[f"{kind}: refused: {error}"] += 1
            continue
        for what, is_equal in compare(jpeg, photo):
            outcomes[f"{kind}: {what}: {'equal' if is_equal else 'DIFFERENT'}"] += 1
            if not is_equal:
                print(f"{name}: {what} differs")
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:>6}  {outcome}")
    sys.exit(1 if any("DIFFERENT" in outcome for outcome in outcomes) or not outcomes else 0)


def compare(jpeg: bytes, photo: Coefficients) -> Iterator[tuple[str, bool]]:
    """Yield what was compared and whether it is equal."""
    theirs = by_libjpeg(jpeg)
    if theirs is not None:
        pairs = zip((*photo.components, *photo.tables), theirs, strict=True)
        yield "coefficients and tables", all(np.array_equal(ours, other) for ours, other in pairs)
    width_px, height_px = photo.frame.width_px, photo.frame.height_px
    whole = pixels(jpeg)
    for restart_mcus in (0, 5):
        again = write_rectangle(photo, 0, 0, width_px, height_px, restart_mcus=restart_mcus)
        yield f"whole, restart markers every {restart_mcus} MCUs", np.array_equal(pixels(again), whole)
        back = read_coefficients(again)
        yield (
            "read again",
            all(np.array_equal(one, other) for one, other in zip(back.components, photo.components, strict=True)),
        )
    mcu_px = photo.frame.mcu_size_px
    size_px = [min(TILE_PX, edge) // mcu * mcu for edge, mcu in zip((width_px, height_px), mcu_px, strict=True)]
    if min(size_px) <= 2 * EDGE_PX:
        return
    for decode in (pixels, by_pillow, by_opencv):
        picture = decode(jpeg)
        for restart_mcus, shift in ((0, 0), (8, 1)):
            x_px, y_px = (
                (edge - size) // (1 + shift) // mcu * mcu
                for edge, size, mcu in zip((width_px, height_px), size_px, mcu_px, strict=True)
            )
            tile = decode(write_rectangle(photo, x_px, y_px, *size_px, restart_mcus=restart_mcus))
            there = picture[y_px : y_px + size_px[1], x_px : x_px + size_px[0]]
            inside = np.s_[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX]
            yield f"tile by {decode.__name__}", np.array_equal(tile[inside], there[inside])


def pixels(jpeg: bytes) -> NDArray[np.uint8]:
    """Return a picture decoded by libjpeg-turbo through simplejpeg."""
    return simplejpeg.decode_jpeg(jpeg, "RGB")


def by_pillow(jpeg: bytes) -> NDArray[np.uint8]:
    """Return a picture decoded by Pillow, which keeps grey ones grey."""
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def by_opencv(jpeg: bytes) -> NDArray[np.uint8]:
    """Return a picture decoded by OpenCV, not turned."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(picture)


def by_libjpeg(jpeg: bytes) -> list[NDArray[np.int16]] | None:
    """Return the coefficients of each component and its table as jpeglib reads them; None without jpeglib."""
    try:
        import jpeglib
    except ImportError:
        return None
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(jpeg)
        file.flush()
        photo = jpeglib.read_dct(file.name)
    blocks = [photo.Y] if photo.Cb is None else [photo.Y, photo.Cb, photo.Cr]
    tables = [photo.qt[number] for number in photo.quant_tbl_no[: len(blocks)]]
    return [*(each.reshape(*each.shape[:2], 64) for each in blocks), *tables]


def made_files() -> Iterator[tuple[str, bytes]]:
    """Yield files made by cjpeg, which differ in all that the coder must know."""
    if shutil.which("cjpeg") is None:
        print("cjpeg is left out: not installed")
        return
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        picture, script = Path(folder) / "picture.ppm", Path(folder) / "scans"
        for (width_px, height_px), sampling, restart, (scans, text) in itertools.product(
            SIZES_PX, SAMPLINGS, RESTARTS, SCANS.items()
        ):
            if sampling == "grey" and text:
                continue
            coarse = generator.integers(0, 256, (height_px // 8 + 1, width_px // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)
            noisy = coarse[:height_px, :width_px] * 0.8 + generator.integers(0, 50, (height_px, width_px, 3))
            Image.fromarray(noisy.astype(np.uint8)).save(picture)
            options = ["-grayscale"] if sampling == "grey" else ["-sample", sampling]
            if text:
                script.write_text(text)
                options += ["-scans", str(script)]
            options += ["-restart", restart, "-quality", str(generator.integers(30, 100))]
            options += ["-optimize"] if generator.integers(2) else []
            made = subprocess.run(["cjpeg", *options, str(picture)], capture_output=True, check=True)
            yield f"made {width_px}x{height_px} {sampling} restart {restart} {scans} scans", made.stdout


if __name__ == "__main__":
    main()
