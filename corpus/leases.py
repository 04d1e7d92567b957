"""Leases: give one process among all, on any machine, the right to work on a unit.

A unit's lease is a file in the store, `<folder>/<unit>.<n>.json`, created exclusively: who holds it, since when and
until when. It is renewed while the work goes on and removed afterwards. Where a lease has expired, or its holder ran on
this machine and is dead, the next n is taken. Taking and renewing first write and then check whether anyone else did:
of two processes that collide, at least one notices and steps back. In an object store without conditional writes, where
the later of two writers wins, a taker waits SETTLE_S before it checks.

The machines' clocks should agree within minutes. Where they do not, or one jumps, a lease may be taken over while its
holder works: the holder notices when it checks or renews, and publishes nothing more. A lease that is damaged, or
claims to hold for more than a day, counts as expired.

An object store bills each request, so there a check that has just been made is not made again (CHECKED_S), one is a
listing, and a unit that nobody holds is taken and given back with three requests.
"""

import json
import logging
import math
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from corpus.errors import ShutterprintError, StorageError, StorageUnavailableError
from corpus.storage import Store
from corpus.storage.s3 import state_of

logger = logging.getLogger(__name__)

LEASES = "leases"
"""Folder of the leases that concern a whole store: that of curation, and in object stores those of pipelines."""
CURATION_UNIT = "curation"
"""Who holds it may publish a generation, or remove one."""
LEASE_S = 600.0
"""How long a lease holds unless it is renewed, in seconds."""
RENEW_EVERY_S = LEASE_S / 4
FURTHEST_S = 86400.0
"""A lease that claims to hold for longer counts as expired."""
SETTLE_S = 2.0
"""How long two writers of one file may differ in time, in a store that lets the later one win."""
CHECKED_S = 5.0
"""In an object store, a lease that was found to be ours so recently is not looked at again."""


@dataclass(frozen=True)
class Holder:
    """A process. `machine` is equal for processes that can see each other, empty where that is not known."""

    host: str
    machine: str
    pid: int
    started: str
    since_s: float = 0.0
    """When it took its lease, in seconds since 1970; 0: it has none."""
    job: str = ""
    """Id of the job of a cluster that it runs in; empty where that is none."""

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine, which a signal of this machine reaches."""
        return bool(self.machine) and self.machine == _machine()

    @property
    def is_dead(self) -> bool:
        """Whether the process is known to have ended; only processes of the same machine can know."""
        if not self.is_here:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it is alive and belongs to another user
            pass
        try:
            state, started = _state(self.pid)
        except OSError:  # it is alive, but its state is hidden from us
            return False
        return state in "ZX" or started != self.started  # a zombie does no more work

    @property
    def process(self) -> str:
        """The process in words: its id and its host."""
        return f"process {self.pid} on {self.host}"

    @property
    def since(self) -> str:
        """The date and time at which it took its lease."""
        return datetime.fromtimestamp(self.since_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

    def described(self) -> str:
        """Return the process in words: its id, its host, and since when it holds its lease."""
        return f"{self.process} since {self.since}"


def this_process() -> Holder:
    """Return the current process as a holder."""
    machine = _machine()
    return Holder(socket.gethostname(), machine, os.getpid(), _state(os.getpid())[1] if machine else "")


@dataclass(frozen=True)
class Lease:
    """The right to work on one unit; `number` is the n of its file, and no other lease has its `token`."""

    store: Store
    folder: str
    unit: str
    number: int
    holder: Holder
    token: str

    @property
    def path(self) -> str:
        """The path of its file in the store."""
        return f"{self.folder}/{self.unit}.{self.number}.json"

    def data(self, now_s: float) -> bytes:
        """Return the content of its file when it is taken or renewed at `now_s`."""
        value = {**asdict(self.holder), "token": self.token, "expires_at_s": now_s + LEASE_S}
        return json.dumps(value, indent=1).encode()

    def renew(self, now_s: float) -> bool:
        """Hold the lease for LEASE_S from now; False if another process has taken over: stop, and publish nothing more.

        `now_s`: `time.time()`. Raises StorageUnavailableError if the store cannot be reached; the lease may still hold.
        """
        if not self.stands():
            return False
        self.store.publish(self.path, self.data(now_s))
        return self.stands()

    def release(self) -> None:
        """Give the unit back; if another process has taken it over, leave that one's lease alone."""
        if self.stands():
            for number in sorted(_standing(self.store, self.folder, self.unit)):
                # lower numbers first, so that an interrupted release leaves the newest lease
                if number <= self.number:
                    self.store.remove_file(replace(self, number=number).path)

    def release_unseen(self) -> None:
        """Give the unit back without looking whether it is ours: for a lease that has just been found so."""
        if self.number == 0:
            self.store.remove_file(self.path)
        else:
            self.release()

    def stands(self, state: str = "") -> bool:
        """Whether the lease is ours; writes nothing, so any process that was sent the lease may ask.

        `state`: of its file in an object store as it was last written: where a listing tells the same, it is not read.
        """
        if state:
            told = _states(self.store, self.folder, self.unit)
            if max(told, default=None) != self.number:
                return False
            if told[self.number] == state:
                return True
        leases = _standing(self.store, self.folder, self.unit)
        return max(leases, default=None) == self.number and self.token.encode() in leases[self.number]


