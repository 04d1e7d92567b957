"""Schedule: the times at which cron starts a line, computed from its five fields. Pure.

The rules are those of Debian's cron (crontab(5), cron(8)). A day matches if both its fields match; if neither begins
with `*`, one of the two suffices. A line whose minute and hour do not begin with `*` starts once a day also when clocks
change: a time that is left out is made up for as soon as clocks have been set forward, and of a time that comes twice
the first one counts. Other lines follow the clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from corpus.validation import CRON_FIELDS

SEARCHED_DAYS = 366 * 9
"""29 February may be eight years away, as after 2096."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The five fields of a crontab line, as the numbers that they stand for."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    """0 to 6, Sunday is 0."""
    is_any_day: bool
    """Whether the field of days or that of weekdays begins with `*`: then both must match."""
    follows_clock: bool
    """Whether the field of minutes or that of hours begins with `*`."""

    def has_day(self, day: date) -> bool:
        """Whether the line starts on a day at all."""
        if day.month not in self.months:
            return False
        found = (day.day in self.days, day.isoweekday() % 7 in self.weekdays)
        return all(found) if self.is_any_day else any(found)


def parse_schedule(text: str) -> Schedule:
    """Return the schedule of five fields that `corpus.validation.crontab_schedule` has let pass."""
    fields = text.lower().split(" ")
    numbers = [_numbers(field, *about[1:]) for field, about in zip(fields, CRON_FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = (tuple(sorted(found)) for found in numbers)
    stars = [field.startswith("*") for field in fields]
    weekdays = tuple(sorted({day % 7 for day in weekdays}))
    return Schedule(minutes, hours, days, months, weekdays, stars[2] or stars[4], stars[0] or stars[1])


def next_due(schedule: Schedule, after: datetime, zone: tzinfo | None = None) -> datetime | None:
    """Return the first start after a moment, in UTC; None where the next nine years have none (30 February).

    `after`: with its time zone. `zone`: that of cron; None: this machine's.
    """
    first = after.astimezone(zone).date()
    # starts of the day before may be moved past midnight by a change of clocks
    days = (first + timedelta(number) for number in range(-1, SEARCHED_DAYS))
    return next((start for day in days for start in _starts(schedule, day, zone) if start > after), None)


def last_due(schedule: Schedule, until: datetime, zone: tzinfo | None = None) -> datetime | None:
    """Return the last start until a moment, itself included, in UTC; arguments as for `next_due`."""
    last = until.astimezone(zone).date()
    days = (last - timedelta(number) for number in range(-1, SEARCHED_DAYS))
    return next((start for day in days for start in reversed(_starts(schedule, day, zone)) if start <= until), None)


def _starts(schedule: Schedule, day: date, zone: tzinfo | None) -> list[datetime]:
    """Return all starts of one day of the local calendar, in UTC and in order."""
    if not schedule.has_day(day):
        return []
    clock = (datetime.combine(day, time(hour, minute)) for hour in schedule.hours for minute in schedule.minutes)
    return sorted({start for local in clock for start in _moments(schedule, local, zone)})


def _moments(schedule: Schedule, local: datetime, zone: tzinfo | None) -> Iterator[datetime]:
    """Yield the moments at which a line starts for one time of the local clock."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None, fold=0) != local:  # the clock leaves this time out
        if not schedule.follows_clock:
            yield _end_of_gap(second, first, zone)  # of a time left out, fold 1 is the earlier moment
    else:
        yield first
        if schedule.follows_clock and second != first:  # the clock shows this time twice
            yield second


def _end_of_gap(before: datetime, after: datetime, zone: tzinfo | None) -> datetime:
    """Return the first minute with the local offset of `after`, between two moments."""
    offset = after.astimezone(zone).utcoffset()
    while (after - before) > timedelta(minutes=1):
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def _numbers(field: str, least: int, greatest: int, words: tuple[str, ...]) -> Iterator[int]:
    def number(text: str) -> int:
        return least + words.index(text) if text in words else int(text)

    for one in field.split(","):
        span, _, step = one.partition("/")
        ends = [least, greatest] if span == "*" else [number(end) for end in span.split("-")]
        yield from range(ends[0], ends[-1] + 1, int(step or 1))
