"""Part: what the overview says of one thing: lines for people, the same as plain data, and advice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from corpus.text import iso_time


@dataclass(frozen=True)
class Advice:
    """Something that a person may want to do."""

    what: str
    command: str
    """What to type; for what no command mends, a sentence."""
    is_wrong: bool = True
    """Whether it should not be so; False for what is simply next."""


@dataclass(frozen=True)
class Part:
    """One part of the overview."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    """Sentences below the table."""
    data: Mapping[str, Any] | Sequence[Any] = field(default_factory=dict)
    """The same for programs."""
    advice: Sequence[Advice] = ()


def ago(moment_s: float | None, now_s: float) -> str:
    """Return how long ago a moment was, with its time: `3 h ago (2026-11-29T12:00:00Z)`; `never` for None."""
    if moment_s is None:
        return "never"
    return f"{span(now_s - moment_s)} ago ({iso_time(moment_s)})"


def span(length_s: float) -> str:
    """Return a length of time in its largest unit, e.g. `3 h`."""
    for unit_s, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if length_s >= 2 * unit_s:
            return f"{length_s // unit_s:,.0f} {name}"
    return f"{max(length_s, 0):.0f} s"
