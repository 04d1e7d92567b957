"""Cut the time of a query into slices, and find those that are still to be crawled. Pure.

Each crawl sets out to cover spans of time. A span is halved until each slice is small enough for the site to list, and
each such slice is a window. The store keeps every window with its span, so a crawl that was cut off halves the same
spans at the same points, and leaves the same windows as one that was not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from corpus.sections import Site
from corpus.text import parsed_time, unique_slug


class TimeSlice(NamedTuple):
    """A stretch of time in seconds since 1970, without its end."""

    start_s: int
    end_s: int


@dataclass(frozen=True)
class Step:
    """A window, whole or still to be crawled, and the span that it was halved from."""

    window: TimeSlice
    span: TimeSlice


def gaps(whole: TimeSlice, covered: Iterable[TimeSlice]) -> list[TimeSlice]:
    """Return the slices of `whole` that are not covered, in order; `covered` may overlap and reach beyond."""
    open_from_s, open_slices = whole.start_s, []
    for time_slice in sorted(covered):
        if time_slice.start_s >= whole.end_s:
            break
        if time_slice.start_s > open_from_s:
            open_slices.append(TimeSlice(open_from_s, time_slice.start_s))
        open_from_s = max(open_from_s, time_slice.end_s)
    if open_from_s < whole.end_s:
        open_slices.append(TimeSlice(open_from_s, whole.end_s))
    return open_slices


def spans(whole: TimeSlice, done: Iterable[Step], begun: Iterable[TimeSlice] = ()) -> list[TimeSlice]:
    """Return the spans to work on, in order: those begun and not finished, and the time that no span covers yet.

    `done`: the windows that are whole. `begun`: spans of which no window is whole yet.
    """
    done = list(done)
    windows = [step.window for step in done]
    known = {step.span for step in done} | set(begun)
    within = {span for span in known if span.start_s >= whole.start_s and span.end_s <= whole.end_s}
    unfinished = [span for span in within if gaps(span, windows)]
    return sorted(unfinished + gaps(whole, windows + unfinished))


def years(whole: TimeSlice) -> list[TimeSlice]:
    """Return a slice cut at the turns of years, UTC: pieces that do not move when the slice grows."""
    pieces, start_s = [], whole.start_s
    while start_s < whole.end_s:
        new_year = datetime(datetime.fromtimestamp(start_s, UTC).year + 1, 1, 1, tzinfo=UTC)
        end_s = min(int(new_year.timestamp()), whole.end_s)
        pieces.append(TimeSlice(start_s, end_s))
        start_s = end_s
    return pieces


def halves(time_slice: TimeSlice, shortest_s: int) -> tuple[TimeSlice, TimeSlice] | None:
    """Return both halves of a slice, None where they would be shorter than `shortest_s`."""
    if time_slice.end_s - time_slice.start_s < 2 * shortest_s:
        return None
    middle_s = (time_slice.start_s + time_slice.end_s) // 2
    return TimeSlice(time_slice.start_s, middle_s), TimeSlice(middle_s, time_slice.end_s)


class Walk:
    """A walk through the open time of one query: take a step, then either halve it or finish it.

    `done` are the windows that are whole already, `begun` spans that have none. A step shorter than twice `shortest_s`
    cannot be halved.
    """

    def __init__(
        self, whole: TimeSlice, done: Iterable[Step], shortest_s: int, begun: Iterable[TimeSlice] = ()
    ) -> None:
        done = list(done)
        self.windows = [step.window for step in done]
        self.pending = [Step(span, span) for span in spans(whole, done, begun)]
        self.shortest_s = shortest_s

    def step(self) -> Step | None:
        """Return the next slice to ask for, no part of which is covered; None at the end."""
        while self.pending:
            step = self.pending.pop(0)
            open_slices = gaps(step.window, self.windows)
            if open_slices == [step.window]:
                return step
            # partly covered: it was halved by a crawl that was cut off, and is halved again without asking
            if open_slices and not self.halve(step):
                self.pending[:0] = [Step(gap, step.span) for gap in open_slices]
        return None

    def halve(self, step: Step) -> bool:
        """Make the halves of a slice the next steps; False where they would be too short."""
        two = halves(step.window, self.shortest_s)
        if two is not None:
            self.pending[:0] = [Step(half, step.span) for half in two]
        return two is not None

    def finish(self, step: Step) -> None:
        """Count a slice as a whole window."""
        self.windows.append(step.window)


def window_name(time_slice: TimeSlice, query: str) -> str:
    """Return the name of a window, which sorts by time, is safe as a path and is unique to the query and slice."""
    start, end = (datetime.fromtimestamp(time_s, UTC).strftime("%Y%m%dT%H%M%SZ") for time_s in time_slice)
    return f"{start}_{end}{query_ending(query)}"


def query_ending(query: str) -> str:
    """Return the ending that the names of all windows of a query have in common."""
    return f"_{unique_slug(query)}"


def period(section: Site, now_s: float) -> TimeSlice:
    """Return the time that a crawl starting now would cover.

    A window may not reach into the future: it would count as whole before its photos are uploaded.
    """
    since_s, until_s = parsed_time(section.since), start_of_hour(now_s)
    if section.until is not None and parsed_time(section.until) <= now_s:
        until_s = parsed_time(section.until)
    return TimeSlice(since_s, max(since_s, until_s))


def start_of_hour(time_s: float) -> int:
    """Return the last full hour, so that a second crawl within the hour finds nothing new to ask for."""
    return int(time_s) // 3600 * 3600
