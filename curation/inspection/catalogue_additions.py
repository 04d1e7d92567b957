"""Pinning: a catalogue and the table of what was learned in; what the catalogue lacks of it out; pure.

The catalogue that states it is the one that curation enriches with the same table: same sizes, tables, orders of
segments and forms of Software. Refuses (StageError) cameras of which nothing native was learned.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from corpus.catalogue import Camera, Catalogue
from corpus.errors import StageError
from curation.consensus import ASPECTS, CAMERA, LearnedRow, enriched, natives

FIELDS = dict(zip(ASPECTS, ("sizes", "tables", "segments", "software"), strict=True))
"""Aspect to the field of a catalogue's entry."""
_SPECIAL = re.compile(r"[*?\[]")


class Addition(NamedTuple):
    """What an entry of a catalogue gets."""

    camera: Camera
    """As it will be read."""
    is_new: bool
    values: dict[str, tuple[str, ...]]
    """By field, those the entry does not have yet."""
    loose_software: tuple[str, ...] = ()
    """Forms of Software that photos of a new entry's camera had, too few to be native."""

    @property
    def key(self) -> str:
        """The key of the entry."""
        return self.camera.key


def additions(
    catalogue: Catalogue, learned: Sequence[LearnedRow], cameras: Sequence[str]
) -> tuple[list[Addition], list[str]]:
    """Return what the entries of `cameras`, none: of all, get, in the order of their keys, and who is left out and why.

    Nothing is left out silently: of cameras that are named, StageError says why.
    """
    known = natives(learned)
    unknown = [key for key in cameras if key not in known]
    if unknown:
        raise StageError(
            f"{', '.join(unknown)}: nothing native was learned; known are {', '.join(sorted(known)) or 'none'}"
        )
    full = enriched(catalogue.opened(), learned)
    found, left_out = [], []
    for key in sorted(set(cameras) or known):
        camera = full.get(key)
        reason = _hindrance(catalogue, camera, learned, key)
        if reason and cameras:
            raise StageError(reason)
        if reason or camera is None:
            left_out.append(reason)
            continue
        if camera.is_listed:
            listed = catalogue[key]
            values = {field: _new(getattr(camera, field), getattr(listed, field)) for field in FIELDS.values()}
            if any(values.values()):
                found.append(Addition(camera, False, values))
        else:
            found.append(_entry(camera, learned))
    return found, left_out


def pattern_of(text: str) -> str:
    """Return the pattern of a catalogue that takes this string alone; blanks as the catalogue compares them."""
    return _SPECIAL.sub(r"[\g<0>]", " ".join(text.split()))


def pinned(catalogue: Catalogue, found: Sequence[Addition]) -> Catalogue:
    """Return the catalogue with what its entries get."""
    cameras = {camera.key: camera for camera in catalogue.cameras} | {one.key: one.camera for one in found}
    return Catalogue(cameras=tuple(cameras[key] for key in sorted(cameras)))


def _entry(camera: Camera, learned: Sequence[LearnedRow]) -> Addition:
    text = next(row["text"] for row in learned if row["camera"] == camera.key and row["aspect"] == CAMERA)
    make, _, model = text.partition("\n")
    entry = camera.model_copy(update={"make": (pattern_of(make),), "model": (pattern_of(model),)})
    values = {field: getattr(camera, field) for field in FIELDS.values()}
    loose = [
        row for row in learned if row["camera"] == camera.key and row["aspect"] == "software" and not row["native"]
    ]
    return Addition(entry, True, values, () if camera.software else tuple(row["value"] for row in loose))


def _new(values: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value not in known)


def _hindrance(catalogue: Catalogue, camera: Camera | None, learned: Sequence[LearnedRow], key: str) -> str:
    """Return why a camera can have no entry, empty where it can."""
    if camera is None:
        return f"{key}: left out, no native size was learned, without which a catalogue lists no camera"
    if camera.is_listed:
        return ""
    text = next(row["text"] for row in learned if row["camera"] == key and row["aspect"] == CAMERA)
    make, _, model = text.partition("\n")
    taken = catalogue.identify(make, model)
    return f"{key}: left out, {make} {model} is taken by {taken.key}" if taken else ""
