"""Combined: how rare the rarest finding of a photograph is among genuine photographs, all tests taken together.

Of many tests, each of which calls 1 % of genuine photographs unusual, one calls far more of them so. The combined score
is the greatest rarity of all tests, and what it is worth is measured like any other score: by ranking it among the
combined scores of genuine photographs, each of which was compared with the other ones. Whatever the tests have in
common is counted in that way (the minimum of p-values with its distribution by resampling: Westfall and Young,
Resampling-Based Multiple Testing, 1993).
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from examiner.calibration.measured import Measured, is_weak

INTEGRITY = "integrity"
"""Name, in a calibration, of the combined score."""

_TAIL = 0.1
_TAIL_MIN = 5


def rarity(score: float, scores: Sequence[float], *, own: bool = False) -> float:
    """Return -log10 of the share of genuine photographs that have a score as large.

    `scores`: theirs, from small to large. `own`: the score is one of them, and is compared with the other ones. Beyond
    the largest, where ranks end, the share falls as in the tail of an exponential distribution, whose mean is that of
    the largest tenth above where this begins: an extrapolation, which serves to order photographs and is never shown.
    """
    first = bisect_left(scores, score)
    as_large, all_of_them = len(scores) - first - own, len(scores) - own
    rank = math.log10((1 + all_of_them) / (1 + as_large))
    if as_large or not all_of_them:
        return rank
    tail = min(max(_TAIL_MIN, round(_TAIL * all_of_them)), all_of_them)
    begins = scores[all_of_them - tail]  # an own score is the last one here
    mean = sum(scores[all_of_them - tail : all_of_them]) / tail - begins
    return rank + (score - scores[all_of_them - 1]) / mean / math.log(10) if mean > 0 else rank


def combined(scores: Mapping[str, float], findings: Mapping[str, Measured], *, own: bool = False) -> float | None:
    """Return the greatest rarity of a photograph's scores, by finding; None where nothing was measured of any.

    Findings that are called weak do not count. `own`: the photograph is one of those that were measured.
    """
    rarities = [
        rarity(score, measured.scores, own=own)
        for name, score in scores.items()
        if (measured := findings.get(name)) and measured.scores and not is_weak(measured.detection)
    ]
    return max(rarities, default=None)


def combined_of_genuine(
    photographs: Iterable[Mapping[str, float]], findings: Mapping[str, Measured], devices: int
) -> Measured:
    """Return what the combined scores of the genuine photographs are whose scores made `findings`.

    `photographs`: of each, its scores by finding. A calibration stores the result as `INTEGRITY` beside its findings.
    """
    scores = [combined(each, findings, own=True) for each in photographs]
    return Measured(tuple(sorted(each for each in scores if each is not None)), devices)
