"""Consensus: learn what is native to each camera from what its otherwise clean photographs show.

After Farid, "Digital image ballistics from JPEG quantization" (TR2008-638): a size, a set of tables, a form of header
or of firmware string is native to a camera when enough independent owners show it. Copies of one picture count once,
for the owner with the smallest digest. What a catalogue states is native without any support.

A camera that chooses its tables for each photo shows many sets, none of them often. Where they are one base scaled
(`forensics.jpeg.table_family`), they are counted together and the base is native.

That a value is native does not make others foreign. Only where many photos show native values (`Consensus.closed_…`) is
an aspect closed; for forms of header this is told firmware by firmware.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypedDict, cast

from corpus.cameras.catalogue import STARS_MAX, Camera, Catalogue, unlisted_camera
from corpus.sections import Consensus
from forensics.jpeg.quality import estimate_quality_factor, quality_text
from forensics.jpeg.table_family import families, is_scaled
from forensics.jpeg.tables import Table
from forensics.photo_facts import PhotoFacts

FIELDS = {
    "size": "sizes", "tables": "tables", "table family": "table_families", "segments": "segments",
    "software": "software", "closed": "closed",
}  # fmt: skip
"""Aspect → field of a catalogue entry."""
ASPECTS = tuple(FIELDS)
SHOWN = ("subsampling", "huffman", "thumbnail", "thumbnail tables")
"""Aspects that are counted for people who compare a photo with its camera's; no rule judges by them."""
NO_THUMBNAIL = "none"
CAMERA = "camera"
"""The aspect that every clean photo of a camera shows; its count is the support of the camera as a whole."""
CANDIDATES_SHOWN = 12
"""At most this many values of a camera and aspect are listed that are not native, the best supported first."""

OWNERS_SEEN_MAX = 256
"""At most so many owners of one value are told apart when the owners of several values are counted together."""
FAMILY_SETS_MAX = 256
"""Of a camera's sets of tables, so many of the best supported are searched for families."""
NO_FIRMWARE = "-"
"""Stands for the firmware of photos without Software."""

_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
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
    owners_seen: frozenset[int] = frozenset()
    """Digests of the owners, the OWNERS_SEEN_MAX smallest; only of aspects whose values are counted together."""


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


def _size(facts: PhotoFacts) -> tuple[str, str]:
    size = f"{max(facts.width_px, facts.height_px)}x{min(facts.width_px, facts.height_px)}"
    return size, size


def _tables(facts: PhotoFacts) -> tuple[str, str] | None:
    return (facts.tables_digest, _spelled(facts.quantisation_tables)) if facts.tables_digest else None


def _segments(facts: PhotoFacts) -> tuple[str, str] | None:
    return (f"{facts.segments_form}\n{firmware_of(facts.software)}", "") if facts.segments_form else None


def _software(facts: PhotoFacts) -> tuple[str, str] | None:
    pattern = firmware_of(facts.software)
    return (pattern, pattern) if facts.software else None


def _thumbnail(facts: PhotoFacts) -> tuple[str, str] | None:
    if facts.thumbnail_width_px and facts.thumbnail_height_px:
        thumbnail = f"{facts.thumbnail_width_px}x{facts.thumbnail_height_px}"
        return thumbnail, thumbnail
    return None if facts.thumbnail_error else (NO_THUMBNAIL, "no thumbnail")


def _thumbnail_tables(facts: PhotoFacts) -> tuple[str, str] | None:
    if not (facts.thumbnail_width_px and facts.thumbnail_height_px and facts.thumbnail_tables_digest):
        return None
    return facts.thumbnail_tables_digest, quality_text(facts.thumbnail_quality_factor, 0.0)


class Shows(NamedTuple):
    """How photos show their camera's nature in one aspect."""

    reads: tuple[str, ...]
    """The facts that `told` reads."""
    told: Callable[[PhotoFacts], tuple[str, str] | None]
    """Returns the value and its text; None where a photo does not show the aspect."""


