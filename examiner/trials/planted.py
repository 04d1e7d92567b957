"""Planted: what is done to genuine photographs to measure how often a finding sees it.

One list for `examiner.calibrate` and the benchmarks, so that both measure the same. A trial takes a genuine
JPEG (and another one, for montages) and returns the bytes of the file that the finding should call unusual.
"""

from examiner.trials import claims, copy_move, history, scans, splices
from examiner.trials.trial import Plant, Trial, as_jpeg, opened

__all__ = ["TRIALS", "Plant", "Trial", "as_jpeg", "opened"]

TRIALS: tuple[Trial, ...] = (*claims.TRIALS, *copy_move.TRIALS, *history.TRIALS, *scans.TRIALS, *splices.TRIALS)
