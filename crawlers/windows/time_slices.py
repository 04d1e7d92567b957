"""Windows: slices of time in, the slices still to be asked for out. Pure.

A query's time is covered by spans, one for each stretch a crawl sets out to cover; a span is halved until a
slice fits into what the site will list, and each such slice is a window. Windows and their span are written into
the store, so a crawl that was cut off halves the same spans at the same points and leaves the same windows behind
as one that was not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from corpus.errors import ConfigurationError
from corpus.sections import Site
from corpus.text import unique_slug


class TimeSlice(NamedTuple):
    """A stretch of time, seconds since 1970; the end does not belong to it."""

    start_s: int
    end_s: int


@dataclass(frozen=True)
class Done:
    """A window that is whole, and the span it was halved from."""

    window: TimeSlice
    span: TimeSlice


def gaps(whole: TimeSlice, done: Iterable[TimeSlice]) -> list[TimeSlice]:
    """Return what `done` leaves open of `whole`, in order; `done` may overlap and reach beyond."""
    open_from_s, found = whole.start_s, []
    for part in sorted(done):
        if part.start_s >= whole.end_s:
            break
        if part.start_s > open_from_s:
            found.append(TimeSlice(open_from_s, part.start_s))
        open_from_s = max(open_from_s, part.end_s)
    if open_from_s < whole.end_s:
        found.append(TimeSlice(open_from_s, whole.end_s))
    return found


def spans(whole: TimeSlice, done: Iterable[Done], begun: Iterable[TimeSlice] = ()) -> list[TimeSlice]:
    """Return the spans to work on, in order: those begun and not ended, and what no span has covered yet.

    `begun`: spans of which no window is whole yet.
    """
    done = list(done)
    windows = [each.window for each in done]
    known = {each.span for each in done} | set(begun)
    begun = {span for span in known if span.start_s >= whole.start_s and span.end_s <= whole.end_s}
    unfinished = [span for span in begun if gaps(span, windows)]
    return sorted(unfinished + gaps(whole, windows + unfinished))


def years(whole: TimeSlice) -> list[TimeSlice]:
    """Return a slice cut at the turns of years, UTC: pieces that do not move when the slice grows."""
    found, start_s = [], whole.start_s
    while start_s < whole.end_s:
        new_year = datetime(datetime.fromtimestamp(start_s, UTC).year + 1, 1, 1, tzinfo=UTC)
        end_s = min(int(new_year.timestamp()), whole.end_s)
        found.append(TimeSlice(start_s, end_s))
        start_s = end_s
    return found


def halves(part: TimeSlice, shortest_s: int) -> tuple[TimeSlice, TimeSlice] | None:
    """Return both halves of a slice, None where they would be shorter than `shortest_s`."""
    if part.end_s - part.start_s < 2 * shortest_s:
        return None
    middle_s = (part.start_s + part.end_s) // 2
    return TimeSlice(part.start_s, middle_s), TimeSlice(middle_s, part.end_s)


class Walk:
    """A walk through the open time of one query: take a step, then either halve it or finish it.

    `done` are the windows that are whole already, `begun` spans that have none; a step shorter than twice `shortest_s`
    cannot be halved.
    """

    def __init__(
        self, whole: TimeSlice, done: Iterable[Done], shortest_s: int, begun: Iterable[TimeSlice] = ()
    ) -> None:
        done = list(done)
        self.windows = [each.window for each in done]
        self.pending = [Done(span, span) for span in spans(whole, done, begun)]
        self.shortest_s = shortest_s

    def step(self) -> Done | None:
        """Return the next slice to ask for, wholly open, with its span; None at the end."""
        while self.pending:
            step = self.pending.pop(0)
            if not gaps(step.window, self.windows):
                continue
            if gaps(step.window, self.windows) == [step.window]:
                return step
            # open in parts only: it was halved by a crawl that was cut off, and is halved again without a question
            if not self.halve(step):
                self.pending[:0] = [Done(gap, step.span) for gap in gaps(step.window, self.windows)]
        return None

    def halve(self, step: Done) -> bool:
        """Take a slice's halves as the next steps; False where they would be too short."""
        two = halves(step.window, self.shortest_s)
        if two is not None:
            self.pending[:0] = [Done(half, step.span) for half in two]
        return two is not None

    def finish(self, step: Done) -> None:
        """Count a slice as a whole window."""
        self.windows.append(step.window)


def window_name(part: TimeSlice, query: str) -> str:
    """Return a window's name: it sorts by time, is safe as a path, and no other query or slice has it."""
    return f"{_stamp(part.start_s)}_{_stamp(part.end_s)}{query_ending(query)}"


def query_ending(query: str) -> str:
    """Return what the names of all windows of a query end with."""
    return f"_{unique_slug(query)}"


def parse_time(key: str, text: str) -> int:
    """Return an ISO date or time (UTC unless it says otherwise) as seconds since 1970.

    Raises ConfigurationError naming `key`, the path in `pipelines.yaml`.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"{key}: {text!r} is not an ISO date or time such as 2010-01-31") from error
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def period(section: Site, key: str, now_s: float) -> TimeSlice:
    """Return the time a crawl that begins now would cover; raises ConfigurationError naming `key`, its section.

    A window may not reach into the future: it would count as whole before its photos are there.
    """
    since_s, until_s = parse_time(f"{key}.since", section.since), start_of_hour(now_s)
    if section.until is not None:
        wanted_s = parse_time(f"{key}.until", section.until)
        until_s = wanted_s if wanted_s <= now_s else until_s
    return TimeSlice(since_s, max(since_s, until_s))


def start_of_hour(time_s: float) -> int:
    """Return the last full hour: a second crawl within it finds nothing new to ask for."""
    return int(time_s) // 3600 * 3600


def _stamp(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y%m%dT%H%M%SZ")