SHOWS: Mapping[str, Shows] = {
    CAMERA: Shows(("make", "model"), lambda facts: ("", f"{facts.make or ''}\n{facts.model or ''}")),
    "size": Shows(("width_px", "height_px"), _size),
    "tables": Shows(("tables_digest", "quantisation_tables"), _tables),
    "segments": Shows(("segments_form", "software"), _segments),
    "software": Shows(("software",), _software),
    "subsampling": Shows(("subsampling",), lambda facts: (facts.subsampling, facts.subsampling)),
    "huffman": Shows(("huffman",), lambda facts: (facts.huffman, f"{facts.huffman} Huffman tables")),
    "thumbnail": Shows(("thumbnail_width_px", "thumbnail_height_px", "thumbnail_error"), _thumbnail),
    "thumbnail tables": Shows(
        ("thumbnail_width_px", "thumbnail_height_px", "thumbnail_tables_digest", "thumbnail_quality_factor"),
        _thumbnail_tables,
    ),
}
"""By aspect: what photos show in it. The text of CAMERA is Make and Model as written."""


def claims(facts: PhotoFacts, camera: Camera) -> Iterator[Claim]:
    """Yield what a clean photo shows of its camera, aspect by aspect; see SHOWS."""
    for aspect, shows in SHOWS.items():
        told = shows.told(facts)
        if told is not None:
            yield Claim(camera.key, aspect, *told)


def tables_text(tables: tuple[Table, ...]) -> str:
    """Return a set of quantisation tables in words: its quality factor, and how far off it is."""
    factor, residual = estimate_quality_factor(tables)
    return quality_text(factor, residual) + (f", residual {residual:.2f}" if residual else "")


def closed_segments(firmware: str) -> str:
    """Return the value of the aspect `closed` that says that the forms of header of a firmware are known."""
    return f"segments of {firmware}"


def firmware_of(software: str | None) -> str:
    """Return the firmware that a Software string names, as a pattern; NO_FIRMWARE where there is none."""
    return firmware_pattern(software) if software else NO_FIRMWARE


@lru_cache(maxsize=4096)
def firmware_pattern(software: str) -> str:
    """Return a firmware string as a pattern of the catalogue without its version: `Ver.[0-9]*` of `Ver.1.02`.

    Firmware is updated; otherwise each version would need support of its own. `10.2` and `10.2.1` have one pattern.
    Of more numbers than STARS_MAX the later ones keep their length: a catalogue has no pattern with more.
    """
    plain = _SPECIAL.sub("?", " ".join(software.split()))
    numbers = list(_VERSION.finditer(plain))
    rest = numbers[STARS_MAX - 1].end() if len(numbers) > STARS_MAX else len(plain)
    return _VERSION.sub("[0-9]*", plain[:rest]) + _VERSION.sub(lambda number: "?" * len(number[0]), plain[rest:])


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
        rows: list[LearnedRow] = []
        for aspect in (*ASPECTS, *SHOWN):
            listed = stated(camera, aspect) if camera and aspect in FIELDS else {}
            rows += _aspect_rows(key, aspect, listed, _counts_of_aspect(key, aspect, found), owners, limits)
        table += rows + _closed_rows(found, natives(rows).get(key, {}), owners, limits)
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


def extended(table: Iterable[LearnedRow], handed_on: Iterable[LearnedRow]) -> list[LearnedRow]:
    """Return `learn`'s table with what manifests hand on; of a value that both have, the better supported row counts.

    The photographs that taught a camera's values may not be among those that were handed on.
    """
    order = {aspect: place for place, aspect in enumerate((CAMERA, *ASPECTS, *SHOWN))}
    found: dict[tuple[str, str, str], LearnedRow] = {}
    for row in (*table, *handed_on):
        key = (row["camera"], row["aspect"], row["value"])
        before = found.get(key)
        if before is None or _support(before) < _support(row):
            found[key] = row

    def place(row: LearnedRow) -> tuple[object, ...]:
        aspect = order.get(row["aspect"], len(order))
        return row["camera"], aspect, not row["native"], -row["owners"], -row["photos"], row["value"]

    return sorted(found.values(), key=place)


def _support(row: LearnedRow) -> tuple[object, ...]:
    return row["native"], row["owners"], row["photos"]


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