def take(store: Store, folder: str, unit: str, now_s: float, job: str = "") -> Lease | None:
    """Take the lease of a unit and return it, or None where another process has it.

    It does not wait for that one; in an object store without conditional writes it waits SETTLE_S for other takers.
    `folder`: a folder of the store, no other files of which are named `<name>.<number>.json`. `unit`: a valid file name
    without dots. `now_s`: `time.time()`. `job`: as `Holder` has it.
    """
    holder = replace(this_process(), since_s=now_s, job=job)
    is_exclusive = store.has_conditional_writes(folder)
    if store.is_s3 and is_exclusive:
        first = Lease(store, folder, unit, 0, holder, secrets.token_hex(8))
        if store.create(first.path, first.data(now_s)) or _is_written(first, now_s):
            if list(_numbers(store, folder, unit)) == [0]:
                return first
            if _is_written(first, now_s):  # else it has been released or taken over, and what is there is another's
                store.remove_file(first.path)  # a later lease stands, whose earlier ones have been removed
    before = _standing(store, folder, unit)
    if before and _holder(before[max(before)], now_s) is not None:
        return None
    lease = Lease(store, folder, unit, max(before, default=-1) + 1, holder, secrets.token_hex(8))
    data = lease.data(now_s)
    if is_exclusive:
        store.create(lease.path, data)
    else:  # the condition may be refused (501), and says nothing: of two writers the later one wins
        store.publish(lease.path, data)
        time.sleep(SETTLE_S)
    # The result of `create` is not used: a PUT whose response was lost is sent again, and refused. And the earlier
    # leases must be unchanged: neither renewed nor released since, nor released and taken again.
    after = _standing(store, folder, unit)
    if after == {**before, lease.number: data}:
        return lease
    if after.get(lease.number) == data:
        store.remove_file(lease.path)
    return None


_NEVER = (-math.inf, -math.inf)


def _moment() -> tuple[float, float]:
    """Return the seconds of the two clocks: one stands still while the machine is suspended, the other may be set."""
    return time.monotonic(), time.time()


def _is_within(before_s: tuple[float, float], now_s: tuple[float, float], most_s: float) -> bool:
    """Whether by both clocks less than `most_s` has passed, and neither went back."""
    return all(0 <= now - before < most_s for before, now in zip(before_s, now_s, strict=True))


class HeldLease:
    """A lease that a thread renews in the background until it is released."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._ended = threading.Event()
        self._checked_s = self._renewed_s = _moment()
        self._written_s = lease.holder.since_s
        # the work and the renewing thread may renew at the same moment
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._renew_until_released, daemon=True)
        self._thread.start()

    def is_ours(self) -> bool:
        """Return whether the lease still holds, and renew it; if it does not, publish nothing more.

        In an object store it is renewed where that is due, and not looked at for CHECKED_S after it was.
        """
        with self._lock:
            now_s = _moment()
            if self._ended.is_set():
                return False
            if self.lease.store.is_s3:
                if _is_within(self._checked_s, now_s, CHECKED_S):
                    return True
                if _is_within(self._renewed_s, now_s, RENEW_EVERY_S / 2):
                    is_ours = self.lease.stands(self._state)
                    self._checked_s = now_s if is_ours else _NEVER
                    return is_ours
            written_s = time.time()
            is_ours = self.lease.renew(written_s)
            self._written_s = written_s if is_ours else self._written_s
            self._checked_s = self._renewed_s = now_s if is_ours else _NEVER
            return is_ours

    def release(self) -> None:
        """Stop renewing and give the unit back."""
        self._ended.set()
        self._thread.join()  # a renewal that is under way would bring the file back
        if not self.lease.store.is_s3:
            self.lease.release()
        elif _is_within(self._checked_s, _moment(), CHECKED_S) or self.lease.stands(self._state):
            self.lease.release_unseen()

    @property
    def _state(self) -> str:
        """What a listing of an object store tells of the lease's file as it was last written."""
        return state_of(self.lease.data(self._written_s)) if self.lease.store.is_s3 else ""

    def _renew_until_released(self) -> None:
        while not self._ended.wait(RENEW_EVERY_S):
            try:
                self.is_ours()
            except ShutterprintError as error:  # a sentence
                logger.warning("the lease of %s could not be renewed yet: %s", self.lease.unit, error)
            # object stores raise errors of many kinds, and none of them may end the renewals
            except Exception:
                logger.warning("the lease of %s could not be renewed", self.lease.unit, exc_info=True)


