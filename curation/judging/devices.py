"""Devices: tell from a serial number which photos one device took, and keep these on one side for ever; pure.

A device is the maker, model and serial number that EXIF or the MakerNote has, whatever folder, owner or site a photo
came through. Its group is named after it. Photos that an earlier generation has put into other groups stay there: it
did not know the device, or another upload was at their place. Then the device's new photos join the group with most of
its photos. Where the groups of one device lie on two sides (splits, or folds of cross-validation), its photos on the
smaller side are refused, since a photo never changes sides.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from curation.generations import Ledger

DEVICE_ON_TWO_SIDES = "device_on_two_sides"
"""The reason against photos whose device lies on another side than they."""

_SERIAL_CHARACTERS_MIN = 4
_NO_SERIAL = re.compile(r"(.)\1*|0*123456789?0?|unknown|none|null|n/?a|undefined|default|serial ?number", re.IGNORECASE)


def device_of(make: str | None, model: str | None, serial_number: str | None) -> str | None:
    """Return the group named after a device, 16 hex digits; None where no serial number tells it.

    Of the maker only the first word counts: firmware spells the rest in several ways.
    """
    if not has_serial(serial_number):
        return None
    maker = " ".join((make or "").split()[:1])
    identity = ("device", maker, " ".join((model or "").split()), " ".join(str(serial_number).split()))
    return hashlib.sha256("\0".join(identity).casefold().encode()).hexdigest()[:16]


def has_serial(serial_number: str | None) -> bool:
    """Whether a serial number can tell devices apart: not blank, not one character repeated, no filler word."""
    text = " ".join((serial_number or "").split())
    return len(text) >= _SERIAL_CHARACTERS_MIN and not _NO_SERIAL.fullmatch(text)


class DeviceGroup(NamedTuple):
    """How many photos of a device earlier generations have put into one group."""

    device: str
    group: str
    photos: int
    kept_before: int
    """Those that the generation before kept."""


class DeviceSides(NamedTuple):
    """What becomes of devices whose photos are not all in the group named after them."""

    group: Mapping[str, str]
    """By device: the group that its photos without a side join."""
    refused: Mapping[str, frozenset[str]]
    """By device: the groups in which its photos are refused."""
    bound: Mapping[str, str]
    """Groups that share a device → one of them that stands for all; they have one fold."""


def device_sides(found: Iterable[DeviceGroup], ledger: Ledger) -> DeviceSides:
    """Return what becomes of devices; `found`: the groups of each device that has photos in another than its own.

    The side with the most photos kept before is the device's, then that with the most photos, then the first by name
    of its group. A group that the ledger does not have lies on no side.
    """
    by_device: dict[str, list[DeviceGroup]] = defaultdict(list)
    for one in found:
        by_device[one.device].append(one)
    joined: dict[str, str] = {}
    refused: dict[str, frozenset[str]] = {}
    bound: dict[str, str] = {}
    for device, groups in sorted(by_device.items()):
        sided = [one for one in groups if one.group in ledger.splits] or groups
        best = min(sided, key=lambda one: (-one.kept_before, -one.photos, one.group))
        joined[device] = best.group
        side = _side(best.group, ledger)
        elsewhere = frozenset(one.group for one in sided if _side(one.group, ledger) != side)
        if elsewhere:
            refused[device] = elsewhere
        same = sorted({_representative(one.group, bound) for one in sided if one.group not in elsewhere})
        bound.update(dict.fromkeys(same[1:], same[0]))
    return DeviceSides(joined, refused, {group: _representative(group, bound) for group in bound})


def _side(group: str, ledger: Ledger) -> tuple[str | None, int | None]:
    return ledger.splits.get(group), ledger.folds.get(group)


def _representative(group: str, bound: Mapping[str, str]) -> str:
    while group in bound:
        group = bound[group]
    return group
