"""Frames: compute Dask DataFrames on a cluster or in this process.

With a client, rows are shuffled by Dask's P2P shuffle through the workers' disks; parts that do not fit into memory are
spilled there, and the parts of a dead worker are computed again. Without a client (small corpora, tests) everything is
computed in this process.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
from dask.delayed import Delayed, delayed
from distributed import Client, as_completed, futures_of

from curation.cluster.workers import wait_for_one

TEXT = pd.ArrowDtype(pa.string())

Function = Callable[..., Any]

Advance = Callable[[int], None]
"""Called with the number of parts that have just been finished."""

Kinds = Mapping[str, Any]
"""The type of each column of a frame, by name."""


def frame_of(columns: Mapping[str, Any] | pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """Return a frame of columns of the same length, each of its type."""
    return pd.DataFrame({name: pd.Series(columns[name], dtype=kind) for name, kind in kinds.items()})


def empty(kinds: Kinds) -> pd.DataFrame:
    """Return a frame without rows, from which Dask learns what a function returns."""
    return frame_of(dict.fromkeys(kinds, ()), kinds)


def frame_of_rows(rows: Sequence[Sequence[Any]], kinds: Kinds) -> pd.DataFrame:
    """Return a frame of rows, whose values are in the order of `kinds`."""
    return frame_of(dict(zip(kinds, zip(*rows, strict=True), strict=True)), kinds) if rows else empty(kinds)


class Frames:
    """The place where frames are computed."""

    def __init__(
        self, client: Client | None, proved: Callable[[Function], Function] = lambda function: function
    ) -> None:
        """Compute on the cluster of `client`; None: in this process.

        `proved`: see `curation.cluster.workers.Workers.proved`.
        """
        self.client, self._proved = client, proved
        self._shuffle = "p2p" if client is not None else "tasks"

    def read(self, function: Callable[..., pd.DataFrame], pieces: Sequence[Any], kinds: Kinds) -> dd.DataFrame:
        """Return a frame with one part for each piece: what `function` returns for it."""
        return dd.from_map(self._proved(function), pieces, meta=empty(kinds), enforce_metadata=False)

    def mapped(
        self, frame: dd.DataFrame, function: Callable[..., pd.DataFrame], *arguments: Any, kinds: Kinds
    ) -> dd.DataFrame:
        """Return the frame of what `function` returns for each part and the arguments."""
        return frame.map_partitions(self._proved(function), *arguments, meta=empty(kinds), enforce_metadata=False)

    def by_part(self, frame: dd.DataFrame, parts: int) -> dd.DataFrame:
        """Move the rows whose column `part` is n, 0 … `parts` - 1, to the n-th part."""
        if parts == 1:
            return frame.repartition(npartitions=1)
        divisions = [*range(parts), parts - 1]
        return frame.set_index("part", divisions=divisions, shuffle_method=self._shuffle)

    def by_key(self, frame: dd.DataFrame, column: str, parts: int) -> dd.DataFrame:
        """Move the rows with equal values of a column to the same part."""
        if parts == 1:
            return frame.repartition(npartitions=1)
        return frame.shuffle(column, npartitions=parts, shuffle_method=self._shuffle)

    def shared(self, value: Any) -> Any:
        """Return a large value as an argument for `mapped` and `tasks` that is sent to every worker only once.

        The scheduler keeps it, so that it outlives all workers.
        """
        return value if self.client is None else delayed(value, traverse=False)

    def kept(self, frame: dd.DataFrame, advance: Advance) -> dd.DataFrame:
        """Compute a frame and keep its parts, in memory or spilled; calls `advance` for each part."""
        if self.client is None:
            kept = frame.persist(scheduler="sync")
            advance(kept.npartitions)
            return kept
        kept = self.client.persist(frame)
        for _ in _done(self.client, futures_of(kept)):
            advance(1)
        return kept

    def whole(self, frame: dd.DataFrame) -> pd.DataFrame:
        """Return all rows of a small frame."""
        return pd.concat(list(self.results(frame.to_delayed())), ignore_index=True)

    def tasks(self, frame: dd.DataFrame, function: Callable[..., Any], *arguments: Any) -> list[Delayed]:
        """Return calls of `function` with each part of a frame, in order, and the arguments."""
        return [delayed(function)(part, *arguments) for part in frame.to_delayed()]

    def results(self, tasks: Iterable[Delayed]) -> Iterator[Any]:
        """Yield the results of tasks in order, while later ones are computed ahead and spilled like any others."""
        if self.client is None:
            for task in tasks:
                yield task.compute(scheduler="sync")
            return
        futures = self.client.compute(list(tasks))
        futures.reverse()
        while futures:
            (future,) = _done(self.client, [futures.pop()])
            yield future.result()


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
