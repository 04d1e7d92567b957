r"""Text: makes short, safe text for people and paths from numbers, times and strings of any origin.

size(1_240_000_000)          "1.24 GB"
count(1200, "photo")         "1,200 photos"
iso_time(1412236800)         "2014-10-02T08:00:00Z"
span(7500)                   "2 h 5 min"
escaped("a\x1b[2J")           r"a\x1b[2J"
slug("Taken with NEX-7")     "taken-with-nex-7"
"""

import os
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T", str, tuple[str, str])

SLUG_MAX_CHARACTERS = 60
_YEARS = (1970, 2199)
SIZE_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
"""Decimal units of size: bytes and name, the largest first."""


def size(size_bytes: int) -> str:
    """Return a size in the largest decimal unit that it reaches, e.g. `1.24 GB`."""
    for unit, name in SIZE_UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:,.2f} {name}"
    return f"{size_bytes} B"


def count(number: int, thing: str) -> str:
    """Return a number and what it counts, in singular or plural, e.g. `1 photo`, `1,200 photos`."""
    return f"{number:,} {thing if number == 1 else f'{thing}s'}"


def ranked(counted: Mapping[T, int]) -> list[tuple[T, int]]:
    """Return values with their counts, the commonest first and equal ones by value."""
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def commonest(counted: Mapping[str, int], shown: int) -> str:
    """Return the `shown` commonest values with their counts, and how many more values there are."""
    ordered = ranked(counted)
    text = ", ".join(f"{value} ({number:,})" for value, number in ordered[:shown])
    more = len(ordered) - shown
    return f"{text} and {more:,} more" if more > 0 else text


def years(counted: Mapping[str, int]) -> str:
    """Return the first and the last year of counts by year (`?`: unknown), e.g. `2012–2016`."""
    known = sorted(year for year in counted if year != "?")
    if not known:
        return "unknown" if counted else ""
    return known[0] if known[0] == known[-1] else f"{known[0]}–{known[-1]}"


def clipped(text: str, characters: int) -> str:
    """Return a text cut to at most `characters`, with an ellipsis for the rest."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def one_line(text: str, characters: int) -> str:
    """Return a text as `escaped` shows it, line breaks included, clipped to at most `characters`."""
    return clipped(escaped(text[: characters + 1]), characters)


def escaped(text: str | os.PathLike[str], keep: str = "") -> str:
    r"""Return a name, a path or a title as it may be shown anywhere, with escapes for what is not seen.

    These are control characters (U+0080 to U+009F too), marks of direction and of no width, separators of lines and
    paragraphs, and bytes of a file's name that are not UTF-8 (`\xe9`). `keep`: characters that are left as they are.
    """
    text = os.fspath(text)
    if text.isprintable():
        return text
    return "".join(each if _is_seen(each) or each in keep else _escape(each) for each in text)


def as_utf8(text: str) -> str:
    r"""Return a text that can be written as UTF-8: bytes of a file's name that are not become `\xe9`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_seen(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # blanks of any script


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python keeps a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def slug(text: str) -> str:
    """Return lower-case letters, digits and hyphens of a text, at most SLUG_MAX_CHARACTERS: safe within a path."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:SLUG_MAX_CHARACTERS].strip("-")


def unique_slug(text: str) -> str:
    """Return a slug with 8 hex digits of the text's SHA-256, so that no other text has the same."""
    return f"{slug(text)}-{sha256(text.encode()).hexdigest()[:8]}".lstrip("-")


def parsed_time(text: str) -> int:
    """Return an ISO 8601 date or time, UTC unless it says otherwise, as seconds since 1970.

    Raises ValueError for any other text, and for times before 1970 or after 2199, of which no site has an upload.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("is not an ISO date or time such as 2010-01-31") from error
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise ValueError("is not within the years {} to {}".format(*_YEARS))
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def iso_time(time_s: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, e.g. `2014-10-02T08:00:00Z`."""
    return datetime.fromtimestamp(int(time_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(seconds: float) -> str:
    """Return a span of time in its two largest units, e.g. `2 h 5 min`."""
    left, parts = round(seconds), list[str]()
    for unit_s, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= unit_s or (name == "s" and not parts):
            parts.append(f"{left // unit_s} {name}")
            left %= unit_s
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def pace(per_s: float) -> str:
    """Return a rate with two digits or more, by the minute where it is slow: `3.4/s`, `2.1/min`."""
    number, unit = (per_s, "s") if per_s >= 1 or per_s == 0 else (60 * per_s, "min")
    return f"{number:,.0f}/{unit}" if number >= 10 or number == 0 else f"{number:.1f}/{unit}"


def ago(moment_s: float | None, now_s: float) -> str:
    """Return how long ago a moment was, with its time: `3 h 5 min ago (2026-11-29T12:00:00Z)`; `never` for None."""
    if moment_s is None:
        return "never"
    return f"{span(max(0.0, now_s - moment_s))} ago ({iso_time(moment_s)})"


def leading_number(name: str) -> int:
    """Return the number that the name of a generation or run begins with (12 for `0012-3fa9`), otherwise 0."""
    first = name.partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else 0


def age(name: str) -> tuple[int, str]:
    """Return what names of generations and runs are sorted by, the oldest first: their number, then their name."""
    return leading_number(name), name
