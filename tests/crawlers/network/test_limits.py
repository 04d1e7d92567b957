"""The limits that all crawls of a machine share at a host: requests at once, pauses, the pace of bytes."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

import crawlers.network.limits
from corpus.errors import ConfigurationError
from crawlers.network.limits import BURST_S, LONGEST_WAIT_S, HostLimits, limits_folder

HOST = "upload.example.org"
NOW_S = 1_700_000_000.0
PROCESSES = multiprocessing.get_context("fork")


def wait_s(limits: HostLimits, now_s: float = NOW_S) -> float:
    """Start a request where it may; return the seconds to wait, none where it was started."""
    wait = limits.try_start(now_s)
    return wait.seconds if wait else 0.0


def starts(limits: HostLimits, now_s: float = NOW_S) -> bool:
    """Whether a request was started."""
    return limits.try_start(now_s) is None


def test_the_limits_are_where_configured_else_where_a_user_keeps_state() -> None:
    assert limits_folder("/var/limits", {"XDG_STATE_HOME": "/state"}) == Path("/var/limits")
    assert limits_folder("~/limits", {}) == Path.home() / "limits"
    assert limits_folder("", {"XDG_STATE_HOME": "/state", "HOME": "/home/x"}) == Path("/state/shutterprint/limits")
    assert limits_folder("", {"HOME": "/home/x"}) == Path("/home/x/.local/state/shutterprint/limits")
    assert limits_folder("", {"XDG_STATE_HOME": "state", "HOME": "/x"}) == Path("/x/.local/state/shutterprint/limits")
    with pytest.raises(ConfigurationError, match="whole path"):
        limits_folder("limits", {})


def test_slots_are_as_many_as_requests_and_every_kind_and_host_has_its_own(tmp_path: Path) -> None:
    limits, other = HostLimits(tmp_path, HOST, "file", 2), HostLimits(tmp_path, HOST.upper(), "file", 2)
    assert [starts(limits), starts(other), starts(limits), starts(other)] == [True, True, False, False]
    assert starts(HostLimits(tmp_path, HOST, "api", 1))
    assert starts(HostLimits(tmp_path, "another.example.org", "file", 1))
    other.finish()
    assert starts(limits)
    assert not starts(other)
    with pytest.raises(IndexError):
        other.finish()


def test_processes_started_with_different_numbers_share_the_first_slots(tmp_path: Path) -> None:
    narrow, wide = HostLimits(tmp_path, HOST, "file", 1), HostLimits(tmp_path, HOST, "file", 3)
    assert [starts(wide), starts(narrow), starts(wide), starts(wide)] == [True, False, True, True]


def test_all_processes_together_send_no_more_at_once_than_granted(tmp_path: Path) -> None:
    counter, most = PROCESSES.Value("i", 0), PROCESSES.Value("i", 0)

    def work() -> None:
        limits, left = HostLimits(tmp_path, HOST, "file", 2), 60
        while left:
            if not starts(limits, time.time()):
                time.sleep(0.0005)
                continue
            with counter.get_lock():
                counter.value += 1
                most.value = max(most.value, counter.value)
            time.sleep(random.random() / 1000)
            waited_until = time.monotonic() + 20
            while most.value < 2 and time.monotonic() < waited_until:  # on a busy machine the others begin late
                time.sleep(0.001)
            with counter.get_lock():
                counter.value -= 1
            limits.finish()
            left -= 1

    workers = [PROCESSES.Process(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert most.value == 2


def test_a_killed_process_frees_its_slots(tmp_path: Path) -> None:
    taken = PROCESSES.Event()

    def hold() -> None:
        limits = HostLimits(tmp_path, HOST, "file", 2)
        assert starts(limits)
        assert starts(limits)
        taken.set()
        time.sleep(60)

    holder = PROCESSES.Process(target=hold)
    holder.start()
    assert taken.wait(30)
    limits = HostLimits(tmp_path, HOST, "file", 2)
    assert not starts(limits)
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join(30)
    assert [starts(limits), starts(limits)] == [True, True]


def test_the_delay_lies_between_any_two_starts_at_the_host(tmp_path: Path) -> None:
    files, api = HostLimits(tmp_path, HOST, "file", 2, 1.0), HostLimits(tmp_path, HOST, "api", 2, 1.0)
    assert wait_s(files, NOW_S) == 0
    assert wait_s(api, NOW_S + 0.25) == pytest.approx(0.75)
    assert wait_s(HostLimits(tmp_path, "another.example.org", "api", 1, 1.0)) == 0
    assert wait_s(api, NOW_S + 1) == 0
    assert wait_s(files, NOW_S + 1) == pytest.approx(1)


def test_a_pause_is_for_every_kind_and_process_and_the_later_one_counts(tmp_path: Path) -> None:
    files, api = HostLimits(tmp_path, HOST, "file", 2), HostLimits(tmp_path, HOST, "api", 2)
    files.pause_until(NOW_S + 60)
    files.pause_until(NOW_S + 30)
    assert wait_s(api, NOW_S) == pytest.approx(60)
    assert wait_s(files, NOW_S + 59) == pytest.approx(1)
    assert wait_s(HostLimits(tmp_path, "another.example.org", "file", 2)) == 0
    assert wait_s(api, NOW_S + 60) == 0


def waited_s(limits: HostLimits, now_s: float) -> float:
    """Ask as a crawl does until a request may start."""
    began_s = now_s
    while (seconds := wait_s(limits, now_s)) > 0:
        now_s += min(seconds, 60)
    limits.finish()
    return now_s - began_s


def test_a_clock_that_is_set_back_makes_nobody_wait_longer_than_the_longest_wait(tmp_path: Path) -> None:
    delayed = HostLimits(tmp_path, HOST, "api", 1, 5.0)
    assert waited_s(delayed, NOW_S) == 0
    assert waited_s(delayed, NOW_S - 86400) == pytest.approx(5)
    delayed.pause_until(NOW_S + 60)
    assert 0 < waited_s(delayed, NOW_S - 86400) <= LONGEST_WAIT_S
    paced = HostLimits(tmp_path, HOST, "file", 1, bytes_per_s=1000)
    assert starts(paced)
    paced.finish(60_000)
    assert 0 < waited_s(paced, NOW_S - 86400) <= LONGEST_WAIT_S


def test_an_endless_pause_ends_after_the_longest_wait(tmp_path: Path) -> None:
    limits = HostLimits(tmp_path, HOST, "api", 1)
    limits.pause_until(float("inf"))
    assert waited_s(limits, NOW_S) == pytest.approx(LONGEST_WAIT_S)


@pytest.mark.parametrize("speed", [0.3, 1.0, 10.0], ids=["slower", "as-fast", "faster"])
@pytest.mark.parametrize("at_once", [1, 2])
def test_the_mean_pace_holds_and_is_used_up(tmp_path: Path, speed: float, at_once: int) -> None:
    pace = 3_000_000.0
    all_limits = [HostLimits(tmp_path, HOST, "file", at_once, bytes_per_s=pace) for _ in range(at_once)]
    sizes, received, largest = random.Random(1), 0, 12_000_000
    free = [
        (NOW_S, limits, 0) for limits in all_limits
    ]  # when each is ready for its next file, and the last one's size
    now_s = NOW_S
    while now_s < NOW_S + 600:
        now_s, limits, size = min(free, key=lambda each: each[0])
        free.remove((now_s, limits, size))
        if size:
            limits.finish(size)
            received += size
        if (seconds := wait_s(limits, now_s)) > 0:
            free.append((now_s + seconds, limits, 0))
            continue
        size = sizes.randrange(10_000, largest)
        free.append((now_s + size / (pace * speed), limits, size))
    took_s = now_s - NOW_S
    assert received <= pace * (took_s + BURST_S) + at_once * largest
    assert received >= 0.9 * took_s * pace * min(1, speed * at_once)


def test_the_time_of_transfers_in_flight_pays_for_their_bytes_and_idle_time_for_none(tmp_path: Path) -> None:
    limits = HostLimits(tmp_path, HOST, "file", 2, bytes_per_s=1000)
    assert [starts(limits), starts(limits)] == [True, True]
    limits.finish(10_000)
    assert starts(limits, NOW_S + 15)
    limits.finish(10_000)  # the other one's: together they took 15 s for 20 s' worth of bytes
    assert wait_s(limits, NOW_S + 15) == pytest.approx(20 - 15 - BURST_S)
    limits.finish()
    assert starts(limits, NOW_S + 100)
    limits.charge(10_000)
    assert wait_s(limits, NOW_S + 100) == pytest.approx(10 - BURST_S)


def test_small_files_start_without_a_wait_up_to_a_second_ahead_of_the_pace(tmp_path: Path) -> None:
    limits, started = HostLimits(tmp_path, HOST, "file", 1, bytes_per_s=100_000), 0
    while wait_s(limits) == 0:
        started += 1
        limits.finish(10_000)
    assert started in (10, 11)


def test_bytes_of_all_processes_are_counted(tmp_path: Path) -> None:
    limits = HostLimits(tmp_path, HOST, "file", 1, bytes_per_s=1000)
    assert waited_s(limits, NOW_S) == 0

    def charge() -> None:
        mine = HostLimits(tmp_path, HOST, "file", 1, bytes_per_s=1000)
        for _ in range(250):
            mine.charge(100)

    workers = [PROCESSES.Process(target=charge) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert wait_s(limits, NOW_S) == pytest.approx(100 - BURST_S)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"{}", b"nan", b"nan nan", b"1 2 3"])
def test_damaged_files_count_as_new_ones(tmp_path: Path, content: bytes) -> None:
    limits = HostLimits(tmp_path, HOST, "file", 1, 1.0, bytes_per_s=1000)
    assert starts(limits)
    limits.finish(1000)
    limits.pause_until(NOW_S + 60)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    for file in files:
        file.write_bytes(content)
    assert len(files) == 3
    assert starts(limits)
    limits.finish()
    assert wait_s(limits) == pytest.approx(1)


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"crawl\.limits_folder"):
        HostLimits(tmp_path / "file", HOST, "api", 1)
    monkeypatch.setattr(crawlers.network.limits, "fcntl", None)
    with pytest.raises(ConfigurationError, match="operating system"):
        HostLimits(tmp_path, HOST, "api", 1)


def test_hosts_whatever_they_are_called_have_folders_of_their_own_within_the_folder(tmp_path: Path) -> None:
    hosts = ["../../x", "..", "", "::1", "127.0.0.1", "127-0-0-1", "é.example", "x" * 300]
    all_limits = [HostLimits(tmp_path / "limits", host, "api", 1) for host in hosts]
    assert all(starts(limits) for limits in all_limits)
    assert len(list((tmp_path / "limits").iterdir())) == len(hosts)
    assert [path.name for path in tmp_path.iterdir()] == ["limits"]
