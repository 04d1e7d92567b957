"""Show the progress of a crawl: a display that redraws itself on a terminal, else a line now and then.

The event loop calls `tick` every half second or so; nothing here waits or starts a thread. While the display is shown,
log lines are printed above it: the root logger's handlers keep their level, format and filters, and get their own
stream back at the end.
"""

import logging
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from corpus.text import escaped

LINE_EVERY_S = 10.0
PACE_OVER_S = 30.0  # long enough for one large photo not to disturb the rate, short enough to show a slow site
REASONS_SHOWN = 4
BAR_WIDTH = 30


@dataclass(frozen=True)
class View:
    """The state of a crawl at one moment."""

    source: str = ""
    query: str = ""
    query_number: int = 0
    queries: int = 0  # how many there are in all; 0 where that is unknown
    window: str = ""
    window_done: int = 0
    window_total: int = 0  # photos of the current window
    counts: Mapping[str, int] = field(default_factory=dict)  # photos by state, windows; bytes stored
    reasons: Mapping[str, int] = field(default_factory=dict)  # why photos were refused
    waiting: str = ""  # what the crawl waits for, as a clause; empty where it does not wait
    calls_left: int | None = None  # calls that the site's key may make now; None where they are not counted


@dataclass(frozen=True)
class Pace:
    """The pace of a crawl, over at most the last PACE_OVER_S."""

    photos_per_s: float = 0.0
    megabytes_per_s: float = 0.0

    def remaining(self, view: View) -> str:
        """Return how long the current window will still take; empty where that is unknown."""
        photos = view.window_total - view.window_done
        return f"about {duration(photos / self.photos_per_s)} left" if photos > 0 and self.photos_per_s > 0 else ""


def progress_line(view: View, pace: Pace) -> str:
    """Return one line: where the crawl is, how many photos are in which state, the pace and the time left."""
    parts = [
        f"{_place(view)}: {view.counts.get('found', 0)} photos found: {_states(view)}",
        f"{pace.photos_per_s:.1f} a second, {pace.megabytes_per_s:.1f} MB a second, {_stored(view)}",
    ]
    if view.window_total:
        left = pace.remaining(view)
        parts.append(f"window at {view.window_done} of {view.window_total}" + (f", {left}" if left else ""))
    return escaped("; ".join(parts + _circumstances(view)))


def display(view: View, pace: Pace) -> RenderableType:
    """Return the same for a terminal: a few lines and a bar."""
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        _line(view.window or "looking for windows"),
        ProgressBar(total=max(view.window_total, 1), completed=view.window_done, width=BAR_WIDTH),
        _line(f"{view.window_done:,}/{view.window_total:,} photos"),
        _line(pace.remaining(view)),
    )
    reasons = Counter(view.reasons).most_common(REASONS_SHOWN)
    lines = [
        f"{pace.photos_per_s:.1f} photos/s, {pace.megabytes_per_s:.1f} MB/s; {_states(view)}; {_stored(view)} in "
        f"{view.counts.get('windows', 0):,} windows",
        "refused: " + ", ".join(f"{reason} {number:,}" for reason, number in reasons) if reasons else "",
        "; ".join(_circumstances(view)),
    ]
    return Group(_line(_place(view), "bold"), bar, *(_line(line) for line in lines if line))


def duration(length_s: float) -> str:
    """Return a length of time in its two largest units, e.g. `3 h 20 min`."""
    minutes, seconds = divmod(max(round(length_s), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


class Progress:
    """Shows a crawl from `start` to `stop`: continuously on a terminal, else with a line every LINE_EVERY_S."""

    def __init__(
        self,
        view: Callable[[], View],
        say: Callable[[str], None],
        is_terminal: bool,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.view, self.say, self.clock = view, say, clock
        # the time, how many photos had their row by then, and how many bytes were stored
        self.samples: deque[tuple[float, int, int]] = deque()
        self.live: Live | None = None
        if is_terminal:
            console = console or Console(stderr=True)
            # only `tick` redraws it: a thread of rich's would read what the event loop is changing
            self.live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        self.routes: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []

    @staticmethod
    def is_watched() -> bool:
        """Whether the standard error output is a terminal that can redraw its lines."""
        return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")

    def start(self) -> None:
        """Start; the first line comes after LINE_EVERY_S."""
        self.stderr = sys.stderr
        self.said_s = self.clock()
        self._sample()
        if self.live is not None:
            self.live.start()
            self.tick()

    def tick(self) -> None:
        """Redraw the display, or print a line if LINE_EVERY_S have passed."""
        view, pace = self._sample()
        if self.live is not None:
            self._route()
            self.live.update(display(view, pace), refresh=True)
        elif self.clock() - self.said_s >= LINE_EVERY_S:
            self.said_s = self.clock()
            self.say(progress_line(view, pace))

    def stop(self) -> None:
        """Remove the display and give the log handlers their streams back."""
        if self.live is not None:
            self.live.stop()
        while self.routes:
            handler, stream = self.routes.pop()
            handler.setStream(stream)

    def _sample(self) -> tuple[View, Pace]:
        view, now_s = self.view(), self.clock()
        photos, size_bytes = sum(view.counts.get(state, 0) for state in _STATES), view.counts.get("bytes", 0)
        self.samples.append((now_s, photos, size_bytes))
        while self.samples[0][0] < now_s - PACE_OVER_S:
            self.samples.popleft()
        first_s, first_photos, first_bytes = self.samples[0]
        if now_s <= first_s:
            return view, Pace()
        elapsed_s = now_s - first_s
        return view, Pace((photos - first_photos) / elapsed_s, (size_bytes - first_bytes) / 1e6 / elapsed_s)

    def _route(self) -> None:
        # at every tick, since Scrapy sets up its handlers anew at any time
        for handler in logging.root.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in (self.stderr, sys.stderr):
                assert self.live is not None  # noqa: S101 - log lines are routed only while there is a display
                handler.setStream(cast(TextIO, _Above(self.live.console)))
                self.routes.append((handler, self.stderr))


class _Above:
    """A stream for log lines, which the console prints above the display."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def write(self, text: str) -> int:
        # unchanged: no markup, and no line breaks added by the console
        self.console.print(Text(text.removesuffix("\n")), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        pass


_STATES = ("stored", "refused", "failed")


def _place(view: View) -> str:
    number = f"{view.query_number}/{view.queries}" if view.queries else str(view.query_number or "")
    return " ".join(part for part in (view.source, number, view.query) if part) or "crawl"


def _states(view: View) -> str:
    return ", ".join(f"{view.counts.get(state, 0)} {state}" for state in _STATES)


def _stored(view: View) -> str:
    return f"{view.counts.get('bytes', 0) / 1e6:.0f} MB stored"


def _circumstances(view: View) -> list[str]:
    calls = [] if view.calls_left is None else [f"{view.calls_left} calls left for now"]
    return calls + ([f"waiting: {view.waiting}"] if view.waiting else [])


def _line(text: str, style: str = "") -> Text:
    return Text(escaped(text), style, no_wrap=True, overflow="ellipsis")
