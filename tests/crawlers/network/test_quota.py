"""The calls an hour of a key: never more in any hour, of all processes, and nearly all of them when they are wanted."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.network.quota import HOUR_S, Quota, quota_name

NOW_S = 1_700_000_000.0
PROCESSES = multiprocessing.get_context("fork")


def calls_at(quotas: list[Quota], gaps_s: list[float]) -> Iterator[float]:
    """Ask, by turns, after each gap, and yield the times of what was granted."""
    now_s = NOW_S
    for number, gap_s in enumerate(gaps_s):
        now_s += gap_s
        if wait_s(quotas[number % len(quotas)], now_s) == 0:
            yield now_s


def wait_s(quota: Quota, now_s: float) -> float:
    """Take a call where one is granted; return the seconds to wait, none where it was."""
    wait = quota.try_take(now_s)
    return wait.seconds if wait else 0.0


def most_in_an_hour(calls_s: list[float]) -> int:
    """Return the most calls in any hour, its beginning in it and its end not."""
    return max((sum(start_s <= at_s < start_s + HOUR_S for at_s in calls_s) for start_s in calls_s), default=0)


GAPS_S = st.one_of(st.just(0.0), st.floats(0, 5), st.floats(0, 700), st.floats(0, 2 * HOUR_S))


@settings(max_examples=60, deadline=None)
@given(per_hour=st.integers(2, 60), gaps_s=st.lists(GAPS_S, max_size=150))
def test_no_hour_sees_more_calls_than_granted_however_they_come(per_hour: int, gaps_s: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        quotas = [Quota(Path(folder), "key", per_hour) for _ in range(2)]
        assert most_in_an_hour(list(calls_at(quotas, gaps_s))) <= per_hour


@pytest.mark.parametrize("per_hour", [2, 7, 1000])
def test_whoever_waits_as_long_as_told_gets_nine_tenths_and_never_more(tmp_path: Path, per_hour: int) -> None:
    quota, now_s, calls_s = Quota(tmp_path, "key", per_hour), NOW_S, list[float]()
    while now_s < NOW_S + 3 * HOUR_S:
        waited_s = wait_s(quota, now_s)
        if waited_s == 0:
            calls_s.append(now_s)
        now_s += waited_s
    hours = [sum(NOW_S + n * HOUR_S <= at_s < NOW_S + (n + 1) * HOUR_S for at_s in calls_s) for n in range(3)]
    assert max(hours) <= per_hour
    assert hours[2] >= 0.9 * per_hour - 1


def test_a_burst_after_a_rest_is_a_tenth_and_left_tells_it(tmp_path: Path) -> None:
    quota = Quota(tmp_path, "key", 3600)
    assert quota.left(NOW_S) == 360
    for _ in range(360):
        assert wait_s(quota, NOW_S) == 0
    assert quota.left(NOW_S) == 0
    assert wait_s(quota, NOW_S) == pytest.approx(HOUR_S / 3240)
    assert quota.left(NOW_S + 100) == 90
    assert quota.left(NOW_S + 100 * HOUR_S) == 360
    assert quota.left(NOW_S) == 0, "asking counts nothing"


def test_a_later_crawl_goes_on_where_an_earlier_one_ended_and_another_key_has_its_own(tmp_path: Path) -> None:
    assert [wait_s(Quota(tmp_path, "key", 20), NOW_S) > 0 for _ in range(3)] == [False, False, True]
    assert wait_s(Quota(tmp_path, "another", 20), NOW_S) == 0


def test_processes_at_the_same_time_share_one_bucket(tmp_path: Path) -> None:
    granted = PROCESSES.Value("i", 0)

    def work() -> None:
        quota = Quota(tmp_path, "key", 1000)
        calls = sum(wait_s(quota, NOW_S) == 0 for _ in range(100))
        with granted.get_lock():
            granted.value += calls

    workers = [PROCESSES.Process(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert granted.value == 100


@pytest.mark.parametrize("back_s", [1.0, 60.0, HOUR_S / 2, HOUR_S, 1e6])
def test_a_clock_that_is_set_back_grants_no_more_and_blocks_for_an_hour_at_the_longest(
    tmp_path: Path, back_s: float
) -> None:
    quota = Quota(tmp_path, "key", 100)
    granted = sum(wait_s(quota, NOW_S) == 0 for _ in range(20))
    granted += sum(wait_s(quota, NOW_S - back_s) == 0 for _ in range(20))
    if back_s <= HOUR_S:  # set right again
        granted += sum(wait_s(quota, NOW_S + 1e-3) == 0 for _ in range(20))
    assert granted == 10
    now_s, began_s = NOW_S - back_s, NOW_S - back_s
    while (waited_s := wait_s(quota, now_s)) > 0:
        now_s += min(waited_s, 60)
    assert now_s - began_s <= HOUR_S + 60


@pytest.mark.parametrize("content", [b"garbage", b"\xff\x00", b"5", b"nan nan"])
def test_a_damaged_file_counts_as_an_empty_bucket_that_fills_again(tmp_path: Path, content: bytes) -> None:
    quota = Quota(tmp_path, "key", 3600)
    assert wait_s(quota, NOW_S) == 0
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert wait_s(quota, NOW_S) > 0
    assert wait_s(quota, NOW_S + 10) == 0


@pytest.mark.parametrize("content", [b"1e9 1700000000.0", b"-1e9 1700000000.0", b"1 inf", b"inf -inf"])
def test_numbers_that_cannot_be_are_brought_back_to_what_can(tmp_path: Path, content: bytes) -> None:
    quota = Quota(tmp_path, "key", 3600)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert sum(wait_s(quota, NOW_S) == 0 for _ in range(1000)) <= 360
    assert wait_s(quota, NOW_S + 2 * HOUR_S) == 0


def test_the_key_itself_stands_nowhere(tmp_path: Path) -> None:
    key = "5ecre7key"
    name = quota_name(key)
    assert len(name) == 16
    assert name != quota_name(key + "x")
    Quota(tmp_path, name, 3600).try_take(NOW_S)
    for file in tmp_path.rglob("*"):
        assert key not in file.name
        assert key not in file.read_text()


def test_quotas_too_small_to_be_rationed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 at least"):
        Quota(tmp_path, "key", 1)
