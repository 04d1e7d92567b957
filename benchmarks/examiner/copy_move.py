"""How often copied regions are seen at 1 % false alarms, by size and by what was done to them.

    python -m benchmarks.examiner.copy_move GENUINE … [--trials 20] [--genuine 200] [--megapixels 30]

Every .jpg below the folders GENUINE (default `../shared/photos/originals` beside the repository) is asked as it is, up
to `--genuine` of them, and the first `--trials` again with every planted copy of `examiner.trials.copy_move`. It prints
the scores of genuine photographs, the share found above their 99th percentile, and the CPU time of a photograph.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.places import ORIGINALS
from examiner.findings.copy_move import copied_region
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.trials.copy_move import TRIALS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[ORIGINALS])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--genuine", type=int, default=200)
    parser.add_argument("--megapixels", type=float, default=30, help="largest photographs that are asked")
    arguments = parser.parse_args()
    files = [path for folder in arguments.folders for path in sorted(folder.rglob("*.jpg"))]
    if not files:
        print(f"no .jpg file is below {', '.join(map(str, arguments.folders))}; nothing was measured")
        return
    # spread over the folders, so that few photographs are still by many cameras
    files = [files[at] for at in np.random.default_rng(1).permutation(len(files))]
    scores, used, seconds, megapixels = [], [], 0.0, 0.0
    for path in files:
        data = path.read_bytes()
        width, height = Photograph(data).size_px
        if width * height > arguments.megapixels * 1e6:
            continue
        began_s = time.process_time()
        scores.append(score(data))
        seconds, megapixels = seconds + time.process_time() - began_s, megapixels + width * height / 1e6
        used.append((path, data))
        if scores[-1] > 0:
            print(f"{scores[-1]:.3f}  {path}", flush=True)
        if len(used) == arguments.genuine:
            break
    threshold = float(np.quantile(scores, 0.99, method="higher"))
    print(f"{len(scores)} genuine photographs of {megapixels / len(scores):.1f} megapixels in the mean, "
          f"{seconds / len(scores):.2f} CPU seconds each, decoding included")  # fmt: skip
    print(f"{sum(each > 0 for each in scores)} score above 0; 99th percentile {threshold:.3f}", flush=True)
    for trial in TRIALS:
        random, found, skipped = np.random.default_rng(14), [], 0
        for _, data in used[: arguments.trials]:
            try:
                found.append(score(trial.plant(data, data, random)))
            except ValueError:  # too small for so large a copy
                skipped += 1
        share = float(np.mean(np.array(found) > threshold)) if found else float("nan")
        median = float(np.median(found)) if found else float("nan")
        print(f"{trial.what:<34} {share:5.2f} of {len(found)}   median score {median:.2f}", flush=True)


def score(data: bytes) -> float:
    """Return the score of a photograph; 0 where nothing can be said."""
    (found,) = copied_region(Photograph(data), Knowledge())
    return found.score or 0.0


if __name__ == "__main__":
    sys.exit(main())
