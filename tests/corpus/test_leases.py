"""Leases: of all processes one at a time works on a unit; of dead ones none, at once."""

import dataclasses
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corpus.errors import StorageUnavailableError
from corpus.leases import LEASE_S, Lease, held, holders, take, this_process
from corpus.storage import Store, open_store

NOW_S = 1_700_000_000.0
FOLDER = "crawl/flickr/_leases"
UNIT, ANOTHER = "acme-one-2020", "another"
PROCESSES = multiprocessing.get_context("fork")


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}-{request.node.name}")


@pytest.fixture
def foreign(store: Store) -> Callable[..., None]:
    """Return what puts a lease of another machine's process into the store."""

    def put(number: int = 0, **changes: Any) -> None:
        holder = {"host": "elsewhere", "machine": "another", "pid": 1, "started": "1", "token": "t"}
        value = {**holder, "since_s": NOW_S - 1, "expires_at_s": NOW_S + 60, **changes}
        store.publish_json(f"{FOLDER}/{UNIT}.{number}.json", value)

    return put


def taken(store: Store, now_s: float = NOW_S) -> Lease:
    """Take the unit's lease, which must be had."""
    lease = take(store, FOLDER, UNIT, now_s)
    assert lease is not None
    return lease


def test_a_unit_is_one_holders_until_it_is_released_and_others_are_free(store: Store) -> None:
    lease = taken(store)
    assert take(store, FOLDER, UNIT, NOW_S) is None
    assert take(store, FOLDER, ANOTHER, NOW_S) is not None
    assert take(store, "crawl/wikimedia/_leases", UNIT, NOW_S) is not None
    lease.release()
    assert store.names(FOLDER) == [f"{ANOTHER}.0.json"]
    assert taken(store).number == 0


def test_a_lease_runs_out_unless_it_is_renewed(store: Store) -> None:
    lease = dataclasses.replace(taken(store), holder=dataclasses.replace(this_process(), machine="another"))
    assert lease.renew(NOW_S + 500)
    assert take(store, FOLDER, UNIT, NOW_S + 500 + LEASE_S - 1) is None
    assert take(store, FOLDER, UNIT, NOW_S + 500 + LEASE_S + 1) is not None


def test_whoever_has_lost_its_lease_is_told_and_leaves_the_next_ones_alone(store: Store) -> None:
    lost = taken(store)
    late_s = NOW_S + LEASE_S + 1
    new = taken(store, late_s)
    assert not lost.renew(late_s)
    lost.release()
    assert new.renew(late_s)
    assert take(store, FOLDER, UNIT, late_s) is None
    new.release()
    assert store.names(FOLDER) == []
    again = taken(store, late_s)  # it has the number, and so the file, of the one that was lost
    assert not lost.renew(late_s)
    lost.release()
    assert again.renew(late_s)


def test_another_machines_lease_is_kept_until_it_has_run_out(store: Store, foreign: Callable[..., None]) -> None:
    foreign(number=4)
    assert take(store, FOLDER, UNIT, NOW_S + 59) is None
    lease = taken(store, NOW_S + 61)
    assert lease.number == 5
    lease.release()
    assert store.names(FOLDER) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\x00",
        b"[]",
        b"null",
        b'{"expires_at_s": 1e99}',
        json.dumps(
            {"host": "", "machine": "", "pid": 0, "started": "", "since_s": 0, "expires_at_s": NOW_S + 60}
        ).encode(),
        b'{"host": "", "machine": "", "pid": 1, "started": "", "since_s": NaN, "expires_at_s": 1700000060}',
        b'{"host": "", "machine": "", "pid": 1, "started": "", "since_s": 1e99, "expires_at_s": 1700000060}',
        json.dumps(
            {"host": "", "machine": "", "pid": 1e400, "started": "", "since_s": 0, "expires_at_s": NOW_S + 60}
        ).encode(),
    ],
)
def test_a_damaged_lease_has_run_out(store: Store, content: bytes) -> None:
    store.publish(f"{FOLDER}/{UNIT}.0.json", content)
    assert taken(store).number == 1


