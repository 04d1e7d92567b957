"""Finding: one piece of evidence about a file, and what to look at; plain data that every part of the examiner shares.

A detector makes a finding with a score. What the score is worth (`Strength`) is measured on genuine photographs and
added by `examiner.calibration`, so that no detector judges itself.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Group = Literal["file", "claim", "history", "camera", "splices", "device", "scan"]
"""The question that a finding helps to answer, in the order of the report."""

GROUPS: dict[Group, str] = {
    "file": "What the file is",
    "claim": "What it says of itself",
    "history": "What was done to it",
    "camera": "Which camera took it",
    "splices": "Whether it is one picture",
    "device": "Which device took it",
    "scan": "Whether it is a scan, or a photograph of a print or display",
}

Level = Literal["fact", "expected", "unusual", "estimated", "none", "weak"]
"""`fact`: read, not estimated. `expected`: genuine photographs show the same. `unusual`: at most 1 % of the genuine
ones show as much. `none`: nothing can be said of this file, and why. `weak`: unusual, but by a method that finds less
than half of what it looks for, in files saved like this one. `estimated`: how often genuine photographs show the same
was not measured."""


@dataclass(frozen=True)
class Table:
    """Evidence as rows of text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """Evidence as a picture, small enough for a report: the bytes of a PNG or JPEG."""

    title: str
    data: bytes
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Map:
    """Evidence by place: a value for each cell of the stored frame, from 0 (nothing) to 1 (the strongest evidence)."""

    title: str
    values: NDArray[np.float32]
    """(rows, columns); NaN where there is no answer: saturated, flat or blurred regions, or too little of them."""
    cell_px: int
    """Side of a cell, in pixels of the stored frame."""
    origin_px: tuple[int, int] = (0, 0)
    """x and y of the first cell's corner."""
    caption: str = ""


@dataclass(frozen=True)
class Regions:
    """Evidence as rectangles of the stored frame (x, y, width, height); those of one set belong together."""

    title: str
    sets: tuple[tuple[tuple[int, int, int, int], ...], ...]
    caption: str = ""


Evidence = Table | Picture | Map | Regions


@dataclass(frozen=True)
class Detection:
    """How often a method finds what it looks for, at 1 % false alarms."""

    what: str
    """What was planted: `saved at 70, cropped, saved again at 90`."""
    share: float
    photographs: int
    lossless: bool = False
    """Whether it was saved without loss, as PNG; else as a JPEG, or by a camera."""


@dataclass(frozen=True)
class Strength:
    """What a score is worth, measured on genuine photographs."""

    false_alarm_rate: float
    """Share of the genuine photographs with a score as large: (1 + those) / (1 + all)."""
    upper_bound: float
    """Largest share of the photographs by other devices that agrees with it, at 95 % confidence; devices are counted,
    since photographs by one device are alike."""
    photographs: int
    devices: int
    origin: str
    """Which photographs they were: a generation's test split, or those of the simulated cameras."""
    detection: tuple[Detection, ...] = ()
    """In files saved like the one at hand, without loss or with it; in all where it was not measured on such ones."""


@dataclass(frozen=True, eq=False)
class Finding:
    """One piece of evidence."""

    name: str
    """Slug of the finding; a calibration is stored under it."""
    group: Group
    statement: str
    """What was seen, in one sentence."""
    level: Level
    score: float | None = None
    """The larger, the less genuine photographs look like this; None for facts, and where nothing can be said."""
    evidence: tuple[Evidence, ...] = ()
    method: str = ""
    """How it was seen, in one sentence."""
    source: str = ""
    """Where the method is described: a paper, a standard, or this project's own documents."""
    caution: str = ""
    """What else looks the same, and what would change the finding."""
    strength: Strength | None = None