@contextmanager
def held(store: Store, folder: str, unit: str, job: str = "") -> Iterator[HeldLease | None]:
    """Hold a unit during a `with` block, renewed in the background; yields None where another process has it.

    Arguments as for `take`. The lease is released however the block ends.
    """
    lease = take(store, folder, unit, time.time(), job)
    if lease is None:
        yield None
        return
    holding = HeldLease(lease)
    try:
        yield holding
    except BaseException:
        with suppress(StorageUnavailableError):  # what ended the work says more than that the lease stays, too
            holding.release()
        raise
    holding.release()


def holders(store: Store, folder: str, now_s: float) -> dict[str, Holder]:
    """Return the holder of every valid lease in a folder, by the name of its unit."""
    units = {name.rpartition(".")[0].rpartition(".")[0] for name in store.names(folder) if name.count(".") == 2}
    found = {}
    for unit in sorted(units):
        leases = _standing(store, folder, unit)
        if leases and (holder := _holder(leases[max(leases)], now_s)) is not None:
            found[unit] = holder
    return found


def is_left(store: Store, folder: str, unit: str) -> bool:
    """Whether a unit's last holder has not given it back: it still works, or it has died."""
    return bool(_standing(store, folder, unit))


def _standing(store: Store, folder: str, unit: str) -> dict[int, bytes]:
    found = {}
    for number, name in _numbers(store, folder, unit).items():
        with suppress(StorageError):  # released since it was listed
            found[number] = store.read(f"{folder}/{name}")
    return found


def _is_written(lease: Lease, now_s: float) -> bool:
    """Whether a lease is in the store though its creation was refused: the answer to the first attempt was lost."""
    try:
        return lease.store.read(lease.path) == lease.data(now_s)
    except StorageError:
        return False


def _numbers(store: Store, folder: str, unit: str) -> dict[int, str]:
    """Return the files of a unit's leases by their n."""
    return {number: name for name in store.names(folder, f"{unit}.") if (number := _number(unit, name)) is not None}


def _states(store: Store, folder: str, unit: str) -> dict[int, str]:
    """Return what a listing tells of the files of a unit's leases, by their n."""
    told = {path.rpartition("/")[2]: entry.state for path, entry in store.entries(folder, f"{unit}.").items()}
    return {number: state for name, state in told.items() if (number := _number(unit, name)) is not None}


def _number(unit: str, name: str) -> int | None:
    found = re.fullmatch(re.escape(unit) + r"\.(\d{1,9})\.json", name)
    return None if found is None else int(found[1])


def _holder(data: bytes, now_s: float) -> Holder | None:
    try:
        value = json.loads(data)
        of_process = str(value["host"]), str(value["machine"]), int(value["pid"]), str(value["started"])
        holder = Holder(*of_process, float(value["since_s"]), str(value.get("job", "")))
        expires_at_s = float(value["expires_at_s"])
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
        return None
    is_whole = 0 < holder.pid < 1 << 31 and 0 <= holder.since_s < expires_at_s
    is_whole = is_whole and now_s < expires_at_s < now_s + FURTHEST_S
    return holder if is_whole and not holder.is_dead else None


def _machine() -> str:
    """Return what processes that can see each other share: the machine's boot and the namespace of process ids."""
    try:
        # containers share a kernel, but not process ids
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux: dead holders go unnoticed until their leases expire
        return ""


def _state(pid: int) -> tuple[str, str]:
    """Return a process's state, a letter, and its start in clock ticks since boot; raises OSError if hidden."""
    # man 5 proc_pid_stat: fields 3 and 22; field 2, a name in brackets, may itself contain blanks and brackets
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], fields[19]
