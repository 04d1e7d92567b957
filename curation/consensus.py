"""Consensus: learn what is native to each camera from what its otherwise clean photographs show.

After Farid, "Digital image ballistics from JPEG quantization" (TR2008-638): a size, a set of tables, an order of
segments or a form of firmware string is native to a camera when enough independent owners show it. Copies of one
picture count once, for the owner with the smallest digest. What a catalogue states is native without any support.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypedDict, cast

from corpus.catalogue import Camera, Catalogue, unlisted_camera
from corpus.sections import Consensus
from forensics.jpeg.quality import quality_text
from forensics.photo_facts import PhotoFacts

FIELDS = {"size": "sizes", "tables": "tables", "segments": "segments", "software": "software"}
"""Aspect → field of a catalogue entry."""
ASPECTS = tuple(FIELDS)
CAMERA = "camera"
"""The aspect that every clean photo of a camera shows; its count is the support of the camera as a whole."""
CANDIDATES_SHOWN = 12
"""At most this many values of a camera and aspect are listed that are not native, the best supported first."""

_DIGITS = re.compile(r"[0-9]+")
_SPECIAL = re.compile(r"[*?\[]")


class Claim(NamedTuple):
    """What one photo shows of its camera in one aspect."""

    camera: str
    aspect: str
    value: str
    text: str
    """The value as a person reads it."""


class Count(NamedTuple):
    """How many photos (copies counted once) and owners show one value."""

    camera: str
    aspect: str
    value: str
    text: str
    photos: int
    owners: int


class LearnedRow(TypedDict):
    """One value that photos of a camera show, or its catalogue entry states; a row of `natives.json`."""

    camera: str
    aspect: str
    value: str
    text: str
    photos: int
    owners: int
    share: float  # of the camera's owners
    native: bool
    source: str  # learned, catalogue


def claims(facts: PhotoFacts, camera: Camera) -> Iterator[Claim]:
    """Yield what a clean photo shows of its camera; the `text` of CAMERA is Make and Model as written."""
    yield Claim(camera.key, CAMERA, "", f"{facts.make or ''}\n{facts.model or ''}")
    size = f"{max(facts.width_px, facts.height_px)}x{min(facts.width_px, facts.height_px)}"
    yield Claim(camera.key, "size", size, size)
    if facts.tables_digest:
        quality = quality_text(facts.quality_factor, facts.quality_residual)
        residual = "" if not facts.quality_residual else f", residual {facts.quality_residual:.2f}"
        yield Claim(camera.key, "tables", facts.tables_digest, quality + residual)
    if facts.segments_digest:
        yield Claim(camera.key, "segments", facts.segments_digest, " ".join(dict.fromkeys(facts.segments)))
    if facts.software:
        pattern = firmware_pattern(facts.software)
        yield Claim(camera.key, "software", pattern, pattern)


def firmware_pattern(software: str) -> str:
    """Return a firmware string as a pattern of the catalogue without its version: `Ver.[0-9]*.[0-9]*` of `Ver.1.02`.

    Firmware is updated; otherwise each version would need support of its own.
    """
    plain = _SPECIAL.sub("?", " ".join(software.split()))
    return _DIGITS.sub("[0-9]*", plain)


def learn(counts: Iterable[Count], catalogue: Catalogue, limits: Consensus) -> list[LearnedRow]:
    """Return what was learned, ordered by camera and aspect.

    Native values come first, then at most CANDIDATES_SHOWN others, the best supported first. The row of aspect CAMERA
    holds the support of the camera as a whole.
    """
    by_camera: dict[str, dict[str, list[Count]]] = defaultdict(lambda: defaultdict(list))
    for count in counts:
        by_camera[count.camera][count.aspect].append(count)
    table: list[LearnedRow] = []
    for key in sorted(by_camera.keys() | {camera.key for camera in catalogue.cameras}):
        camera, found = catalogue.get(key), by_camera.get(key, {})
        owners = sum(count.owners for count in found.get(CAMERA, []))
        table += [_row(count, owners, native=True, source="learned") for count in found.get(CAMERA, [])]
        for aspect in ASPECTS:
            stated = _stated(camera, aspect) if camera else {}
            table += _aspect_rows(key, aspect, stated, found.get(aspect, []), owners, limits)
    return table


def natives(table: Iterable[LearnedRow]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the native values of each camera by aspect, from `learn`'s table or a part of it."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in table:
        if row["native"] and row["aspect"] in ASPECTS:
            found[row["camera"]][row["aspect"]].append(row["value"])
    return {key: {aspect: tuple(sorted(values)) for aspect, values in of.items()} for key, of in found.items()}


def enriched(catalogue: Catalogue, table: Iterable[LearnedRow]) -> Catalogue:
    """Return the catalogue extended by what was learned of its cameras and of cameras that it does not list."""
    rows = list(table)
    learned = natives(rows)
    listed = tuple(_with_natives(camera, learned.get(camera.key, {})) for camera in catalogue.cameras)
    known = {camera.key for camera in listed}
    unlisted = []
    for row in rows:
        of = learned.get(row["camera"], {})
        if row["aspect"] == CAMERA and row["camera"] not in known and of.get("size"):
            make, _, model = row["text"].partition("\n")
            named = {field: of.get(aspect, ()) for aspect, field in FIELDS.items()}
            unlisted.append(unlisted_camera(row["camera"], make, model, **named))
    # in a closed catalogue a camera that is not listed stays unknown, whatever is learned of it
    return Catalogue(cameras=listed, unlisted=tuple(unlisted) if catalogue.is_open else (), is_open=catalogue.is_open)


def supported(table: Iterable[LearnedRow], photos_min: int, owners_min: int) -> frozenset[str]:
    """Return the keys of the cameras with at least that many clean photos and owners."""
    return frozenset(
        row["camera"]
        for row in table
        if row["aspect"] == CAMERA and row["photos"] >= photos_min and row["owners"] >= owners_min
    )


def _aspect_rows(
    key: str, aspect: str, stated: Mapping[str, str], counts: list[Count], owners: int, limits: Consensus
) -> list[LearnedRow]:
    by_value = {count.value: count for count in counts}
    rows = []
    for value, text in stated.items():
        count = by_value.pop(value, Count(key, aspect, value, text, 0, 0))
        rows.append(_row(count._replace(text=count.text or text), owners, native=True, source="catalogue"))
    ordered = sorted(by_value.values(), key=lambda count: (-count.owners, -count.photos, count.value))
    candidates = 0
    for count in ordered:
        native = (
            count.photos >= limits.photos_min
            and count.owners >= limits.owners_min
            and count.owners >= limits.owner_share_min * owners
        )
        candidates += not native
        if native or candidates <= CANDIDATES_SHOWN:
            rows.append(_row(count, owners, native=native, source="learned"))
    return sorted(rows, key=lambda row: (not row["native"], -row["owners"], -row["photos"], row["value"]))


def _stated(camera: Camera, aspect: str) -> dict[str, str]:
    """Return the text of each value that a catalogue states of a camera; sizes have the long edge first, as learned."""
    if aspect == "size":
        edges = (sorted(map(int, size.split("x")), reverse=True) for size in camera.sizes)
        return {f"{long}x{short}": f"{long}x{short}" for long, short in edges}
    return {value: "" if aspect in ("tables", "segments") else value for value in getattr(camera, aspect)}


def _with_natives(camera: Camera, learned: Mapping[str, tuple[str, ...]]) -> Camera:
    values = {field: (*getattr(camera, field), *learned.get(aspect, ())) for aspect, field in FIELDS.items()}
    return camera.model_copy(update={field: tuple(dict.fromkeys(both)) for field, both in values.items()})


def _row(count: Count, owners: int, *, native: bool, source: str) -> LearnedRow:
    share = round(count.owners / owners, 4) if owners else 0.0
    return cast(LearnedRow, {**count._asdict(), "share": share, "native": native, "source": source})
