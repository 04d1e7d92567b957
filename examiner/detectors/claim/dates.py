"""Dates: holds the dates of a file against each other, and says what would be plausible.

Texts → comparisons. A camera writes one moment into three tags, within a second or two; GPS time is UTC and differs
from it by the time zone, a multiple of a quarter of an hour between −12 and +14 hours; a colour profile cannot be
younger than the picture. Programs that edit a file move one of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from re import fullmatch

from curation.rules import moment
from forensics.metadata.exif.moments import Moments

_QUARTER_S = 15 * 60
_DAY_S = 86_400
_ZONES_S = (-12 * 3600, 14 * 3600)
XMP_DATES = {
    "xmp:CreateDate": "created (XMP)",
    "xmp:ModifyDate": "changed (XMP)",
    "xmp:MetadataDate": "metadata changed (XMP)",
    "photoshop:DateCreated": "created (XMP, Photoshop)",
}
"""Properties that are compared with the moment when the photograph was taken."""


@dataclass(frozen=True)
class Comparison:
    """Two dates that should agree."""

    what: str
    """`changed 2 h 3 min after it was taken`."""
    apart_s: float
    """How far they are from what is plausible, in seconds; 0 where they agree."""
    plausible: str


def compared(moments: Moments, xmp: Mapping[str, str], profile_created: str | None) -> list[Comparison]:
    """Return every comparison that the dates of a file allow, those that agree among them.

    `xmp`: texts of XMP_DATES; `profile_created`: when its colour profile was made, as EXIF writes dates.
    """
    return [*_of_exif(moments), *_of_gps(moments), *_of_xmp(moments, xmp), *_of_profile(moments, profile_created)]


def duration(seconds: float) -> str:
    """Return a length of time in words, in its two largest units."""
    left = round(abs(seconds))
    parts = []
    for unit_s, name in ((_DAY_S, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= unit_s:
            parts.append(f"{left // unit_s:,} {name}")
            left %= unit_s
    return " ".join(parts[:2]) or "0 s"


def _of_exif(moments: Moments) -> Iterator[Comparison]:
    taken = moment(moments.taken)
    for name, text, offset, plausible in (
        ("changed", moments.modified, moments.modified_offset, "the same, or minutes later after a long exposure"),
        ("digitised", moments.digitised, moments.digitised_offset, "the same: a camera digitises as it takes"),
    ):
        other = moment(text)
        if taken is None or other is None:
            continue
        apart = (other - taken).total_seconds() - _zone_difference_s(moments.taken_offset, offset)
        yield Comparison(_apart(name, apart), abs(apart), plausible)


def _of_gps(moments: Moments) -> Iterator[Comparison]:
    taken = moment(moments.taken)
    if taken is None or moments.gps_date is None:
        return
    if moments.gps_time is None:
        date = moment(f"{moments.gps_date} 12:00:00")
        if date is not None:
            apart = max(0.0, abs((date - taken).total_seconds()) - 1.5 * _DAY_S - _ZONES_S[1])
            what = f"GPS date {moments.gps_date}, taken {taken:%Y:%m:%d}"
            yield Comparison(what, apart, "the same day, or the one before or after it")
        return
    satellite = moment(f"{moments.gps_date} {moments.gps_time}")
    if satellite is None:
        return
    zone_s = (taken - satellite).total_seconds()
    stated = _offset_s(moments.taken_offset)
    if stated is not None:
        yield Comparison(
            f"GPS time is {duration(zone_s - stated)} off the camera's clock at its offset {moments.taken_offset}",
            abs(zone_s - stated), "seconds; minutes to hours where the position was not found anew",
        )  # fmt: skip
        return
    nearest = min(max(round(zone_s / _QUARTER_S) * _QUARTER_S, _ZONES_S[0]), _ZONES_S[1])
    yield Comparison(
        f"by GPS time, the camera's clock is {_zone(zone_s)} from UTC", abs(zone_s - nearest),
        "a time zone: whole quarters of an hour from −12 to +14 hours, give or take minutes",
    )  # fmt: skip


def _of_xmp(moments: Moments, xmp: Mapping[str, str]) -> Iterator[Comparison]:
    taken = moment(moments.taken)
    for name, what in XMP_DATES.items():
        text = xmp.get(name)
        other, is_day = _iso(text) if text else (None, False)
        if taken is None or other is None:
            continue
        if is_day:
            apart = abs((other.date() - taken.date()).days) * _DAY_S
            yield Comparison(f"{what} on {text}, taken on {taken:%Y:%m:%d}", apart, "the same day")
            continue
        apart_s = (other - taken).total_seconds()
        yield Comparison(_apart(what, apart_s), abs(apart_s), "the same: cameras that write XMP repeat their clock")


def _of_profile(moments: Moments, created: str | None) -> Iterator[Comparison]:
    taken, made = moment(moments.taken), moment(created)
    if taken is not None and made is not None:
        apart = (made - taken).total_seconds()
        yield Comparison(
            f"the colour profile was made {duration(apart)} {'after' if apart > 0 else 'before'} the photograph",
            max(0.0, apart - _DAY_S), "before: a profile is older than the firmware that writes it",
        )  # fmt: skip


def _apart(name: str, seconds: float) -> str:
    if not seconds:
        return f"{name} when it was taken"
    return f"{name} {duration(seconds)} {'after' if seconds > 0 else 'before'} it was taken"


def _zone(seconds: float) -> str:
    return f"{'+' if seconds >= 0 else '−'}{duration(seconds)}"


def _zone_difference_s(first: str | None, second: str | None) -> float:
    """Return by how much two clocks differ by their stated offsets; 0 where one of them is not stated."""
    one, other = _offset_s(first), _offset_s(second)
    return 0.0 if one is None or other is None else other - one


def _offset_s(text: str | None) -> float | None:
    found = fullmatch(r"([+-])(\d\d):?(\d\d)|Z", (text or "").strip())
    if found is None:
        return None
    if found[1] is None:
        return 0.0
    return (1 if found[1] == "+" else -1) * (int(found[2]) * 3600 + int(found[3]) * 60)


def _iso(text: str) -> tuple[datetime | None, bool]:
    """Return a date of XMP without its time zone, and whether it is a whole day."""
    if fullmatch(r"\d{4}-\d\d-\d\d", text):
        return moment(text.replace("-", ":") + " 00:00:00"), True
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0), False
    except ValueError:
        return None, False
