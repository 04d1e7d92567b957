"""Splitting: groups of photographs in, one split a group out, the same one for ever.

A group stands for one device: its serial number where EXIF has a plausible one, else the owner. What the ledger
of earlier generations says is never changed. New groups go, the largest first, where their camera lacks the most
photographs; a camera with three groups is in all splits, one with two in train and test, one with one in train.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

SPLITS = ("train", "test", "validation")
"""In the order in which a camera with few groups gets them."""

_SERIAL_CHARACTERS_MIN = 4
_NO_SERIAL = re.compile(r"(.)\1*|0*123456789?0?|unknown|none|null|n/?a|undefined|default|serial ?number", re.IGNORECASE)


def group_of(camera: str | None, serial_number: str | None, source: str, owner: str | None) -> str:
    """Return the group of a photo: 16 hex digits that stand for its device, or for its owner where no serial tells."""
    if camera and has_serial(serial_number):
        identity = ("device", camera, " ".join(str(serial_number).split()).casefold())
    else:
        # owners a site does not name are one group: apart, one person's photographs could stand on both sides
        identity = ("owner", source, owner or "")
    return hashlib.sha256("\0".join(identity).encode()).hexdigest()[:16]


def has_serial(serial_number: str | None) -> bool:
    """Whether a serial number can tell devices apart: not blank, not one character repeated, no filler word."""
    text = " ".join((serial_number or "").split())
    return len(text) >= _SERIAL_CHARACTERS_MIN and not _NO_SERIAL.fullmatch(text)


def assign_splits(
    ledger: Mapping[str, str], kept: Iterable[tuple[str, str]], *, test: float, validation: float
) -> dict[str, str]:
    """Return the split of every group of the ledger and of `kept`, pairs (camera, group) one a kept photo.

    `test` and `validation` are shares of a camera's photographs. Deterministic; cameras with the fewest groups
    choose first, since a group shared with another camera is bound once that one has chosen.
    """
    shares = {"train": 1 - test - validation, "test": test, "validation": validation}
    photos: dict[str, Counter[str]] = defaultdict(Counter)
    for camera, group in kept:
        photos[camera][group] += 1
    splits = dict(ledger)
    for camera in sorted(photos, key=lambda camera: (len(photos[camera]), camera)):
        _assign_camera(splits, photos[camera], shares)
    return splits


def _assign_camera(splits: dict[str, str], photos: Counter[str], shares: Mapping[str, float]) -> None:
    """Add the new groups of one camera to `splits`; `photos`: its photographs by group."""
    total = photos.total()
    lacking = {split: shares[split] * total for split in SPLITS}
    held: set[str] = set()
    for group in photos.keys() & splits.keys():
        held.add(splits[group])
        lacking[splits[group]] -= photos[group]
    new = sorted(photos.keys() - splits.keys(), key=lambda group: (-photos[group], group))
    needed = SPLITS[: len(photos)]
    for place, group in enumerate(new):
        missing = [split for split in needed if split not in held]
        candidates = missing if len(missing) >= len(new) - place else needed
        # max keeps the first of equals: SPLITS is the order of preference
        split = max(candidates, key=lambda split: lacking[split])
        splits[group] = split
        held.add(split)
        lacking[split] -= photos[group]
