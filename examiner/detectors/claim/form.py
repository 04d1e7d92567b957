"""Form: compares how a file is written with how the claimed camera's photographs are, aspect by aspect, in numbers.

Facts and what a generation learned → aspects with their support. After Farid (TR2008-638) and Kee, Johnson and Farid
(TIFS 2011): size, tables, Huffman tables, segments and thumbnail together name most cameras. How unlikely a file is as
one of its camera's is the sum over aspects of −log10 of the share of the camera's other photographs with that value,
half a photograph added; the aspects depend on each other, so it is a rank and no probability.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from corpus.cameras.catalogue import Camera
from corpus.text import count
from curation.consensus import ASPECTS, CAMERA, SHOWN, LearnedRow, claims, tables_text
from forensics.jpeg.table_family import is_scaled
from forensics.photo_facts import PhotoFacts

PHOTOS_MIN = 5
"""Fewest photographs of a camera with which a file is compared."""
_COMPARED = tuple(aspect for aspect in (*ASPECTS, *SHOWN) if aspect not in ("table family", "closed"))
NAMES = {
    "size": "size", "tables": "quantisation tables", "segments": "order of segments", "software": "firmware",
    "subsampling": "chroma subsampling", "huffman": "Huffman tables", "thumbnail": "size of the thumbnail",
    "thumbnail tables": "tables of the thumbnail",
}  # fmt: skip
_ABSENT = "none"
_USUAL_SHOWN, _OTHERS_SHOWN = 2, 3


@dataclass(frozen=True)
class Aspect:
    """What a file shows in one aspect, and how many photographs of its camera show the same."""

    aspect: str
    value: str
    """As a person reads it."""
    photos: int
    owners: int
    usual: tuple[str, ...]
    """What most of the camera's photographs show, each with its support."""
    others: tuple[str, ...]
    """Cameras that show this value, each with its support; the best supported first."""
    unlikelihood: float


@dataclass(frozen=True)
class Form:
    """All aspects of a file, and the support of its camera as a whole."""

    photos: int
    owners: int
    aspects: tuple[Aspect, ...]

    @property
    def unlikelihood(self) -> float:
        """The sum over all aspects."""
        return sum(aspect.unlikelihood for aspect in self.aspects)

    @property
    def unseen(self) -> tuple[Aspect, ...]:
        """The aspects in which no photograph of the camera shows what this file shows, the least likely first."""
        return tuple(sorted((each for each in self.aspects if not each.photos), key=lambda each: -each.unlikelihood))


def form_of(facts: PhotoFacts, camera: Camera, learned: Sequence[LearnedRow], names: Mapping[str, str]) -> Form | None:
    """Return the comparison; None where fewer than PHOTOS_MIN photographs of the camera were learned from.

    `learned`: the table of `curation.consensus.learn`; `names`: what people call the cameras in it, by key.
    Aspects that the generation did not count are left out.
    """
    own = [row for row in learned if row["camera"] == camera.key]
    photos = sum(row["photos"] for row in own if row["aspect"] == CAMERA)
    owners = sum(row["owners"] for row in own if row["aspect"] == CAMERA)
    if photos < PHOTOS_MIN:
        return None
    shown = {claim.aspect: claim for claim in claims(facts, camera)}
    aspects = []
    for aspect in _COMPARED:
        rows = [row for row in own if row["aspect"] == aspect]
        claim = shown.get(aspect)
        if not any(row["photos"] for row in rows) or (claim is None and aspect != "software"):
            continue
        if claim is None:
            value, text = _ABSENT, "none"
            support = max(0, photos - sum(row["photos"] for row in rows)), 0
        else:
            value = claim.value.partition("\n")[0]  # forms of header are claimed with their firmware
            text = _text(aspect, facts, claim.text or value)
            support = _support(aspect, value, facts, own)
        aspects.append(
            Aspect(
                aspect,
                text,
                *support,
                _usual(rows),
                _others(aspect, value, camera.key, learned, names),
                _unlikelihood(support[0], photos),
            )
        )
    return Form(photos, owners, tuple(aspects))


def _unlikelihood(photos: int, of: int) -> float:
    """Return −log10 of the share of the other photographs; one of those that show it may be the file itself."""
    others, all_others = max(0, photos - 1), max(of - 1, photos - 1)
    return -math.log10((others + 0.5) / (all_others + 1))


def _support(aspect: str, value: str, facts: PhotoFacts, own: Sequence[LearnedRow]) -> tuple[int, int]:
    found = [row for row in own if row["aspect"] == aspect and row["value"] == value]
    if not found and aspect == "tables":  # one base that the camera scales anew for each photograph
        found = [
            row
            for row in own
            if row["aspect"] == "table family" and is_scaled(_tables(row["value"]), facts.quantisation_tables)
        ]
    return max((row["photos"] for row in found), default=0), max((row["owners"] for row in found), default=0)


def _tables(text: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(int, table.split())) for table in text.split("/"))


def _text(aspect: str, facts: PhotoFacts, text: str) -> str:
    if aspect == "tables":
        return f"{tables_text(facts.quantisation_tables)} ({facts.tables_digest})"
    return facts.software or text if aspect == "software" else text


def _usual(rows: Sequence[LearnedRow]) -> tuple[str, ...]:
    best = sorted(
        (row for row in rows if row["photos"]), key=lambda row: (-row["owners"], -row["photos"], row["value"])
    )
    return tuple(f"{row['text'] or row['value']} ({_seen(row)})" for row in best[:_USUAL_SHOWN])


def _others(
    aspect: str, value: str, key: str, learned: Sequence[LearnedRow], names: Mapping[str, str]
) -> tuple[str, ...]:
    same = [
        row
        for row in learned
        if row["aspect"] == aspect and row["value"] == value and row["camera"] != key and row["photos"]
    ]
    best = sorted(same, key=lambda row: (-row["photos"], row["camera"]))
    more = [f"and {len(best) - _OTHERS_SHOWN} more cameras"] if len(best) > _OTHERS_SHOWN else []
    shown = [f"{names.get(row['camera'], row['camera'])} ({row['photos']:,})" for row in best[:_OTHERS_SHOWN]]
    return (*shown, *more)


def _seen(row: LearnedRow) -> str:
    return f"{count(row['photos'], 'photograph')} by {count(row['owners'], 'owner')}"
