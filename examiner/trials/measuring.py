"""Measuring: one genuine photograph → the scores of all findings, and of what was planted in it.

A work is plain data, done by one process of many. Trials are spread over the photographs, so that each is tried on as
many as wanted, of as many devices as there are.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from corpus.storage import Store
from examiner.calibration.gathered import Part, Planted
from examiner.examination import FINDINGS, Asked
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.trials.genuine import Genuine
from examiner.trials.planted import TRIALS

_CODE = ("examiner", "forensics", "train/prediction")
"""Folders whose code gives scores."""
_yielded_by: dict[str, Asked] = {}
"""Which function yields a finding, as far as this process has seen."""


@dataclass(frozen=True)
class Work:
    """What is to be measured on one photograph."""

    genuine: Genuine
    other: Genuine
    """By another device, for montages."""
    trials: tuple[int, ...]
    """Places in TRIALS."""

    def digest(self, knowledge: str) -> str:
        """Return what the result depends on, as 24 hex digits; `knowledge` names the generation and the run."""
        names = [(TRIALS[each].finding, TRIALS[each].what) for each in self.trials]
        text = json.dumps([self.genuine.sha256, self.other.sha256, names, knowledge, code_digest()])
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def works_for(photographs: Sequence[Genuine], each: int) -> list[Work]:
    """Return the work on these photographs, with every trial on `each` of them, or on all where there are fewer."""
    number = len(photographs)
    tried: list[list[int]] = [[] for _ in photographs]
    for trial in range(len(TRIALS)):
        for place in range(min(each, number)):
            tried[(trial * each + place) % number].append(trial)
    return [
        Work(one, _other(photographs, place), tuple(trials))
        for place, (one, trials) in enumerate(zip(photographs, tried, strict=True))
    ]


def _other(photographs: Sequence[Genuine], place: int) -> Genuine:
    number, mine = len(photographs), photographs[place]
    later = (photographs[(place + step) % number] for step in range(1, number))
    return next((each for each in later if each.device != mine.device), mine)


def measured_part(work: Work, store: Store, knowledge: Knowledge) -> Part:
    """Return the scores of one photograph; raises StorageError where the store lacks it."""
    data = store.read(work.genuine.original)
    genuine = scores_of(data, (asked for _, asked in FINDINGS), knowledge)
    other = store.read(work.other.original) if work.trials else b""
    planted = []
    for trial in (TRIALS[each] for each in work.trials):
        random = np.random.default_rng([zlib.crc32(work.genuine.sha256.encode()), zlib.crc32(trial.what.encode())])
        try:
            altered = trial.plant(data, other, random)
        except ValueError:  # nothing can be planted in this photograph
            continue
        known = _yielded_by.get(trial.finding)
        functions = [asked for _, asked in FINDINGS] if known is None else [known]
        score = scores_of(altered, functions, knowledge).get(trial.finding)
        planted.append(Planted(trial.finding, trial.what, score, trial.lossless))
    return Part(work.genuine.photo, work.genuine.device, genuine, tuple(planted))


def scores_of(data: bytes, functions: Iterable[Asked], knowledge: Knowledge) -> dict[str, float]:
    """Return the scores that functions give a file, by finding; the largest where one is given several times."""
    scores: dict[str, float] = {}
    try:
        photograph = Photograph(data)
        photograph.size_px  # noqa: B018 - whose header is broken is no photograph
    except ValueError:
        return scores
    for asked in functions:
        try:
            for finding in asked(photograph, knowledge):
                _yielded_by[finding.name] = asked
                if finding.score is not None and finding.level not in ("fact", "none"):
                    scores[finding.name] = max(finding.score, scores.get(finding.name, -np.inf))
        except ValueError:
            continue
    return scores


@cache
def code_digest() -> str:
    """Return a digest of the code that gives scores: parts that another version has measured are measured anew."""
    root, digest = Path(__file__).resolve().parents[2], hashlib.sha256()
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
