"""Measured: what scores genuine photographs get, and so what a score is worth.

A calibration is a JSON file: for each finding the scores of genuine photographs, from small to large, and how often the
method finds what was planted. `examiner.calibrate` writes it; `default.json` beside this module was measured on
originals of real cameras and on photographs of the demo, and says so in its `origin`. Findings that ask about another
kind of picture, such as pages of text, have genuine pictures of that kind, and an `origin` of their own
(docs/decisions/0024-the-shipped-calibration.md).
"""

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scipy.special import betaincinv

from corpus.errors import StorageError
from examiner.finding import Detection, Finding, Strength

UNUSUAL = 0.01
"""A score is unusual where at most this share of the genuine photographs have as much."""
WEAK = 0.5
"""A method is weak where it finds less than this share of what was planted, at UNUSUAL false alarms."""

CONFIDENCE = 0.95

_DEFAULT = Path(__file__).with_name("default.json")


@dataclass(frozen=True)
class Measured:
    """What was measured of one finding."""

    scores: tuple[float, ...]
    """Of the genuine photographs for which something could be said, from small to large."""
    devices: int
    detection: tuple[Detection, ...] = ()
    origin: str = ""
    """Which genuine pictures they were, where they are others than the calibration's; empty: the calibration's."""


@dataclass(frozen=True)
class Calibration:
    """What was measured of all findings, and on what."""

    origin: str
    findings: Mapping[str, Measured]


def default_calibration() -> Calibration:
    """Return the calibration that is shipped."""
    return calibration_of(_DEFAULT.read_bytes(), _DEFAULT.name)


def completed(calibration: Calibration, shipped: Calibration) -> Calibration:
    """Return a calibration with what another one, such as the shipped one, has measured on other kinds of pictures.

    A generation has photographs alone: what pages of text give is not measured with it. The few photographs that look
    like a page do not count beside real pages, among which what is found on a page is ranked.
    """
    others = {name: each for name, each in shipped.findings.items() if each.origin}
    return replace(calibration, findings={**calibration.findings, **others})


def calibration_of(data: bytes, name: str) -> Calibration:
    """Return the calibration of a JSON file; raises StorageError, which names the file, for a damaged one."""
    try:
        stored = json.loads(data)
        found = {slug: _measured(each) for slug, each in stored["findings"].items()}
        return Calibration(str(stored["origin"]), found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{name}: is no calibration ({error}); `python -m examiner.calibrate` writes it") from error


def _measured(stored: Mapping[str, Any]) -> Measured:
    detection = tuple(
        Detection(str(each["what"]), float(each["share"]), int(each["photographs"]), bool(each.get("lossless", False)))
        for each in stored["detection"]
    )
    origin = str(stored.get("origin", ""))
    return Measured(tuple(sorted(map(float, stored["scores"]))), int(stored["devices"]), detection, origin)


def as_dict(calibration: Calibration) -> dict[str, Any]:
    """Return a calibration as plain data for JSON."""
    return {
        "origin": calibration.origin,
        "findings": {
            name: ({"origin": each.origin} if each.origin else {})
            | {
                "devices": each.devices,
                "scores": list(each.scores),
                "detection": [asdict(one) for one in each.detection],
            }
            for name, each in sorted(calibration.findings.items())
        },
    }


def with_strength(finding: Finding, calibration: Calibration, *, lossless: bool = False) -> Finding:
    """Return a finding with what its score is worth, and the level that follows from this.

    `lossless`: the file was saved without loss; how much the method finds is told of files saved alike. Facts and
    findings that say nothing stay as they are; what was not measured is an estimate.
    """
    measured = calibration.findings.get(finding.name)
    if finding.level in ("fact", "none"):
        return finding
    if finding.score is None or measured is None or not measured.scores:
        return replace(finding, level="estimated")
    photographs = len(measured.scores)
    as_large = photographs - bisect_left(measured.scores, finding.score)
    rate = (1 + as_large) / (1 + photographs)
    origin = measured.origin or calibration.origin
    detection = saved_alike(measured.detection, lossless=lossless)
    bound = upper_bound(as_large, measured.devices)
    strength = Strength(rate, bound, photographs, measured.devices, origin, detection)
    if rate > UNUSUAL:
        return replace(finding, strength=strength, level="expected")
    return replace(finding, strength=strength, level="weak" if is_weak(detection) else "unusual")


def upper_bound(as_large: int, devices: int) -> float:
    """Return the largest share of photographs by other devices with a score as large, at CONFIDENCE.

    One photograph drawn from each device is a binomial sample, of which at most `as_large` have such a score (Clopper
    and Pearson, Biometrika 26, 1934). More photographs by the same devices do not lower the bound.
    """
    return 1.0 if as_large >= devices else float(betaincinv(as_large + 1, devices - as_large, CONFIDENCE))


def unusual_above(scores: Sequence[float]) -> float | None:
    """Return the score above which at most UNUSUAL of `scores`, from small to large, and the one at hand lie.

    None where there are too few for any score to be unusual.
    """
    allowed = int(UNUSUAL * (1 + len(scores))) - 1
    return scores[-1 - allowed] if allowed >= 0 else None


def is_weak(detection: tuple[Detection, ...]) -> bool:
    """Return whether a method finds less than half of what was planted, in the mean of all that was planted."""
    return bool(detection) and sum(each.share for each in detection) / len(detection) < WEAK


def saved_alike(detection: tuple[Detection, ...], *, lossless: bool) -> tuple[Detection, ...]:
    """Return what was planted in files that were saved without loss, or with it; all of it where none was saved so."""
    return tuple(each for each in detection if each.lossless == lossless) or detection
