"""Benchmark: CPU time to read the facts of photographs, beside ExifTool and ImageMagick asked for the like.

    python benchmarks/facts.py [FOLDER]

FOLDER (default `../shared/photos/originals` beside the repository) is searched for .jpg files. The files are read
once beforehand, so that all find them in the page cache. Times are user and system CPU time; other programs run
one batch over all files, so their start counts once. ImageMagick reads neither EXIF nor XMP here.
"""

import argparse
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from forensics.errors import HeaderIncomplete
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

FIRST_READ_BYTES = 64 * 1024
OURS_ROUNDS = 10
EXIFTOOL_TAGS = [
    "-Make", "-Model", "-Software", "-ProcessingSoftware", "-SerialNumber", "-DateTimeOriginal", "-ModifyDate",
    "-ExifImageWidth", "-ExifImageHeight", "-Orientation", "-ImageWidth", "-ImageHeight", "-YCbCrSubSampling",
    "-EncodingProcess", "-CreatorTool", "-HistorySoftwareAgent", "-Comment", "-JPEGDigest", "-JPEGQualityEstimate",
]  # fmt: skip


def read_header(path: Path) -> PhotoFacts:
    """Return the facts of one file, reading no more of it than its header needs."""
    with path.open("rb") as file:
        data = file.read(FIRST_READ_BYTES)
        while True:
            try:
                return read_facts(data, whole=False)
            except HeaderIncomplete as more:
                data += file.read(max(more.needed_bytes - len(data), FIRST_READ_BYTES))


def read_whole(path: Path) -> PhotoFacts:
    """Return the facts of one file, its end included."""
    return read_facts(path.read_bytes(), whole=True)


def cpu_s_of_ours(read: Callable[[Path], PhotoFacts], paths: list[Path], rounds: int) -> float:
    """Return the CPU seconds of this process for all paths once."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(rounds):
        for path in paths:
            read(path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / rounds


def cpu_s_of_command(command: list[str], paths: list[Path]) -> float | str:
    """Return the CPU seconds of a command that takes all paths, or why there are none."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} not found"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr.strip()[:100]}"
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print one table."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "photos" / "originals"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=beside)
    folder = parser.parse_args().folder
    paths = sorted(folder.rglob("*.jpg"))
    if not paths:
        sys.exit(f"no .jpg files below {folder}: name a folder that has some")
    for path in paths:
        read_whole(path)
    rows: list[tuple[str, float | str]] = [
        ("forensics, header", cpu_s_of_ours(read_header, paths, OURS_ROUNDS)),
        ("forensics, whole file", cpu_s_of_ours(read_whole, paths, 2)),
        ("exiftool, batch", cpu_s_of_command(["exiftool", "-q", "-json", *EXIFTOOL_TAGS], paths)),
        ("exiftool -fast2, batch", cpu_s_of_command(["exiftool", "-q", "-fast2", "-json", *EXIFTOOL_TAGS], paths)),
        ("identify -ping, batch", cpu_s_of_command(["identify", "-ping", "-format", "%w %h %Q\n"], paths)),
    ]
    ours_s = float(rows[0][1])
    size_mb = sum(path.stat().st_size for path in paths) / 1e6
    print(f"{len(paths)} photographs, {size_mb:.0f} MB, of {folder.name}/\n")
    print(f"{'reader':<24}{'ms a photo':>12}{'photos/s/core':>15}{'to ours':>10}")
    for name, cpu_s in rows:
        if isinstance(cpu_s, str):
            print(f"{name:<24}{cpu_s}")
            continue
        print(f"{name:<24}{1000 * cpu_s / len(paths):>12.3f}{len(paths) / cpu_s:>15.0f}{cpu_s / ours_s:>10.1f}")


if __name__ == "__main__":
    main()
