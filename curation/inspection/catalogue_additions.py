"""Catalogue additions: finds the native values that were learned of cameras and that a catalogue does not state yet.

(catalogue, table of `curation.consensus.learn`) → additions. The catalogue with its additions equals the one that
curation enriches with the same table. Refuses (StageError) cameras of which nothing native was learned.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.errors import StageError
from curation.consensus import CAMERA, FIELDS, LearnedRow, enriched, natives

_SPECIAL = re.compile(r"[*?\[]")


class Addition(NamedTuple):
    """What one entry of a catalogue gains."""

    camera: Camera
    """The entry with its additions."""
    is_new: bool
    values: dict[str, tuple[str, ...]]
    """Values that the entry does not have yet, by field."""
    loose_software: tuple[str, ...] = ()
    """Software patterns that photos by a new entry's camera showed, none often enough to be native."""

    @property
    def key(self) -> str:
        """The key of the entry."""
        return self.camera.key


def additions(
    catalogue: Catalogue, learned: Sequence[LearnedRow], cameras: Sequence[str]
) -> tuple[list[Addition], list[str]]:
    """Return what the entries of `cameras` (if empty: all) gain, ordered by key, and which are left out and why.

    Raises StageError where a camera that is named would be left out.
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
        reason = _obstacle(catalogue, camera, learned, key)
        if reason and cameras:
            raise StageError(reason)
        if reason or camera is None:
            left_out.append(reason)
        elif not camera.is_listed:
            found.append(_new_entry(camera, learned))
        else:
            listed = catalogue[key]
            values = {field: _new(getattr(camera, field), getattr(listed, field)) for field in FIELDS.values()}
            if any(values.values()):
                found.append(Addition(camera, False, values))
    return found, left_out


def pattern_of(text: str) -> str:
    """Return the catalogue pattern that matches this text alone; blanks are compared as the catalogue compares them."""
    return _SPECIAL.sub(r"[\g<0>]", " ".join(text.split()))


def with_additions(catalogue: Catalogue, found: Sequence[Addition]) -> Catalogue:
    """Return the catalogue with additions to its entries."""
    cameras = {camera.key: camera for camera in catalogue.cameras} | {one.key: one.camera for one in found}
    return Catalogue(cameras=tuple(cameras[key] for key in sorted(cameras)))


def _new_entry(camera: Camera, learned: Sequence[LearnedRow]) -> Addition:
    make, model = _exif_name(learned, camera.key)
    entry = camera.model_copy(update={"make": (pattern_of(make),), "model": (pattern_of(model),)})
    values = {field: getattr(camera, field) for field in FIELDS.values()}
    loose = (row for row in learned if (row["camera"], row["aspect"], row["native"]) == (camera.key, "software", False))
    return Addition(entry, True, values, () if camera.software else tuple(row["value"] for row in loose))


def _new(values: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value not in known)


def _obstacle(catalogue: Catalogue, camera: Camera | None, learned: Sequence[LearnedRow], key: str) -> str:
    """Return why a camera cannot have an entry, empty where it can."""
    if camera is None:
        return f"{key}: left out, no native size was learned, without which a catalogue lists no camera"
    if camera.is_listed:
        return ""
    make, model = _exif_name(learned, key)
    taken = catalogue.identify(make, model)
    return f"{key}: left out, {make} {model} is taken by {taken.key}" if taken else ""


def _exif_name(learned: Sequence[LearnedRow], key: str) -> tuple[str, str]:
    text = next(row["text"] for row in learned if row["camera"] == key and row["aspect"] == CAMERA)
    return text.partition("\n")[::2]
