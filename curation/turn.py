"""Turn: a store in; the right to curate it out, for one run among all, on whatever machines they run.

Two runs at once would spoil each other's generations: each removes, as a killed run's leftovers, what the other has not
finished yet. The lease stands in `leases/`, outside of what curation publishes, and is renewed while the run goes on.
Refuses (StageError) a store that another run curates.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from corpus.errors import StageError
from corpus.leases import LEASE_S, Lease, holders, take
from corpus.storage import Store

FOLDER, UNIT = "leases", "curation"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """A run's right to curate; `lease` is renewed beside it."""

    lease: Lease

    def check(self) -> None:
        """Raise StageError where another run has taken over, so that this one may publish nothing more."""
        if not self.lease.renew(time.time()):
            raise StageError(
                f"{self.lease.store.url}: another run has taken over, since this one was not heard of for "
                f"{LEASE_S / 60:.0f} minutes; run python -m curation.run again when that one has ended"
            )


@contextmanager
def turn(store: Store) -> Iterator[Turn]:
    """Hold the right to curate a store for the length of a `with` block.

    A dead run of this machine loses it at once, one on another machine within LEASE_S. Raises StageError, naming who
    curates and since when, where another run does.
    """
    lease = take(store, FOLDER, UNIT, time.time())
    if lease is None:
        raise StageError(f"{store.url}: {_who(store)}; run python -m curation.run again when that one has ended")
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lease, ended), daemon=True)
    renewing.start()
    try:
        yield Turn(lease)
    finally:
        ended.set()
        renewing.join()  # a renewal under way when the lease is released would bring it back
        lease.release()


def _renew(lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(LEASE_S / 4):
        try:
            lease.renew(time.time())
        # an object store's client has errors of many kinds, and none of them may end the renewing
        except Exception:
            logger.warning("the lease of this run could not be renewed", exc_info=True)


def _who(store: Store) -> str:
    holder = holders(store, FOLDER, time.time()).get(UNIT)
    if holder is None:  # it has ended since, or another run began at this very moment and both have stepped back
        return "another run curates it or has just done so"
    since = datetime.fromtimestamp(holder.since_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"process {holder.pid} on {holder.host} curates it since {since}"
