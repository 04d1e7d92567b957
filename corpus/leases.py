"""Leases: a unit of work in, the right to do it out, for one process among all, on whatever machines they run.

A unit's lease is a file in the store, `<folder>/<unit>.<n>.json`, that is created exclusively: who holds it, since
when and until when. It is renewed while the work goes on, and removed afterwards. Where a holder has let its lease run
out, or was of this machine and is dead, the next n is taken. Taking and renewing both write first and then look again
whether anybody else did, so that of two that cross one at least sees the other and steps back.

Machines' clocks must agree within minutes. A lease that is damaged, or says that it holds for more than a day,
counts as run out.
"""

import json
import logging
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from corpus.errors import StorageError
from corpus.storage import Store

logger = logging.getLogger(__name__)

LEASE_S = 600.0
"""How long a lease holds without being renewed."""
RENEW_EVERY_S = LEASE_S / 4
FURTHEST_S = 86400.0


@dataclass(frozen=True)
class Holder:
    """A process. `machine` is equal for processes that see each other, empty where that is not known."""

    host: str
    machine: str
    pid: int
    started: str
    since_s: float = 0.0
    """Since when it holds a lease, in seconds since 1970; 0: it holds none, or a former version took it."""

    @property
    def is_dead(self) -> bool:
        """Whether the process is known to have ended, which only those of the same machine can know."""
        if not self.machine or self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it is another user's, and lives
            pass
        try:
            state, started = _state(self.pid)
        except OSError:  # it lives, but such as it are hidden from us
            return False
        return state in "ZX" or started != self.started  # a zombie works no more, though nobody has asked after it


def this_process() -> Holder:
    """Return the process that asks."""
    machine = _machine()
    return Holder(socket.gethostname(), machine, os.getpid(), _state(os.getpid())[1] if machine else "")


@dataclass(frozen=True)
class Lease:
    """The right to work on one unit; `number` is the n of its file, `token` what no other lease has."""

    store: Store
    folder: str
    unit: str
    number: int
    holder: Holder
    token: str

    @property
    def path(self) -> str:
        """Where the lease stands in the store."""
        return f"{self.folder}/{self.unit}.{self.number}.json"

    def data(self, now_s: float) -> bytes:
        """Return what stands in a lease that is taken or renewed now."""
        value = {**asdict(self.holder), "token": self.token, "expires_at_s": now_s + LEASE_S}
        return json.dumps(value, indent=1).encode()

    def renew(self, now_s: float) -> bool:
        """Hold on for LEASE_S from now; False where another process has taken over: stop, and publish nothing more.

        `now_s`: `time.time()`. Raises what the store raises where it cannot be reached; the lease may hold still.
        """
        if not self._is_ours():
            return False
        self.store.publish(self.path, self.data(now_s))
        return self._is_ours()

    def release(self) -> None:
        """Let others have the unit; one that another process has taken over remains that one's."""
        if self._is_ours():
            for number in sorted(_standing(self.store, self.folder, self.unit)):
                # lower ones first: cut off in between, what is left is the youngest
                if number <= self.number:
                    self.store.remove(replace(self, number=number).path)

    def _is_ours(self) -> bool:
        leases = _standing(self.store, self.folder, self.unit)
        return max(leases, default=None) == self.number and self.token.encode() in leases[self.number]


def take(store: Store, folder: str, unit: str, now_s: float) -> Lease | None:
    """Return the lease of a unit, None where another process has it; at once, nobody waits in here.

    `folder`: of the store, in which nothing but leases stands. `unit`: a name that may be a file's, without dots.
    `now_s`: `time.time()`.
    """
    before = _standing(store, folder, unit)
    if before and _holder(before[max(before)], now_s) is not None:
        return None
    holder = replace(this_process(), since_s=now_s)
    lease = Lease(store, folder, unit, max(before, default=-1) + 1, holder, secrets.token_hex(8))
    data = lease.data(now_s)
    store.create(lease.path, data)
    # Looked at instead of what `create` says: a PUT whose answer was lost is sent again, and refused. And what was
    # judged must stand there as it was, neither renewed since nor released, nor released and taken anew.
    after = _standing(store, folder, unit)
    if after == {**before, lease.number: data}:
        return lease
    if after.get(lease.number) == data:
        store.remove(lease.path)
    return None


class HeldLease:
    """A lease that a thread renews in the background until it is released."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._ended = threading.Event()
        # a renewal that is under way when the lease is released would bring its file back
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._renew_until_released, daemon=True)
        self._thread.start()

    def is_ours(self) -> bool:
        """Renew the lease and return whether it still holds: where it does not, publish nothing more."""
        with self._lock:
            return not self._ended.is_set() and self.lease.renew(time.time())

    def release(self) -> None:
        """Stop renewing and let others have the unit."""
        self._ended.set()
        with self._lock:
            self.lease.release()

    def _renew_until_released(self) -> None:
        while not self._ended.wait(RENEW_EVERY_S):
            try:
                self.is_ours()
            # an object store's client has errors of many kinds, and none of them may end the renewing
            except Exception:
                logger.warning("the lease of %s could not be renewed", self.lease.unit, exc_info=True)


@contextmanager
def held(store: Store, folder: str, unit: str) -> Iterator[HeldLease | None]:
    """Hold a unit for the length of a `with` block, renewed in the background; None where another process has it.

    Arguments as `take` has them. The lease is released whatever ends the block.
    """
    lease = take(store, folder, unit, time.time())
    if lease is None:
        yield None
        return
    holding = HeldLease(lease)
    try:
        yield holding
    finally:
        holding.release()


def holders(store: Store, folder: str, now_s: float) -> dict[str, Holder]:
    """Return who works on what: the holders of all leases in a folder that hold, by the unit's name."""
    units = {name.rpartition(".")[0].rpartition(".")[0] for name in store.names(folder) if name.count(".") == 2}
    found = {}
    for unit in sorted(units):
        leases = _standing(store, folder, unit)
        if leases and (holder := _holder(leases[max(leases)], now_s)) is not None:
            found[unit] = holder
    return found


def _standing(store: Store, folder: str, unit: str) -> dict[int, bytes]:
    """Return what stands in the leases of a unit, by number."""
    found = {}
    for name in store.names(folder):
        if parts := re.fullmatch(re.escape(unit) + r"\.(\d{1,9})\.json", name):
            with suppress(StorageError):  # released since it was listed
                found[int(parts[1])] = store.read(f"{folder}/{name}")
    return found


def _holder(data: bytes, now_s: float) -> Holder | None:
    """Return who holds a lease, None where it holds no more."""
    try:
        value = json.loads(data)
        of_process = str(value["host"]), str(value["machine"]), int(value["pid"]), str(value["started"])
        holder = Holder(*of_process, float(value.get("since_s", 0.0)))
        expires_at_s = float(value["expires_at_s"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    is_whole = 0 < holder.pid < 1 << 31 and 0 <= holder.since_s < expires_at_s
    is_whole = is_whole and now_s < expires_at_s < now_s + FURTHEST_S
    return holder if is_whole and not holder.is_dead else None


def _machine() -> str:
    """Return what processes have in common that see each other: the machine's start and their space of numbers."""
    try:
        # containers share the kernel, but not the numbers of processes
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux: nobody's death is seen, leases run out
        return ""


def _state(pid: int) -> tuple[str, str]:
    """Return a process's state, a letter, and when it was started, in clock ticks since the machine was.

    Raises OSError where it cannot be seen.
    """
    # man 5 proc_pid_stat: fields 3 and 22; the second, a name in brackets, may hold blanks and brackets itself
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], fields[19]
