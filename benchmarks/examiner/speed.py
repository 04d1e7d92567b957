"""Benchmark: seconds and memory of the examination of a photograph of 12 megapixels, with and without a network.

    python -m benchmarks.examiner.speed [PHOTO] [--config FILE] [--generation NAME] [--run RUN] [--times 3]

PHOTO (default: one of 12 MP from `../shared/photos/originals` beside the repository, else a made one) is examined in a
sandbox, as `examine` does it: without anything, then with the generation and the network that are named. `CPU` is what
the examination itself has taken in all threads; `start` is what the process takes until it can examine, once for all
files. With --findings each finding is timed in this process, without a network.
"""

import argparse
import io
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.places import ORIGINALS
from examiner.examination import FINDINGS
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.sandbox.worker import Sandbox

WIDTH_PX, HEIGHT_PX = 4032, 3024
GOALS_S = {"without network": 3.0, "with network and maps": 20.0}
GOAL_MB = 1500


def photograph(wanted: Path | None) -> tuple[str, bytes]:
    """Return the name and the bytes of the photograph."""
    for path in [wanted] if wanted else sorted(ORIGINALS.rglob("*.jpg")):
        if wanted or Image.open(path).size in ((WIDTH_PX, HEIGHT_PX), (HEIGHT_PX, WIDTH_PX)):
            return path.name, path.read_bytes()
    random, saved = np.random.default_rng(1), io.BytesIO()
    coarse = Image.fromarray(random.integers(0, 256, (300, 400, 3), np.uint8)).resize((WIDTH_PX, HEIGHT_PX), 3)
    pixels = np.asarray(coarse) + random.normal(0, 4, (HEIGHT_PX, WIDTH_PX, 1))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(saved, "JPEG", quality=95)
    return "a made one", saved.getvalue()


def cpu_s(process: int) -> float:
    """Return the CPU seconds that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(process: int) -> float:
    """Return the most memory that a process has had."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM"))


def measure(what: str, data: bytes, times: int, **settings: object) -> None:
    """Print a row."""
    began_s = time.monotonic()
    with Sandbox(timeout_s=600, **settings) as sandbox:
        start_s = time.monotonic() - began_s
        process = sandbox._process.pid
        walls, cpus = [], []
        for _ in range(times):
            before_s, before_cpu_s = time.monotonic(), cpu_s(process)
            report = sandbox.examine(data, "photo")
            walls.append(time.monotonic() - before_s)
            if report["error"] is not None:
                sys.exit(f"{what}: {report['error']}")
            cpus.append(cpu_s(process) - before_cpu_s)
        peak = peak_mb(process)
    goal_s = GOALS_S[what]
    met = "met" if min(walls) <= goal_s and peak <= GOAL_MB else "MISSED"
    print(f"{what:24} {start_s:8.1f} {min(walls):8.2f} {np.median(walls):8.2f} {min(cpus):8.2f} {peak:9.0f}   "
          f"≤ {goal_s:.0f} s, ≤ {GOAL_MB} MB: {met}")  # fmt: skip


def time_findings(data: bytes) -> None:
    """Print what each finding takes; the second time, so that nothing is loaded or compiled."""
    for _ in range(2):
        opened, rows = Photograph(data), []
        for _, asked in FINDINGS:
            before_s, before_cpu_s = time.monotonic(), time.process_time()
            list(asked(opened, Knowledge()))
            rows.append((asked.__name__, time.monotonic() - before_s, time.process_time() - before_cpu_s))
    print("\nfinding                       wall s    CPU s")
    for name, wall_s, taken_s in sorted(rows, key=lambda row: -row[2]):
        print(f"{name:28} {wall_s:7.2f}  {taken_s:7.2f}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--config", metavar="FILE")
    parser.add_argument("--generation", metavar="NAME")
    parser.add_argument("--run", metavar="RUN")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--findings", action="store_true")
    arguments = parser.parse_args()
    name, data = photograph(arguments.photo)
    print(f"{name}, {len(data) / 1e6:.1f} MB; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n")
    print("                          start s   best s median s    CPU s   peak MB")
    measure("without network", data, arguments.times)
    if arguments.run:
        measure("with network and maps", data, arguments.times, configuration=arguments.config,
                corpus=arguments.generation, run=arguments.run)  # fmt: skip
    if arguments.findings:
        time_findings(data)


if __name__ == "__main__":
    main()
