"""Benchmark: distinct numbers in order, by sorting and by NumPy's own functions; print the ratio of their times.

    python -m benchmarks.curation.distinct_numbers

Whole numbers of 64 bits, all distinct or each a hundred times, the fastest of five of each kind in turn.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from curation.judging.arrays.ordered import setdiff1d, unique

_SIZES = (3_000, 30_000, 300_000, 1_000_000)
_TURNS = 5


def fastest_s(*functions: Callable[[], Any]) -> list[float]:
    """Return the least CPU time of each function; they take turns."""
    found = [float("inf")] * len(functions)
    for _ in range(_TURNS):
        for place, function in enumerate(functions):
            began_s = time.process_time()
            function()
            found[place] = min(found[place], time.process_time() - began_s)
    return found


def main() -> None:
    """Run the benchmark."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    random = np.random.default_rng(1)
    print(f"NumPy {np.__version__}")
    for size in _SIZES:
        for repeated in (1, 100):
            numbers = random.integers(0, 1 << 63, size // repeated, np.uint64).repeat(repeated)
            random.shuffle(numbers)
            few = numbers[: size // 10].copy()
            theirs, ours = fastest_s(lambda of=numbers: np.unique(of), lambda of=numbers: unique(of))
            less, ours_less = fastest_s(
                lambda of=numbers, but=few: np.setdiff1d(of, but), lambda of=numbers, but=few: setdiff1d(of, but)
            )
            print(f"{size:>9,} numbers, each {repeated:>3} times: unique {ours * 1e3:8.3f} ms, NumPy's "
                  f"{theirs / ours:5.1f} times as long; setdiff1d {ours_less * 1e3:8.3f} ms, NumPy's "
                  f"{less / ours_less:5.1f} times")  # fmt: skip


if __name__ == "__main__":
    main()
