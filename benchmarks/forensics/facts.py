"""Benchmark: CPU time to read the facts of photographs, compared with ExifTool, ImageMagick and decoding.

    python -m benchmarks.forensics.facts [FOLDER] [--decoded 12]

FOLDER (default `../shared/photos/originals` beside the repository) is searched for .jpg files. They are read once
beforehand, so that every program finds them in the page cache. Times are user and system CPU time, reading included;
the time of a file is the median of several rounds. ExifTool and `identify -ping` process all files in one batch, so
their start counts once. Decoding (to RGB by Pillow, and one `identify` process a photo for its quality) is measured on
`--decoded` evenly chosen photographs. ImageMagick reads neither EXIF nor XMP here.
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks.places import ORIGINALS
from forensics.errors import HeaderIncomplete
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

FIRST_READ_BYTES = 64 * 1024
ROUNDS = 15
LONG_HEADER_BYTES = 1_600_000
LONG_HEADERS = 10
"""So many originals are copied with a header of that length."""
CHUNK_BYTES = 65_000
MEDIAN_MS_MAX = 0.4
EXIFTOOL_RATIO_MIN = 10
DECODER_RATIO_MIN = 200
EXIFTOOL_TAGS = [
    "-Make", "-Model", "-Software", "-ProcessingSoftware", "-SerialNumber", "-DateTimeOriginal", "-ModifyDate",
    "-ExifImageWidth", "-ExifImageHeight", "-Orientation", "-ImageWidth", "-ImageHeight", "-YCbCrSubSampling",
    "-EncodingProcess", "-CreatorTool", "-HistorySoftwareAgent", "-Comment", "-JPEGDigest", "-JPEGQualityEstimate",
    "-CreateDate", "-LensSerialNumber", "-ImageUniqueID", "-ColorSpace", "-ExifByteOrder", "-ThumbnailLength",
    "-ProfileDescription", "-NumberOfImages",
]  # fmt: skip


def read_header(path: Path) -> PhotoFacts:
    """Return the facts of one file, reading no more of it than its header needs."""
    with path.open("rb", buffering=0) as file:
        data = file.read(FIRST_READ_BYTES)
        while True:
            try:
                return read_facts(data, whole=False)
            except HeaderIncomplete as more:
                # doubling, so that long headers are not copied and parsed again for each of their segments
                data += file.read(max(more.needed_bytes, 2 * len(data)) - len(data))


def read_whole(path: Path) -> PhotoFacts:
    """Return the facts of one file, its end and the digest of its scans included."""
    return read_facts(path.read_bytes(), whole=True)


def decode_and_identify(path: Path) -> None:
    """Decode the picture and ask ImageMagick for its quality, as other pipelines do."""
    with Image.open(path) as image:
        image.convert("RGB").load()
    subprocess.run(["identify", "-format", "%Q", path], capture_output=True, check=True)


def cpu_s() -> float:
    """Return the CPU seconds of this process and of the children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def ms_by_file(read: Callable[[Path], PhotoFacts], paths: list[Path], rounds: int) -> list[float]:
    """Return the CPU milliseconds of each path, the median of the rounds."""
    times: list[list[int]] = [[] for _ in paths]
    for _ in range(rounds):
        for path, found in zip(paths, times, strict=True):
            before = time.process_time_ns()
            read(path)
            found.append(time.process_time_ns() - before)
    return [statistics.median(found) / 1e6 for found in times]


