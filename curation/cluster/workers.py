"""Workers: run tasks on a Dask cluster, started for the run on this machine or running already elsewhere.

Before any work every worker proves that it sees the storage (`curation.cluster.proof`). Dask repeats the work of a lost
worker. A task that ends its worker every time, or lacks memory there, is handed back to be tried alone. A scheduler
that is gone ends the run with a sentence.
"""

import importlib
import logging
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeVar

import dask
from distributed import Client, LocalCluster, as_completed
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from corpus.errors import StageError
from corpus.storage import Store
from corpus.storage.requests import of_process, so_far
from curation.cluster.proof import OnProved, Probe, answer, check_answers, probe_in, remove_probes

Task = TypeVar("Task")

CONNECT_TIMEOUT_S = 20
NO_WORKERS_S = 120
"""Without a worker for so long, the run ends: a lost worker is restarted within seconds, a minute on a busy machine."""
ANSWERS_WITHIN_S = 180
"""A worker that does not answer what it is asked within so long has a storage that hangs, such as a dead mount."""
JOB = "curation.publishing.shards"
"""A module that workers of a running cluster must be able to import."""
PROOF = "curation.cluster.proof"
"""As above: the module whose function they run first."""
ALLOWED_FAILURES = 3
"""How often a task may lose its worker and be tried again: workers of a busy machine die of other things, too."""
GAVE_UP = (KilledWorker, MemoryError)
"""What a task that ends its worker, or lacks memory there, results in."""
_ENVIRON = "distributed.nanny.pre-spawn-environ"


class Workers:
    """A Dask cluster for the length of a `with` block, started when `client` is first used."""

    def __init__(
        self, scheduler: str | None, workers: int, memory_mb: int | None = None, store: Store | None = None
    ) -> None:
        """Use the cluster of `scheduler`, an address; None: start `workers` processes on this machine.

        `memory_mb`: of each worker, which spills to disk what it holds beyond that; None: its share of the machine's.
        `store`: the storage that the workers must see; None: the tasks need none.
        """
        self._scheduler, self._workers, self._store = scheduler, workers, store
        self._memory = f"{memory_mb}MB" if memory_mb is not None else "auto"
        self._open = ExitStack()
        self._asked_before: dict[str, Counter[str]] = {}

    def __enter__(self) -> Self:
        if self._store is not None:  # one run curates a store at a time; one that has no work to do asks no worker
            remove_probes(self._store)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the cluster; raises StageError where the end of the scheduler or of the workers ended the block."""
        try:
            self._open.close()
        except Exception:
            if error is None:  # else what ended the work says more than what follows from it
                raise
        if isinstance(error, KilledWorker):
            raise StageError(
                f"the Dask workers end again and again at the same work ({error}); give them more memory "
                "(curation.worker_memory_mb) or less work at once (curation.judge_photos), then give the same command "
                "again: what is finished is kept"
            ) from error
        if isinstance(error, CancelledError | CommClosedError):
            where = f"at {self._scheduler}" if self._scheduler is not None else "of this machine"
            raise StageError(
                f"clusters.dask_scheduler: the Dask scheduler {where} is gone in the middle of the work; start it and "
                "give the same command again: what is finished is kept"
            ) from error

    @cached_property
    def client(self) -> Client:
        """The client of the cluster, all of whose workers see the storage.

        Raises StageError without a scheduler or workers that can import the job, and for a worker that does not see the
        storage or runs another version.
        """
        client = self._client()
        if self._probe is not None:
            check_answers(self._probe, answers_of(client, answer, self._probe))
        if self._scheduler is not None and self._store is not None and not self._store.is_local:
            told = answers_of(client, of_process)
            self._asked_before = {address: one for address, one in told.items() if isinstance(one, Counter)}
        return client

    def proved(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that also proves each worker that joins later, before its first task."""
        return function if self._probe is None else OnProved(self._probe, function)

    def requests(self) -> Counter[str]:
        """Return the requests to the object store so far, of this process and of all workers that are there.

        Those of a worker of another cluster that has ended are not known.
        """
        total = so_far()
        for address, told in (answers_of(self.client, of_process) if self._asked_before else {}).items():
            if isinstance(told, Counter):
                total += told - self._asked_before.get(address, Counter())
        return total

    @cached_property
    def _probe(self) -> Probe | None:
        return None if self._store is None else self._open.enter_context(probe_in(self._store))

    def _client(self) -> Client:
        if self._scheduler is not None:
            remote: Client = self._open.enter_context(_connect(self._scheduler))
            return remote
        # what workers spill is removed with the run
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="shutterprint-dask-"))
        # else a worker that is being started again a quarter of a minute after it died is taken for lost, and closed
        patient = {"distributed.deploy.lost-worker-timeout": "1 day"}
        # nobody looks at the stacks that each process takes a hundred times a second, nor at its fifty ticks
        quiet = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "500ms"}
        # those that glibc comes to by itself: with those of Dask, arrays are mapped anew, 3 page faults a photograph
        memory = {f"{_ENVIRON}.MALLOC_TRIM_THRESHOLD_": 128 << 20, f"{_ENVIRON}.MALLOC_MMAP_THRESHOLD_": 32 << 20}
        self._open.enter_context(dask.config.set(patient | quiet | memory))
        # Dask sets these in this process, too, where they would hold for whatever it starts later
        before = {name: os.environ.get(name) for name in (*dask.config.get(_ENVIRON), "PYTHONHASHSEED")}
        self._open.callback(_restore_environment, before)
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=self._workers,
            threads_per_worker=1,
            memory_limit=self._memory,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # without an address Dask still opens port 8787
            scheduler_kwargs={"dashboard": False, "allowed_failures": ALLOWED_FAILURES},
            local_directory=folder,
            silence_logs=logging.ERROR,
        )
        self._open.enter_context(cluster)
        client: Client = Client(cluster, set_as_default=False)  # type: ignore[no-untyped-call]
        self._open.enter_context(client)
        client.register_worker_callbacks(_quiet_worker)  # type: ignore[no-untyped-call]
        return client


