"""Breakdowns: the scores of photographs by what is known of them: quality factor, year, ISO, owner."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from train.data.answers import Answers
from train.estimation.bootstrap import resamples
from train.evaluation.figures import SCORES, means, scores
from train.evaluation.photo_facts import PhotoFacts

UNKNOWN = "unknown"
_ISO_STEPS = (100, 200, 400, 800, 1600, 3200, 6400)
_QUALITY_STEPS = (80, 85, 90, 92, 94, 95, 96, 97, 98, 99, 100)


def breakdowns(answers: Answers, facts: Sequence[PhotoFacts]) -> dict[str, list[dict[str, Any]]]:
    """Return rows of the scores by quality factor, year, ISO and owner; `facts`: of the answers' photographs, in order.

    A row has the value, the numbers of photographs and devices, and the scores with intervals. A fact that is not known
    of any photograph gives no rows.
    """
    return {
        "by_quality": _rows(answers, [_step(each.quality_factor, _QUALITY_STEPS) for each in facts], _number),
        "by_year": _rows(answers, [each.year for each in facts], _number),
        "by_iso": _rows(answers, [_step(each.iso, _ISO_STEPS) for each in facts], _number),
        "by_owner": _rows(answers, [each.owner for each in facts], _number),
    }


def _rows(answers: Answers, values: Sequence[str | None], order: Callable[[str], Any]) -> list[dict[str, Any]]:
    known = sorted({value for value in values if value is not None}, key=order)
    if not known:
        return []
    right = scores(answers.right(), answers.conditions)
    rows = []
    for value in [*known, *([UNKNOWN] if None in values else [])]:
        own = np.array([each == (None if value == UNKNOWN else value) for each in values])
        devices = [device for device, mine in zip(answers.devices, own, strict=True) if mine]
        drawn = resamples(devices, answers.labels[own])
        rows.append(
            {
                "value": value,
                "photos": int(own.sum()),
                "devices": drawn.counts.shape[1],
                **dict(zip(SCORES, means(right[own], drawn), strict=True)),
            }
        )
    return rows


def _step(number: int | None, steps: Sequence[int]) -> str | None:
    """Return the span of steps that a number is in, e.g. `101–200`; one of a single number is that number."""
    if number is None:
        return None
    if number > steps[-1]:
        return f"above {steps[-1]}"
    place = next(place for place, step in enumerate(steps) if number <= step)
    if place == 0:
        return f"up to {steps[0]}"
    low = steps[place - 1] + 1
    return str(low) if low == steps[place] else f"{low}–{steps[place]}"


def _number(value: str) -> tuple[int, int]:
    """Return what puts values in order by their number: `up to 80`, `81–85`, `above 100`, `owner 2`."""
    words = value.replace("–", " ").split()
    return int(words[0] if words[0].isdigit() else words[-1]), words[0] == "above"
