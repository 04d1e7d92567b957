"""Benchmark: how often the findings of a file's history see what was planted, at 1 % false alarms, and what they cost.

    python -m benchmarks.examiner.history [FOLDER ...] [--genuine N] [--planted N] [--finding NAME]

Each FOLDER (default `../shared/photos/originals` beside the repository) holds JPEGs straight from cameras; a demo's
`store/originals` does as well. Genuine photographs are scored whole. What `examiner.trials.history` plants is done to
the middle 1024 × 768 px of the first of them, so that a run takes minutes.
"""

import argparse
import io
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.places import ORIGINALS
from examiner.findings.history import double_compression, earlier_jpeg, foreign_grid, resampling, shifted_grid
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.trials.history import TRIALS

SIZE_PX = (1024, 768)
FALSE_ALARMS = 0.01
ASKED: dict[str, Callable[..., Any]] = {
    "shifted_grid": shifted_grid,
    "double_compression": double_compression,
    "uneven_compression": double_compression,
    "foreign_grid": foreign_grid,
    "resampling": resampling,
}


def score(data: bytes, finding: str) -> float | None:
    """Return a finding's score of a file; None where it says nothing."""
    found = ASKED[finding](Photograph(data), Knowledge())
    return next((each.score for each in found if each.name == finding), None)


def middle(data: bytes) -> bytes:
    """Return the middle of a photograph, its corner on the grid, as a JPEG of quality 96."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    left, top = (max(length - most, 0) // 32 * 16 for length, most in zip(picture.size, SIZE_PX, strict=True))
    saved = io.BytesIO()
    cut = picture.crop((left, top, min(left + SIZE_PX[0], picture.width), min(top + SIZE_PX[1], picture.height)))
    cut.save(saved, "JPEG", quality=96)
    return saved.getvalue()


def cost(data: bytes) -> None:
    """Print the CPU seconds of each finding for one photograph, decoding apart."""
    photograph = Photograph(data)
    photograph.luma.sum()
    print(f"\nCPU seconds for {photograph.size_px[0]}×{photograph.size_px[1]} px, decoded before")
    for asked in (shifted_grid, foreign_grid, earlier_jpeg, double_compression, resampling):
        list(asked(photograph, Knowledge()))
        before = time.process_time()
        list(asked(photograph, Knowledge()))
        print(f"  {asked.__name__:<22}{time.process_time() - before:>6.2f}", flush=True)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[ORIGINALS])
    parser.add_argument("--genuine", type=int, default=200)
    parser.add_argument("--planted", type=int, default=12)
    parser.add_argument("--finding", choices=ASKED, nargs="*", default=list(ASKED))
    arguments = parser.parse_args()
    for folder in arguments.folders:
        paths = sorted(folder.rglob("*.jp*g")) if folder.is_dir() else []
        if not paths:
            print(f"{folder} holds no JPEGs: nothing is measured there.")
            continue
        np.random.default_rng(14).shuffle(paths)
        genuine = [path.read_bytes() for path in paths[: arguments.genuine]]
        print(f"\n{folder}: {len(genuine)} genuine photographs, {arguments.planted} altered in each way")
        for finding in arguments.finding:
            measure(finding, genuine, arguments.planted)
        cost(max(genuine, key=lambda data: Photograph(data).size_px))


def measure(finding: str, genuine: list[bytes], planted: int) -> None:
    """Print the scores of genuine photographs, and the share found of each trial at FALSE_ALARMS."""
    scores = sorted(each for each in (score(data, finding) for data in genuine) if each is not None)
    if not scores:
        print(f"\n{finding}: nothing can be said of any of them")
        return
    threshold = scores[len(scores) - 1 - int(FALSE_ALARMS * len(scores))]
    print(
        f"\n{finding}: of {len(scores)} genuine the median is {np.median(scores):.2f}, the largest "
        f"{', '.join(f'{each:.2f}' for each in scores[:-6:-1])}; found above {threshold:.2f}",
        flush=True,
    )
    parts = [middle(data) for data in genuine[: planted + 1]]
    shares = defaultdict(list)
    for trial in TRIALS:
        if trial.finding == finding:
            for index in range(min(planted, len(parts) - 1)):
                random = np.random.default_rng([14, index])
                seen = score(trial.plant(parts[index], parts[index + 1], random), finding)
                shares[trial.what].append(seen is not None and seen > threshold)
            print(f"  {trial.what:<60}{np.mean(shares[trial.what]):>6.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
