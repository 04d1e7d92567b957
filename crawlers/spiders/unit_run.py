"""Run units of work (a year of a query, a directory), each while no other process works on it.

A unit of another share is passed over. A unit that another process holds is postponed to the end of the crawl, and so
is one whose lease was lost on the way: by then little of it is usually left to do.
"""

import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from corpus.errors import StageError
from corpus.leases import HeldLease, held
from corpus.storage import Store
from corpus.text import unique_slug
from crawlers.network.concurrency import in_thread, sleep
from crawlers.windows.work_units import WorkShare, leases_folder

RETRY_EVERY_S = 2.0  # how often the lease of a unit that another process holds is tried again

logger = logging.getLogger(__name__)


class LeaseLost(StageError):  # noqa: N818 - it says what happened
    """Another process has taken over the current unit, so this one may publish nothing more of it."""


@dataclass
class UnitRunner:
    """Runs the units of one source, one at a time."""

    store: Store
    source: str
    share: WorkShare
    lease: HeldLease | None = field(default=None, init=False)
    postponed: list[tuple[str, Callable[[], Awaitable[None]]]] = field(default_factory=list, init=False)
    may_be_begun: bool = field(default=False, init=False)
    """Whether another process is known to have worked on the current unit since this crawl began."""
    are_postponed: bool = field(default=False, init=False)

    async def run(self, unit: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run the work of a unit now, or postpone it; does nothing for a unit of another share."""
        if not self.share.has(unit):
            return
        with_lease = ExitStack()  # taking and releasing a lease block, so each happens in a thread
        leases, name = leases_folder(self.source), unique_slug(unit)
        lease = await in_thread(with_lease.enter_context, held(self.store, leases, name))
        if lease is None:
            self.postponed.append((unit, work))
            return
        self.lease = lease
        self.may_be_begun = self.are_postponed or lease.lease.number > 0
        fault: tuple[Any, Any, Any] = (None, None, None)
        try:
            await work()
        except LeaseLost as lost:
            logger.warning("%s: %s", unit, lost)
            self.postponed.append((unit, work))
        except BaseException:
            fault = sys.exc_info()
            raise
        finally:
            self.lease = None
            # with the fault of the work, which a release that fails must not replace
            await in_thread(with_lease.__exit__, *fault)

    async def run_postponed(self) -> None:
        """Run the units that were postponed, waiting for the processes that hold them."""
        if self.postponed:
            logger.info("waiting for %d units that other processes are working on", len(self.postponed))
        self.are_postponed = True
        while self.postponed:
            waiting, self.postponed = self.postponed, []
            for unit, work in waiting:
                await self.run(unit, work)
            if len(self.postponed) == len(waiting):
                await sleep(RETRY_EVERY_S)

    def check_lease(self) -> None:
        """Raise LeaseLost where another process has taken over the current unit; blocks."""
        if self.lease is None or not self.lease.is_ours():
            raise LeaseLost("another process has taken over this unit of work")
