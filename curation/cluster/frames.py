"""Frames: do tasks on tables on a cluster or in this process.

Tasks hand tables to each other through a spool (`curation.cluster.spool`) and give back what is small. With a client,
tasks of a dead worker are done again. Without a client (small corpora, tests) everything is done in this process.
"""

import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from dask.delayed import Delayed, delayed
from distributed import Client, as_completed

from corpus.storage import Store, open_store
from curation.cluster.spool import Spool
from curation.cluster.workers import wait_for_one

Function = Callable[..., Any]

Advance = Callable[[int], None]
"""Called with the number of parts that have just been finished."""

SPOOL = "judging"
"""The folder of a store in which the tasks of a judgement leave tables for each other; it goes when they are done."""


class Frames:
    """The place where tasks are done."""

    def __init__(
        self, client: Client | None, proved: Callable[[Function], Function] = lambda function: function
    ) -> None:
        """Use the cluster of `client`; None: this process.

        `proved`: see `curation.cluster.workers.Workers.proved`.
        """
        self.client, self._proved = client, proved

    def spool(self, store: Store, until: ExitStack) -> Spool:
        """Return where tasks leave tables for each other until `until` is closed.

        That is this process's memory, or a folder of the store; of a store elsewhere workers of this machine alone use
        a temporary folder. Each run has a folder of its own below SPOOL: tasks of a killed run, which a lasting cluster
        still does, write into theirs. What earlier runs left is removed at the start and the end, so the caller must be
        the only run (`curation.run.sole_run`).
        """
        store.remove(SPOOL)
        folder = f"{SPOOL}/{secrets.token_hex(8)}"
        if self.client is None:
            spool = Spool(None, folder)
        elif store.is_local or self.client.cluster is None:
            spool = Spool(store, folder)
            until.callback(store.remove, SPOOL)
        else:
            temporary = until.enter_context(tempfile.TemporaryDirectory(prefix="shutterprint-judging-"))
            spool = Spool(open_store(temporary), folder)
        until.callback(spool.remove)
        return spool

    def shared(self, value: Any) -> Any:
        """Return a large value as an argument for tasks that is sent to every worker only once.

        The scheduler keeps it, so that it outlives all workers.
        """
        return value if self.client is None else delayed(value, traverse=False)

    def done(
        self, function: Function, pieces: Sequence[Any], *arguments: Any, advance: Advance | None = None
    ) -> list[Any]:
        """Return what `function` gives for each piece and the arguments, in order; `advance` is called for each."""
        tell = advance or (lambda _: None)
        if self.client is None:
            results = []
            for piece in pieces:
                results.append(function(piece, *arguments))
                tell(1)
            return results
        futures = self.client.compute(self._tasks(function, pieces, arguments))
        for _ in _done(self.client, futures):
            tell(1)
        results = self.client.gather(futures)
        return list(results)

    def results(self, function: Function, pieces: Sequence[Any], *arguments: Any) -> Iterator[Any]:
        """Yield the same one after another, while later ones are computed ahead."""
        if self.client is None:
            for piece in pieces:
                yield function(piece, *arguments)
            return
        futures = self.client.compute(self._tasks(function, pieces, arguments))
        futures.reverse()
        while futures:
            (future,) = _done(self.client, [futures.pop()])
            yield future.result()

    def _tasks(self, function: Function, pieces: Sequence[Any], arguments: Sequence[Any]) -> list[Delayed]:
        task = delayed(self._proved(function), pure=False, traverse=False)
        return [task(delayed(piece, traverse=False), *arguments) for piece in pieces]


def _done(client: Client, futures: list[Any]) -> Iterator[Any]:
    """Yield futures as they finish, without fetching their results.

    Raises what one of them raised, and StageError where no worker is left.
    """
    done = as_completed(futures, loop=client.loop)
    while not done.is_empty():
        wait_for_one(client, done)
        future = next(done)
        if future.status == "error":
            future.result()
        yield future
