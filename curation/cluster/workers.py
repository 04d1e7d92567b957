"""Cluster: tasks in, results out as they are done, on an embedded Dask cluster or on one that runs already.

Dask does the work of a lost worker again. A task that ends its worker every time is cut in two until one item
alone is left, which is then given up by name instead of ending the run.
"""

import importlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any, Self, TypeVar

from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker

from corpus.errors import StageError

Task = TypeVar("Task")

CONNECT_TIMEOUT_S = 20
NO_WORKERS_S = 120
"""A lost worker is started again within seconds, on a busy machine within a minute."""
JOB = "curation.publishing.shards"
"""What a worker must be able to import."""


class Workers:
    """A Dask cluster for the length of a `with` block, started when it is first asked for."""

    def __init__(self, scheduler: str | None, workers: int, memory_mb: int | None = None) -> None:
        """Take the address of a scheduler, or how many processes of this machine to start and what memory each has.

        A worker beyond its memory spills what it holds to disk; none: its share of the machine's.
        """
        self._scheduler, self._workers = scheduler, workers
        self._memory = f"{memory_mb}MB" if memory_mb is not None else "auto"
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    @cached_property
    def client(self) -> Client:
        """The client of the cluster; raises StageError where no scheduler answers or its workers cannot do the job."""
        if self._scheduler is not None:
            remote: Client = self._open.enter_context(_connect(self._scheduler))
            return remote
        # what workers spill goes when the run goes
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="shutterprint-dask-"))
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=self._workers,
            threads_per_worker=1,
            memory_limit=self._memory,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # none would still open port 8787
            scheduler_kwargs={"dashboard": False},
            local_directory=folder,
            silence_logs=logging.ERROR,
        )
        self._open.enter_context(cluster)
        client: Client = Client(cluster, set_as_default=False)  # type: ignore[no-untyped-call]
        self._open.enter_context(client)
        return client


def _connect(scheduler: str) -> Client:
    """Return a client of a scheduler that has workers, all of which can import the job."""
    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # OSError holds the time-outs
        raise StageError(f"clusters.dask_scheduler: no Dask scheduler at {scheduler}: {error}") from error
    try:
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
        # a worker that cannot import what it is sent loses its connection and the job would wait for ever
        client.run(importlib.import_module, JOB)
    except TimeoutError as error:
        client.close()  # type: ignore[no-untyped-call]
        raise StageError(f"clusters.dask_scheduler: no worker has joined {scheduler}; start one") from error
    except ImportError as error:
        client.close()  # type: ignore[no-untyped-call]
        raise StageError(f"clusters.dask_scheduler: a worker of {scheduler} cannot import {JOB}: {error}") from error
    return client


def run_tasks(
    client: Client,
    function: Callable[[Task], Any],
    tasks: Sequence[Task],
    *,
    split: Callable[[Task], tuple[Task, ...]],
) -> Iterator[tuple[Task, Any]]:
    """Yield every task with its result, as they are done; the result of one that ends its worker is a KilledWorker.

    `split` returns the smaller tasks that a task which ends its worker is made again as, none for one that cannot
    be cut. An exception of the function itself is raised here; StageError where all workers are gone for good.
    """
    suspects: list[Task] = []
    for task, result in _run_together(client, function, tasks):
        if isinstance(result, KilledWorker):
            suspects.append(task)
        else:
            yield task, result
    # Dask lays a worker's end at the door of every task the worker held; alone, only the culprit is to blame
    while suspects:
        suspect = suspects.pop()
        for task, result in _run_together(client, function, [suspect]):
            parts = split(task) if isinstance(result, KilledWorker) else ()
            suspects += parts
            if not parts:
                yield task, result


def _run_together(client: Client, function: Callable[[Task], Any], tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
    """Yield every task with its result or with the KilledWorker it became; raise any other exception."""
    task_of = {client.submit(function, task, pure=False): task for task in tasks}
    done = as_completed(task_of, loop=client.loop, with_results=True, raise_errors=False)  # type: ignore[no-untyped-call]
    while not done.is_empty():  # type: ignore[no-untyped-call]
        wait_for_one(client, done)
        future, result = next(done)
        error = future.exception() if future.status == "error" else None
        if error is not None and not isinstance(error, KilledWorker):
            raise error
        yield task_of.pop(future), error or result


def wait_for_one(client: Client, done: Any) -> None:
    """Wait until one of the tasks of `as_completed` is done.

    Raises StageError after NO_WORKERS_S without a worker: it would be for ever.
    """
    looked_at_s = worked_at_s = time.monotonic()
    while not done.has_ready():
        time.sleep(0.02)
        now_s = time.monotonic()
        if now_s - looked_at_s > NO_WORKERS_S / 10:
            looked_at_s = now_s
            if client.scheduler_info()["workers"]:
                worked_at_s = now_s
            elif now_s - worked_at_s > NO_WORKERS_S:
                raise StageError(f"no Dask worker is left for {NO_WORKERS_S} s; give the same command to go on")