def test_a_lease_that_says_it_holds_for_years_has_run_out(store: Store, foreign: Callable[..., None]) -> None:
    foreign(expires_at_s=NOW_S + 1e8)
    assert taken(store).number == 1


def test_a_process_of_the_same_number_that_was_started_later_is_another_one(
    store: Store, foreign: Callable[..., None]
) -> None:
    here = dataclasses.asdict(this_process())
    if not here["machine"]:
        pytest.skip("needs /proc")
    foreign(**here)
    assert take(store, FOLDER, UNIT, NOW_S) is None
    foreign(**here | {"started": "1"})
    assert taken(store).number == 1


def test_a_killed_holder_of_this_machine_loses_its_lease_at_once(tmp_path: Path) -> None:
    if not this_process().machine:
        pytest.skip("needs /proc")
    store, holding = open_store(str(tmp_path)), PROCESSES.Event()

    def hold() -> None:
        taken(store)
        holding.set()
        time.sleep(60)

    holder = PROCESSES.Process(target=hold)
    holder.start()
    assert holding.wait(30)
    assert take(store, FOLDER, UNIT, NOW_S) is None
    os.kill(holder.pid or 0, signal.SIGKILL)
    os.waitid(os.P_PID, holder.pid or 0, os.WEXITED | os.WNOWAIT)
    zombie = (tmp_path / FOLDER / f"{UNIT}.0.json").read_bytes()
    taken(store).release()  # nobody has asked after the dead one yet: its number still stands among the processes
    holder.join(30)
    store.publish(f"{FOLDER}/{UNIT}.0.json", zombie)
    taken(store).release()


def test_a_renewal_and_a_taking_that_cross_never_leave_two_holders(tmp_path: Path) -> None:
    late_s = NOW_S + LEASE_S + 1

    class Crossed(Store):
        """The store as a taker sees it whose last look at the holder was too early."""

        def create(self, relative: str, data: bytes) -> bool:
            assert holder.renew(late_s)
            return super().create(relative, data)

    store = open_store(str(tmp_path))
    holder = taken(store)
    assert take(Crossed(store.url), FOLDER, UNIT, late_s) is None
    assert holder.renew(late_s)


def test_a_holder_that_renews_too_late_sees_who_has_taken_over_meanwhile(tmp_path: Path) -> None:
    late_s = NOW_S + LEASE_S + 1

    class Crossed(Store):
        """The store as a holder sees it whose lease is taken over between its look and its renewal."""

        def publish(self, relative: str, data: bytes) -> None:
            taken(store, late_s)
            super().publish(relative, data)

    store = open_store(str(tmp_path))
    holder = dataclasses.replace(taken(store), store=Crossed(store.url))
    assert not holder.renew(late_s)


def test_a_release_and_two_takings_that_cross_never_leave_two_holders(tmp_path: Path) -> None:
    late_s, others = NOW_S + LEASE_S + 1, list[Lease]()

    class Crossed(Store):
        """The store as a taker sees it whom another one has outrun, twice."""

        def create(self, relative: str, data: bytes) -> bool:
            taken(store, late_s).release()
            others.append(taken(store, late_s))
            return super().create(relative, data)

    store = open_store(str(tmp_path))
    taken(store)
    assert take(Crossed(store.url), FOLDER, UNIT, late_s) is None
    assert others[0].renew(late_s)


