"""Gathered: the scores of many photographs → a calibration.

The shares that are found are those that the calibration itself would call unusual, so they hold at the false alarms
that reports speak of. Scores are rounded up: a genuine photograph then never looks rarer than it is.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from corpus.errors import StorageError
from examiner.calibration.combined import INTEGRITY, combined_of_genuine
from examiner.calibration.measured import UNUSUAL, Calibration, Measured, unusual_above, with_strength
from examiner.finding import Detection, Finding

SCORES_MAX = 2000
"""Most scores that are kept of a finding, spread evenly over the ranks, the largest among them."""
_DIGITS = 4
_LARGEST = 1e300


@dataclass(frozen=True)
class Planted:
    """The score of a finding in a photograph that was altered; None where it said nothing."""

    finding: str
    what: str
    score: float | None
    lossless: bool = False
    """Whether the altered photograph was saved without loss."""


@dataclass(frozen=True)
class Part:
    """What was measured on one photograph."""

    photo: str
    device: str
    genuine: Mapping[str, float]
    """By finding; those that said nothing are missing."""
    planted: tuple[Planted, ...] = ()


def part_bytes(part: Part) -> bytes:
    """Return a part as JSON."""
    return json.dumps(asdict(part), sort_keys=True).encode()


def part_of(data: bytes, name: str) -> Part:
    """Return the part of a JSON file; raises StorageError, which names the file, for a damaged one."""
    try:
        stored: dict[str, Any] = json.loads(data)
        genuine = {str(finding): float(score) for finding, score in stored["genuine"].items()}
        planted = tuple(
            Planted(str(one["finding"]), str(one["what"]), one["score"], bool(one["lossless"]))
            for one in stored["planted"]
        )
        return Part(str(stored["photo"]), str(stored["device"]), genuine, planted)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{name}: is damaged ({error}); remove it and give the same command again") from error


def gathered(parts: Sequence[Part], origin: str) -> Calibration:
    """Return the calibration that these photographs give; `origin` says in words which photographs they are."""
    photographs = [
        {name: rounded_up(score) for name, score in part.genuine.items() if not math.isnan(score)} for part in parts
    ]
    scores: dict[str, list[float]] = defaultdict(list)
    devices: dict[str, set[str]] = defaultdict(set)
    for part, photograph in zip(parts, photographs, strict=True):
        for name, score in photograph.items():
            scores[name].append(score)
            devices[name].add(part.device)
    genuine = {name: Measured(tuple(sorted(each)), len(devices[name])) for name, each in sorted(scores.items())}
    tried: dict[tuple[str, str, bool], list[bool]] = defaultdict(list)
    for part in sorted(parts, key=lambda each: each.photo):
        for one in part.planted:
            tried[one.finding, one.what, one.lossless].append(is_found(one, Calibration(origin, genuine)))
    # among few genuine photographs no score is unusual, which says nothing of the method
    found = {
        name: each if unusual_above(each.scores) is None else replace(each, detection=_detections(name, tried))
        for name, each in genuine.items()
    }
    together = combined_of_genuine(photographs, found, len({part.device for part in parts}))
    together = replace(together, scores=tuple(sorted(map(rounded_up, together.scores))))
    if together.scores:
        found[INTEGRITY] = together
    return Calibration(origin, {name: replace(each, scores=thinned(each.scores)) for name, each in found.items()})


def with_kind(calibration: Calibration, kind: Calibration, name: str) -> Calibration:
    """Return a calibration with the findings of another one, which was measured on another kind of genuine picture.

    They keep its origin. What is measured on both kinds stands there twice, that of the other kind as `…_<name>`, and
    so does the combined score: scores of photographs and of other pictures are never ranked among each other. What the
    calibration had of that kind before is replaced.
    """
    before = {each: one for each, one in calibration.findings.items() if not one.origin or each not in kind.findings}
    own = {
        f"{each}_{name}" if each in before or each == INTEGRITY else each: replace(one, origin=kind.origin)
        for each, one in kind.findings.items()
    }
    return replace(calibration, findings={**before, **own})


def of_kind(calibration: Calibration, name: str) -> Calibration:
    """Return the calibration for a picture of another kind, which `with_kind` has named.

    What was measured on that kind as well is ranked among it; other findings keep their combined score beside it.
    """
    own = {
        each.removesuffix(f"_{name}"): one for each, one in calibration.findings.items() if each.endswith(f"_{name}")
    }
    rest = {each: one for each, one in calibration.findings.items() if not each.endswith(f"_{name}")}
    if INTEGRITY in own and INTEGRITY in rest:
        rest[f"{INTEGRITY}_others"] = rest.pop(INTEGRITY)
    return replace(calibration, findings={**rest, **own})


def _detections(finding: str, tried: Mapping[tuple[str, str, bool], Sequence[bool]]) -> tuple[Detection, ...]:
    return tuple(
        Detection(what, round(sum(found) / len(found), 4), len(found), lossless)
        for (name, what, lossless), found in sorted(tried.items())
        if name == finding
    )


def is_found(planted: Planted, calibration: Calibration) -> bool:
    """Return whether what was planted gets a score that is unusual."""
    if planted.score is None:
        return False
    finding = Finding(planted.finding, "history", "", "expected", planted.score)
    strength = with_strength(finding, calibration).strength
    return strength is not None and strength.false_alarm_rate <= UNUSUAL


def rounded_up(score: float) -> float:
    """Return the score with 4 significant digits, not below it."""
    if score == 0 or not math.isfinite(score):
        return max(-_LARGEST, min(_LARGEST, score)) + 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(score))) - _DIGITS + 1)
    up = math.ceil(score / unit) * unit if unit > 0 else score
    near = float(f"{up:.{_DIGITS}g}")
    return near if near >= score else score


def thinned(ordered: Sequence[float]) -> tuple[float, ...]:
    """Return at most SCORES_MAX of the scores, from small to large: those at evenly spaced ranks, with the largest."""
    number = len(ordered)
    if number <= SCORES_MAX:
        return tuple(ordered)
    return tuple(ordered[-(-number * (rank + 1) // SCORES_MAX) - 1] for rank in range(SCORES_MAX))
