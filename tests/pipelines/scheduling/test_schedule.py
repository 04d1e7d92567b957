"""Schedules: what cron makes of five fields, over ends of months, leap years and changes of clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pipelines.scheduling.schedule import last_due, next_due, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")


def due(schedule: str, after: str, number: int = 1, zone: ZoneInfo = BERLIN) -> list[str]:
    """Return the next starts after a local time, in local time with its offset from UTC."""
    moment, found = datetime.fromisoformat(after).replace(tzinfo=zone), []
    for _ in range(number):
        start = next_due(parse_schedule(schedule), moment, zone)
        assert start is not None
        moment = start
        found.append(start.astimezone(zone).isoformat(" ", "minutes"))
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("17 2 * * *", "2026-11-29 02:16", "2026-11-29 02:17+01:00"),
        ("17 2 * * *", "2026-11-29 02:17", "2026-11-30 02:17+01:00"),
        ("17 2 * * *", "2026-12-31 23:59", "2027-01-01 02:17+01:00"),
        ("*/20 8-18/5 * * *", "2026-11-29 08:41", "2026-11-29 13:00+01:00"),
        ("0 0 31 * *", "2026-11-29 00:00", "2026-12-31 00:00+01:00"),
        ("0 0 31 2,4,jun,9,11,mar * ", "2026-11-29 00:00", "2027-03-31 00:00+02:00"),
        ("0 12 29 2 *", "2026-11-29 00:00", "2028-02-29 12:00+01:00"),
        ("0 12 29 2 *", "2096-03-01 00:00", "2104-02-29 12:00+01:00"),
        ("41 6 * * 7", "2026-11-30 00:00", "2026-12-06 06:41+01:00"),
        ("41 6 * * mon-wed", "2026-12-02 07:00", "2026-12-07 06:41+01:00"),
        # both days given: one suffices
        ("0 0 13 * fri", "2026-11-29 00:00", "2026-12-04 00:00+01:00"),
        ("0 0 13 * fri", "2026-12-11 00:00", "2026-12-13 00:00+01:00"),
        # one begins with a star, even with a step: both must match (the 1st, 8th, 15th …, if a Tuesday)
        ("0 0 */7 * tue", "2026-11-29 00:00", "2026-12-01 00:00+01:00"),
        ("0 0 */7 * tue", "2026-12-01 00:00", "2026-12-08 00:00+01:00"),
        ("0 0 */9 * tue", "2026-12-01 00:00", "2027-01-19 00:00+01:00"),
    ],
)
def test_next_due(schedule: str, after: str, expected: str) -> None:
    assert due(schedule.strip(), after) == [expected]


def test_a_day_that_never_comes_is_never_due() -> None:
    assert next_due(parse_schedule("0 0 30 2 *"), datetime(2026, 1, 1, tzinfo=UTC), UTC) is None
    assert last_due(parse_schedule("0 0 30 2 *"), datetime(2026, 1, 1, tzinfo=UTC), UTC) is None


def test_a_time_that_clocks_leave_out_is_made_up_for_at_once() -> None:
    assert due("17 2 * * *", "2027-03-27 12:00", 2) == ["2027-03-28 03:00+02:00", "2027-03-29 02:17+02:00"]


def test_a_time_that_clocks_show_twice_is_due_once() -> None:
    assert due("17 2 * * *", "2026-10-24 12:00", 2) == ["2026-10-25 02:17+02:00", "2026-10-26 02:17+01:00"]


def test_lines_with_stars_follow_the_clock() -> None:
    spring = ["2027-03-28 01:30+01:00", "2027-03-28 03:00+02:00", "2027-03-28 03:30+02:00"]
    assert due("*/30 * * * *", "2027-03-28 01:10", 3) == spring
    autumn = ["2026-10-25 02:30+02:00", "2026-10-25 02:00+01:00", "2026-10-25 02:30+01:00", "2026-10-25 03:00+01:00"]
    assert due("*/30 * * * *", "2026-10-25 02:10", 4) == autumn


def test_clocks_that_change_at_midnight_lose_no_start() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # 28 March 2027 begins at 01:00
    assert due("30 0 * * *", "2027-03-27 12:00", 1, beirut) == ["2027-03-28 01:00+03:00"]


@pytest.mark.parametrize("schedule", ["17 2 * * *", "*/7 */5 * * *", "0 12 1-7 * sun", "30 2 28-31 3,10 *"])
def test_the_last_start_before_the_next_one_is_the_last_one(schedule: str) -> None:
    parsed, moment = parse_schedule(schedule), datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(60):
        start = next_due(parsed, moment, BERLIN)
        assert start is not None
        assert start > moment
        assert last_due(parsed, start, BERLIN) == start
        before = last_due(parsed, moment, BERLIN)
        assert before is not None
        assert before <= moment
        assert next_due(parsed, before, BERLIN) == start
        moment = start


def test_without_a_zone_the_clock_of_this_machine_counts() -> None:
    start = next_due(parse_schedule("30 12 * * *"), datetime(2026, 7, 1, tzinfo=UTC))
    assert start is not None
    assert (start.astimezone().hour, start.astimezone().minute) == (12, 30)
