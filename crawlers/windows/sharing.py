"""Sharing: a unit of work and what to do in it in; done, while no other process works on it, out.

Units of other parts are not touched. A unit that another process holds is left for the end, and so is one whose lease
was lost on the way: by then mostly nothing is left to do.
"""

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from corpus.errors import StageError
from corpus.leases import Lease, take
from corpus.storage import Store
from crawlers.network.concurrency import in_thread, sleep
from crawlers.windows.work_units import WorkShare, leases_folder, unit_name

HELD_ELSEWHERE_S = 2.0
"""How often a unit that another process holds is asked for."""

logger = logging.getLogger(__name__)


class LeaseLost(StageError):  # noqa: N818 - it says what happened
    """Another process has taken over the unit in work, which may not be published any more by this one."""


@dataclass
class Sharing:
    """The units that a process works on, one at a time."""

    store: Store
    source: str
    part: WorkShare
    held: Lease | None = None
    elsewhere: list[tuple[str, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    # a renewal that is under way in its thread when the lease is released would bring the lease back
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def do(self, unit: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work of a unit, now or at the end."""
        if not self.part.has(unit):
            return
        lease = await in_thread(take, self.store, leases_folder(self.source), unit_name(unit), time.time())
        if lease is None:
            self.elsewhere.append((unit, work))
            return
        self.held = lease
        try:
            await work()
        except LeaseLost as lost:
            logger.warning("%s: %s", unit, lost)
            self.elsewhere.append((unit, work))
        finally:
            self.held = None
            await in_thread(self._release, lease)

    async def join_others(self) -> None:
        """See to the units that were left for the end, waiting for the processes that hold them."""
        if self.elsewhere:
            logger.info("%d units are in the hands of other processes; waiting for them", len(self.elsewhere))
        while self.elsewhere:
            waiting, self.elsewhere = self.elsewhere, []
            for unit, work in waiting:
                await self.do(unit, work)
            if len(self.elsewhere) == len(waiting):
                await sleep(HELD_ELSEWHERE_S)

    def check(self) -> None:
        """Raise LeaseLost where the unit in work is another process's by now; blocks."""
        with self._lock:
            if self.held is None or not self.held.renew(time.time()):
                raise LeaseLost("another process has taken over this unit of work")

    async def renew(self) -> None:
        """Hold the unit in work for longer; a store that cannot be reached is asked again in a while."""
        try:
            await in_thread(self._renew)
        # an object store's client has errors of many kinds, and none of them may end the renewing
        except Exception:
            logger.warning("the lease of the unit in work could not be renewed", exc_info=True)

    def _renew(self) -> None:
        with self._lock:
            if self.held is not None:
                self.held.renew(time.time())

    def _release(self, lease: Lease) -> None:
        with self._lock:
            lease.release()