def ms_of_command(command: list[str], paths: list[Path]) -> float | str:
    """Return the CPU milliseconds a file of a command that takes all paths, or why there are none."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} not found"
    before = cpu_s()
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)
    after = cpu_s()
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr.strip()[:100]}"
    return 1000 * (after - before) / len(paths)


def ms_of_decoder(paths: list[Path]) -> float | str:
    """Return the CPU milliseconds a file of `decode_and_identify`, or why there are none."""
    if shutil.which("identify") is None:
        return "identify not found"
    before = cpu_s()
    for path in paths:
        decode_and_identify(path)
    return 1000 * (cpu_s() - before) / len(paths)


def with_long_header(jpeg: bytes) -> bytes:
    """Return a JPEG with 1.6 MB of colour profile, in chunks of 65 kB, after its start of image."""
    count = -(-LONG_HEADER_BYTES // CHUNK_BYTES)
    chunks = (b"ICC_PROFILE\0" + bytes((number, count)) + bytes(CHUNK_BYTES) for number in range(1, count + 1))
    segments = b"".join(b"\xff\xe2" + (len(chunk) + 2).to_bytes(2) + chunk for chunk in chunks)
    return jpeg[:2] + segments + jpeg[2:]


def long_header_ms(paths: list[Path]) -> list[float]:
    """Return the CPU milliseconds of each of a few files with headers of 1.6 MB added."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / f"{number}.jpg" for number, _ in enumerate(paths)]
        for copy, path in zip(copies, paths, strict=True):
            copy.write_bytes(with_long_header(path.read_bytes()))
        return ms_by_file(read_header, copies, ROUNDS)


def evenly(paths: list[Path], count: int) -> list[Path]:
    """Return about `count` of the paths, every k-th."""
    return paths[:: max(1, len(paths) // count)][:count]


def verdict(is_met: bool) -> str:
    """Return the word beside a target."""
    return "met" if is_met else "MISSED"


def main() -> None:
    """Measure and print one table, and the targets beside it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ORIGINALS)
    parser.add_argument("--decoded", type=int, default=12, help="photographs the decoder's way is measured on")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.rglob("*.jpg"))
    if not paths:
        sys.exit(f"no .jpg files below {arguments.folder}: name a folder that has some")
    for path in paths:
        read_whole(path)
    header_ms = ms_by_file(read_header, paths, ROUNDS)
    whole_ms = ms_by_file(read_whole, paths, 3)
    long_ms = long_header_ms(evenly(paths, LONG_HEADERS))
    decoded = evenly(paths, arguments.decoded)
    others = {
        "exiftool, batch": ms_of_command(["exiftool", "-q", "-json", *EXIFTOOL_TAGS], paths),
        "exiftool -fast2, batch": ms_of_command(["exiftool", "-q", "-fast2", "-json", *EXIFTOOL_TAGS], paths),
        "identify -ping, batch": ms_of_command(["identify", "-ping", "-format", "%w %h %Q\n"], paths),
        f"decode + identify, of {len(decoded)}": ms_of_decoder(decoded),
    }
    ours_ms = statistics.mean(header_ms)
    size_mb = sum(path.stat().st_size for path in paths) / 1e6
    print(f"{len(paths)} photographs, {size_mb:.0f} MB, of {arguments.folder.name}/; CPU ms a photo\n")
    print(f"{'reader':<28}{'median':>9}{'mean':>9}{'worst':>9}{'mean to ours':>15}")
    for name, times in (("forensics, header", header_ms), ("forensics, whole file", whole_ms),
                        (f"forensics, 1.6 MB headers ({len(long_ms)})", long_ms)):  # fmt: skip
        mean = statistics.mean(times)
        print(f"{name:<28}{statistics.median(times):>9.3f}{mean:>9.3f}{max(times):>9.3f}{mean / ours_ms:>15.1f}")
    for name, ms in others.items():
        print(f"{name:<28}{ms}" if isinstance(ms, str) else f"{name:<28}{'':>9}{ms:>9.3f}{'':>9}{ms / ours_ms:>15.1f}")
    median = statistics.median(header_ms)
    print(f"\nheader, median: {median:.3f} ms, target {MEDIAN_MS_MAX} at most: {verdict(median <= MEDIAN_MS_MAX)}")
    for name, target in (("exiftool, batch", EXIFTOOL_RATIO_MIN), (list(others)[-1], DECODER_RATIO_MIN)):
        ms = others[name]
        if not isinstance(ms, str):
            print(f"{name}: {ms / ours_ms:.0f} x ours, target {target} at least: {verdict(ms / ours_ms >= target)}")


if __name__ == "__main__":
    main()
