"""Combined: how rare the rarest finding of a photograph is among genuine photographs, all tests taken together.

Of many tests, each of which calls 1 % of genuine photographs unusual, one calls far more of them so. The combined score
is the greatest rarity of all tests, and what it is worth is measured like any other score: by ranking it among the
combined scores of genuine photographs, each of which was compared with the other ones. Whatever the tests have in
common is counted in that way (the minimum of p-values with its distribution by resampling: Westfall and Young,
Resampling-Based Multiple Testing, 1993).

Ranks alone end at the largest genuine score: with 24 tests and 200 photographs every tenth genuine photograph has the
largest score of some test. Beyond it, rarity goes on as the tail of the genuine scores does, so that a score far beyond
is told from one that is barely so (docs/decisions/0020-one-verdict-of-many-tests.md).
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from examiner.calibration.measured import Measured, is_weak, saved_alike

INTEGRITY = "integrity"
"""Name, in a calibration, of the combined score. That of findings with an origin of their own is `integrity_…`."""

_TAIL = 0.2
"""Share of the genuine scores whose shape says how rarity goes on beyond the largest."""
_TAIL_MIN = 5
_SHAPE_MAX = 2.0
_EXPONENTIAL = 0.02


def rarity(score: float, scores: Sequence[float], *, own: bool = False) -> float:
    """Return -log10 of the share of genuine photographs that have a score as large.

    `scores`: theirs, from small to large. `own`: the score is one of them, and is compared with the other ones. Beyond
    the largest the share is an extrapolation, which serves to order photographs and is never shown.
    """
    first = bisect_left(scores, score)
    as_large, all_of_them = len(scores) - first - own, len(scores) - own
    rank = math.log10((1 + all_of_them) / (1 + as_large))
    if as_large or not all_of_them:
        return rank
    tail = min(max(_TAIL_MIN, round(_TAIL * all_of_them)), all_of_them)
    return rank + _beyond(score, scores[all_of_them - tail : all_of_them])  # an own score stands behind these


def _beyond(score: float, tail: Sequence[float]) -> float:
    """Return how many powers of ten rarer a score is than the largest of a tail, from small to large.

    The tail is taken for that of a generalised Pareto distribution, whose shape and scale are estimated by probability-
    weighted moments (Hosking and Wallis, Technometrics 29, 1987); a light tail is taken for an exponential one.
    """
    number, begins = len(tail), tail[0]
    excesses = [each - begins for each in tail]
    mean = sum(excesses) / number
    if mean <= 0:
        return 0.0  # all are equal, so nothing says how far beyond them is far
    weighted = sum(each * (1 - (rank - 0.35) / number) for rank, each in enumerate(excesses, 1)) / number
    spread = mean - 2 * weighted
    shape = 2 - mean / spread if spread > 0 else _SHAPE_MAX
    if shape < _EXPONENTIAL:
        return (score - tail[-1]) / mean / math.log(10)
    shape = min(shape, _SHAPE_MAX)
    scale = 2 * mean * weighted / spread if spread > 0 and weighted > 0 else mean
    return math.log10((1 + shape * (score - begins) / scale) / (1 + shape * excesses[-1] / scale)) / shape


def combined(
    scores: Mapping[str, float], findings: Mapping[str, Measured], *, own: bool = False, origin: str = ""
) -> float | None:
    """Return the greatest rarity of a photograph's scores, by finding; None where nothing was measured of any.

    Findings that were measured on other genuine pictures than those of `origin` (empty: the calibration's) do not
    count; weak ones would, so leave them out. `own`: the photograph is one of those that were measured.
    """
    rarities = [
        rarity(score, measured.scores, own=own)
        for name, score in scores.items()
        if (measured := findings.get(name)) and measured.scores and measured.origin == origin
    ]
    return max(rarities, default=None)


def combined_of_genuine(
    photographs: Iterable[Mapping[str, float]], findings: Mapping[str, Measured], devices: int
) -> Measured:
    """Return what the combined scores of the genuine photographs are whose scores made `findings`.

    `photographs`: of each, its scores by finding. A calibration stores the result as `INTEGRITY` beside its findings.
    Every finding counts that is not weak in some kind of file. Of a file of another kind fewer count, so its combined
    score never looks rarer than it is.
    """
    reliable = {
        name: each
        for name, each in findings.items()
        if not all(is_weak(saved_alike(each.detection, lossless=lossless)) for lossless in (False, True))
    }
    scores = [combined(each, reliable, own=True) for each in photographs]
    return Measured(tuple(sorted(each for each in scores if each is not None)), devices)