def test_racing_processes_never_hold_one_unit_at_the_same_time(tmp_path: Path) -> None:
    """Half of the units have been left behind by a dead process, and have to be taken over."""
    store, units = open_store(str(tmp_path)), [f"unit-{number}" for number in range(20)]
    held = tmp_path / "held"
    held.mkdir()
    for unit in units[::2]:
        value = {"host": "", "machine": "another", "pid": 1, "started": "", "since_s": 0, "expires_at_s": NOW_S - 1}
        store.publish_json(f"{FOLDER}/{unit}.0.json", value)
    begin = PROCESSES.Barrier(3)

    def work() -> None:
        begin.wait(30)
        for _ in range(3):
            for unit in units:
                if (lease := take(store, FOLDER, unit, NOW_S)) is not None:
                    os.close(os.open(held / unit, os.O_CREAT | os.O_EXCL))  # fails where another one is at it
                    assert lease.renew(NOW_S)
                    (held / unit).unlink()
                    (held / f"{unit}.done").touch()
                    lease.release()

    workers = [PROCESSES.Process(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert {path.name for path in held.iterdir()} == {f"{unit}.done" for unit in units}
    assert store.names(FOLDER) == []


def test_holders_are_those_whose_leases_hold(store: Store, foreign: Callable[..., None]) -> None:
    assert holders(store, FOLDER, NOW_S) == {}
    foreign()
    other = take(store, FOLDER, ANOTHER, NOW_S)
    assert other is not None
    assert {unit: holder.host for unit, holder in holders(store, FOLDER, NOW_S).items()} == {
        UNIT: "elsewhere",
        ANOTHER: other.holder.host,
    }
    assert holders(store, FOLDER, NOW_S + 1)[ANOTHER].since_s == NOW_S
    other.release()
    assert list(holders(store, FOLDER, NOW_S)) == [UNIT]
    assert holders(store, FOLDER, NOW_S + 61) == {}


def test_a_lease_that_is_renewed_says_since_when_it_was_taken(store: Store) -> None:
    assert taken(store).renew(NOW_S + 500)
    assert holders(store, FOLDER, NOW_S + 600)[UNIT].since_s == NOW_S


def test_a_held_unit_is_renewed_in_the_background_and_free_behind_the_block(store, monkeypatch):
    monkeypatch.setattr("corpus.leases.RENEW_EVERY_S", 0.02)
    with held(store, FOLDER, UNIT) as holding:
        assert holding is not None
        first = store.read(holding.lease.path)
        deadline_s = time.monotonic() + 60
        while store.read(holding.lease.path) == first:
            assert time.monotonic() < deadline_s, "the lease was never renewed"
            time.sleep(0.01)
        with held(store, FOLDER, UNIT) as second:
            assert second is None
        assert holding.is_ours()
    assert store.names(FOLDER) == []
    assert not holding.is_ours()
    time.sleep(0.1)  # a renewal that was under way
    assert store.names(FOLDER) == []


def test_a_renewal_that_the_storage_refuses_is_said_without_a_traceback(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def renew(*_: object) -> bool:
        raise StorageUnavailableError("s3://photos: leases: it asks to slow down; wait")

    monkeypatch.setattr("corpus.leases.RENEW_EVERY_S", 0.01)
    with held(store, FOLDER, UNIT), monkeypatch.context() as patch:
        patch.setattr(Lease, "renew", renew)
        while not caplog.records:
            time.sleep(0.01)
    record = caplog.records[0]
    assert record.getMessage().endswith("could not be renewed yet: s3://photos: leases: it asks to slow down; wait")
    assert record.exc_info is None


def test_a_held_unit_that_another_process_takes_over_is_not_ours_and_stays_theirs(store):
    with held(store, FOLDER, UNIT) as holding:
        assert holding is not None
        theirs = take(store, FOLDER, UNIT, time.time() + 2 * LEASE_S)
        assert theirs is not None
        assert not holding.is_ours()
    assert theirs.renew(time.time())


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_clock_that_jumps_an_hour_never_leaves_two_holders(store: Store, jump_s: float) -> None:
    """The holder's clock jumps and it renews; the other process's clock is right, and its machine another one."""
    holder = taken(store)
    holder = dataclasses.replace(holder, holder=dataclasses.replace(holder.holder, machine="another"))
    assert holder.renew(NOW_S + 60 + jump_s)
    other = take(store, FOLDER, UNIT, NOW_S + 61)
    assert (other is None) == holder.renew(NOW_S + 62 + jump_s)
    assert (other is not None) == (jump_s < 0), "a lease that seems to have run out an hour ago is taken over"


def test_a_lease_of_a_clock_that_is_an_hour_ahead_runs_out_all_the_same(store: Store, foreign: Callable[..., None]):
    foreign(expires_at_s=NOW_S + 3600 + LEASE_S)
    assert take(store, FOLDER, UNIT, NOW_S + 60) is None
    assert take(store, FOLDER, UNIT, NOW_S + 3600 + LEASE_S + 1) is not None
