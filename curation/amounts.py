"""Amounts: numbers of photos and bytes, and texts of any length in; short text for people out."""

from collections.abc import Mapping


def size(size_bytes: int) -> str:
    """Return a size in the largest decimal unit it fills, e.g. `1.24 GB`."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:,.2f} {name}"
    return f"{size_bytes} B"


def count(number: int, thing: str) -> str:
    """Return a number with what it counts, in the singular or the plural, e.g. `1 photo`, `1,200 photos`."""
    return f"{number:,} {thing if number == 1 else f'{thing}s'}"


def commonest(counted: Mapping[str, int], shown: int) -> str:
    """Return the commonest values with their counts, and how many more there are."""
    ordered = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    text = ", ".join(f"{value} ({number:,})" for value, number in ordered[:shown])
    more = len(ordered) - shown
    return f"{text} and {more:,} more" if more > 0 else text


def years(counted: Mapping[str, int]) -> str:
    """Return the first and the last year of counts a year (`?`: unknown), e.g. `2012–2016`."""
    known = sorted(year for year in counted if year != "?")
    if not known:
        return "unknown" if counted else ""
    return known[0] if known[0] == known[-1] else f"{known[0]}–{known[-1]}"


def clipped(text: str, characters: int) -> str:
    """Return a text cut to so many characters, with an ellipsis for the rest."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