def _counts_of_aspect(key: str, aspect: str, found: Mapping[str, list[Count]]) -> list[Count]:
    """Return the counts of a camera's values in one aspect, those that are counted together as one."""
    if aspect == "segments":
        by_form: dict[str, list[Count]] = defaultdict(list)
        for count in found.get(aspect, []):
            by_form[count.value.partition("\n")[0]].append(count)
        return [_together(counts, aspect, form, form) for form, counts in by_form.items()]
    if aspect == "tables":
        return [count._replace(text=tables_text(_read(count.text))) for count in found.get(aspect, [])]
    if aspect == "table family":
        best = sorted(found.get("tables", []), key=lambda count: (-count.owners, -count.photos, count.value))
        by_tables = {_read(count.text): count for count in best[:FAMILY_SETS_MAX]}
        return [
            _together([by_tables[tables] for tables in members], aspect, _spelled(base), _family_text(members))
            for base, members in families(by_tables)
        ]
    return found.get(aspect, [])


def _closed_rows(
    found: Mapping[str, list[Count]], known: Mapping[str, tuple[str, ...]], owners: int, limits: Consensus
) -> list[LearnedRow]:
    """Return a row for each aspect of which enough is known to call an unseen value foreign.

    `found`: counts of one camera by aspect; `known`: its native values by aspect.
    """
    bases = [_read(text) for text in known.get("table family", ())]
    by_name: dict[str, list[Count]] = defaultdict(list)
    for count in found.get("tables", []):
        if count.value in known.get("tables", ()) or any(is_scaled(base, _read(count.text)) for base in bases):
            by_name["tables"].append(count)
    for count in found.get("segments", []):
        form, _, pattern = count.value.partition("\n")
        if form in known.get("segments", ()):
            by_name[closed_segments(pattern)].append(count)
    totals = [_together(counts, "closed", name, name) for name, counts in sorted(by_name.items())]
    return [
        _row(total, owners, native=True, source="learned")
        for total in totals
        if total.photos >= limits.closed_photos_min and total.owners >= limits.closed_owners_min
    ]


def _together(counts: Sequence[Count], aspect: str, value: str, text: str) -> Count:
    """Return the count of values that are counted as one.

    Where their owners are more than are told apart, those of the value with the most owners count.
    """
    seen = frozenset().union(*(count.owners_seen for count in counts))
    owners = max(len(seen), *(count.owners for count in counts))
    return Count(counts[0].camera, aspect, value, text, sum(count.photos for count in counts), owners)


def _family_text(members: Sequence[tuple[Table, ...]]) -> str:
    factors = sorted(factor for tables in members if (factor := estimate_quality_factor(tables)[0]) is not None)
    between = f" between qualities {factors[0]} and {factors[-1]}" if factors else ""
    return f"{len(members)} sets of one base scaled{between}"


@lru_cache(maxsize=4096)
def _spelled(tables: tuple[Table, ...]) -> str:
    """Return tables as `Camera.table_families` spells them."""
    return " / ".join(" ".join(map(str, table)) for table in tables)


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[Table, ...]:
    return tuple(tuple(map(int, table.split())) for table in text.split("/")) if text else ()


def stated(camera: Camera, aspect: str) -> dict[str, str]:
    """Return the text of each value that a catalogue states of a camera; sizes have the long edge first, as learned."""
    if aspect == "size":
        edges = (sorted(map(int, size.split("x")), reverse=True) for size in camera.sizes)
        return {f"{long}x{short}": f"{long}x{short}" for long, short in edges}
    return {value: "" if aspect == "tables" else value for value in getattr(camera, FIELDS[aspect])}


def _with_natives(camera: Camera, learned: Mapping[str, tuple[str, ...]]) -> Camera:
    values = {field: (*getattr(camera, field), *learned.get(aspect, ())) for aspect, field in FIELDS.items()}
    return camera.model_copy(update={field: tuple(dict.fromkeys(both)) for field, both in values.items()})


def _row(count: Count, owners: int, *, native: bool, source: str) -> LearnedRow:
    share = round(count.owners / owners, 4) if owners else 0.0
    told = {name: value for name, value in count._asdict().items() if name != "owners_seen"}
    return cast(LearnedRow, {**told, "share": share, "native": native, "source": source})
