"""Photographed: whether a camera has taken the picture, and no scanner made it.

luma → True or False. A camera is told by the trace of its colour filter array, where no line sensor's noise repeats.
"""

import numpy as np
from numpy.typing import NDArray

from examiner.detectors.scans.cfa import cfa_trace
from examiner.detectors.scans.line_pattern import line_pattern

SCANNED = 0.24
"""A pattern of lines from here on is a scanner's: between the simulated scanners and the genuine photographs."""
CFA = 6.0
"""Standard errors from which on pixels alternate as a colour filter array makes them."""


def is_photographed(luma: NDArray[np.uint8]) -> bool:
    """Return whether luma (height, width) has a camera's trace and no scanner's.

    A camera whose pictures were made smaller or compressed much has no trace left, so False says little.
    """
    trace = cfa_trace(luma)
    if trace is None or trace < CFA:
        return False
    pattern = line_pattern(luma)
    return pattern is None or max(pattern.columns, pattern.rows) < SCANNED
