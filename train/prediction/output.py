"""Output: answers as a table for people, as JSON, and as the challenge's submission."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from corpus.cameras.challenge import CHALLENGE_CLASSES
from corpus.text import as_utf8, escaped
from train.model.loaded import Model
from train.prediction.answers import Answer

_SHOWN = 3
_CHALLENGE_NAMES = {key: name for name, key in CHALLENGE_CLASSES.items()}

SUBMISSION_HEADER = "fname,camera"


def as_dict(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain data for JSON."""
    return asdict(answer)


def submission_names(paths: Sequence[str]) -> list[str]:
    """Return the name of each file in a submission: without its folders, or its path where two have the same name."""
    counts = Counter(Path(path).name for path in paths)
    return [path if counts[Path(path).name] > 1 else Path(path).name for path in paths]


def submission_line(name: str, answer: Answer) -> str:
    """Return the line of a file: its likeliest camera by the challenge's name, or else its key; empty after an error.

    The challenge knows ten cameras and no `none of these`.
    """
    key = answer.cameras[0][0] if answer.cameras else ""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([as_utf8(name), _CHALLENGE_NAMES.get(key, key)])
    return line.getvalue()


def table(answers: Sequence[Answer], model: Model) -> list[str]:
    """Return the lines of a table, one for each answer below a header."""
    header = ("photograph", "likeliest cameras", "its EXIF says", "", "")
    rows = [header, *(_row(each, model) for each in answers)]
    # an error runs on behind its photograph's name, so it widens no column
    judged = [row if row[2] else (row[0], "", "", "", "") for row in rows]
    widths = [max(map(len, column)) for column in zip(*judged, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(answer: Answer, model: Model) -> tuple[str, str, str, str, str]:
    name = escaped(Path(answer.file).name or answer.file)
    if answer.error:
        return name, escaped(f"could not be judged: {answer.error}"), "", "", ""
    stated = " ".join(word for word in (answer.make, answer.model) if word)
    claim = model.name_of(answer.claim) if answer.claim else stated
    notes = escaped("; ".join(answer.notes))
    likeliest = escaped(_likeliest(answer, model))  # a model handed on names its cameras itself
    return name, likeliest, escaped(claim or "nothing"), answer.verdict or "", notes


def _likeliest(answer: Answer, model: Model) -> str:
    named = ", ".join(f"{model.name_of(key)} {share:.2f}" for key, share in answer.cameras[:_SHOWN])
    if not answer.none_of_these:
        return named
    # the refusal is by a threshold of false refusals, the probability takes unknown cameras to be as many as known ones
    share = answer.none_probability
    none = "none of these" if share is None or share < 0.5 else f"none of these {share:.2f}"
    none += " (refused at the 5 % threshold)" if share is not None and share < 0.5 else ""
    if answer.sibling is None:
        return f"{none} (nearest: {named})"
    return f"{none}, a sibling of {model.name_of(answer.sibling)} {answer.sibling_probability or 0:.2f}"