def _restore_environment(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _quiet_worker() -> None:
    """Let a worker of our own write no line and traceback for what a task raises: the run says it, in a sentence."""
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)


def _connect(scheduler: str) -> Client:
    """Return a client of a scheduler whose workers can all import the job; raises StageError otherwise."""
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # of a scheduler that is gone the run tells
    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # OSError holds the time-outs
        raise StageError(f"clusters.dask_scheduler: no Dask scheduler at {scheduler}: {error}") from error
    try:
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
        # a worker that cannot import what it is sent loses its connection, and the job would wait for ever
        for module in (JOB, PROOF):
            for said in answers_of(client, importlib.import_module, module).values():
                # an OSError is that of a worker which has ended meanwhile
                if isinstance(said, BaseException) and not isinstance(said, OSError):
                    raise said
    except TimeoutError as error:
        client.close()  # type: ignore[no-untyped-call]
        raise StageError(f"clusters.dask_scheduler: no worker has joined {scheduler}; start one") from error
    except ImportError as error:
        client.close()  # type: ignore[no-untyped-call]
        raise StageError(f"clusters.dask_scheduler: a worker of {scheduler} cannot import {module}: {error}") from error
    except BaseException:
        client.close()  # type: ignore[no-untyped-call]
        raise
    return client


def answers_of(client: Client, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Return what a function returns, or the exception, on each worker, by its address.

    Raises StageError where a worker does not answer within ANSWERS_WITHIN_S; Dask itself would wait for ever.
    """
    answers: dict[str, Any] = {}

    def ask(address: str) -> None:
        try:
            answers.update(client.run(function, *arguments, workers=[address], on_error="return"))
        except Exception as error:  # noqa: BLE001 - whoever asked looks at it
            answers[address] = error

    addresses = sorted(client.nthreads())  # type: ignore[no-untyped-call]
    # daemons: nothing ends one whose worker never answers
    threads = [threading.Thread(target=ask, args=(address,), daemon=True) for address in addresses]
    for thread in threads:
        thread.start()
    until_s = time.monotonic() + ANSWERS_WITHIN_S
    for thread in threads:
        thread.join(max(until_s - time.monotonic(), 0))
    if silent := [address for address in addresses if address not in answers]:
        raise StageError(
            f"the Dask worker {silent[0]} does not answer within {ANSWERS_WITHIN_S} s whether it sees the storage "
            f"({len(silent)} of {len(addresses)} workers do not); look at its mount and its network, or stop it, then "
            "give the same command again"
        )
    return answers


def run_tasks(client: Client, function: Callable[[Task], Any], tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
    """Yield every task with its result as they finish, or one of GAVE_UP where it ended its worker or lacked memory.

    Dask blames every task that a dead worker held, so not all of those are to blame: the caller tries them alone
    (`curation.cluster.alone`). Raises what the function raises, and StageError where all workers are gone for good.
    """
    task_of = {client.submit(function, task, pure=False): task for task in tasks}
    done = as_completed(task_of, loop=client.loop, with_results=True, raise_errors=False)  # type: ignore[no-untyped-call]
    while not done.is_empty():  # type: ignore[no-untyped-call]
        wait_for_one(client, done)
        future, result = next(done)
        if future.cancelled():
            raise CancelledError(f"Dask has lost {future.key}")
        error = future.exception() if future.status == "error" else None
        if error is not None and not isinstance(error, GAVE_UP):
            raise error
        yield task_of.pop(future), error or result


def wait_for_one(client: Client, done: Any) -> None:
    """Wait until one of the tasks of `as_completed` is done; raises StageError after NO_WORKERS_S without a worker.

    Workers of our own that have not come back after a quarter of that are started anew.
    """
    looked_at_s = worked_at_s = revived_at_s = time.monotonic()
    while not done.has_ready():
        time.sleep(0.02)
        now_s = time.monotonic()
        if now_s - looked_at_s > NO_WORKERS_S / 10:
            looked_at_s = now_s
            if client.scheduler_info().get("workers"):  # a client that has lost its scheduler knows nothing of workers
                worked_at_s = revived_at_s = now_s
            elif now_s - worked_at_s > NO_WORKERS_S:
                raise StageError(f"no Dask worker is left for {NO_WORKERS_S} s; give the same command to go on")
            elif now_s - revived_at_s > NO_WORKERS_S / 4 and client.cluster is not None:
                revived_at_s, number = now_s, len(client.cluster.worker_spec)
                client.cluster.scale(0)
                client.cluster.scale(number)
