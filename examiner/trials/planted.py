"""Planted: what is done to genuine photographs to measure how often a finding sees it.

One list for `examiner.calibrate` and the benchmarks, so that both measure the same. A trial takes a genuine
JPEG (and another one, for montages) and returns the bytes of the file that the finding should call unusual.
"""

import numpy as np

from examiner.trials import copy_move
from examiner.trials.trial import Plant, Trial, as_jpeg, opened


def cropped_between(first: int, second: int) -> Plant:
    """Return a plant that saves at `first`, crops off the grid of blocks, and saves at `second`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = opened(as_jpeg(opened(genuine), first))
        left, top = (int(each) for each in random.choice([1, 2, 3, 5, 6, 7], 2))
        return as_jpeg(picture.crop((left, top, *picture.size)), second)

    return plant


TRIALS: tuple[Trial, ...] = (
    *(
        Trial("shifted_grid", f"saved at {first}, cropped, saved at {second}", cropped_between(first, second))
        for first in (60, 75, 90)
        for second in (75, 90, 98)
    ),
    *copy_move.TRIALS,
)
