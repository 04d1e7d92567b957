"""Task metrics: those of one task, such as a crawl or a training, while it runs and after it.

A task that runs long answers at an address of its own (`metrics.crawl_port` …). Any task may keep a file for the
textfile collector of Prometheus's node_exporter (`metrics.folder`), which stays when the task has ended: `*.prom`,
replaced as a whole, so that it is never read half written. Counters of the file go on from run to run.

Watching stops no work: where the port is taken or the folder cannot be written, one sentence says so.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from corpus.metrics.family import Family, Sample

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from corpus.metrics.exposition import Totals

WRITE_EVERY_S = 15.0
STEPS: dict[str, tuple[int, int]] = {}
"""How many things are done, and of how many, by the step of this process (`corpus.command_line.progress`)."""

RUNNING = Family("shutterprint_task_running", "gauge", "1 while the task runs, else 0.")
STARTED = Family("shutterprint_task_started_timestamp_seconds", "gauge", "When the task was last started.")
SUCCEEDED = Family("shutterprint_task_last_success_timestamp_seconds", "gauge", "When the task last succeeded.")
DURATION = Family("shutterprint_task_last_duration_seconds", "gauge", "How long the task took that ended last.")
RUNS = Family("shutterprint_task_runs_total", "counter", "Tasks that have ended.", ("outcome",))
STEP_DONE = Family("shutterprint_task_step_done_items", "gauge", "Things done by the present step.", ("step",))
STEP_WHOLE = Family("shutterprint_task_step_items", "gauge", "Things that the present step has to do.", ("step",))
FAMILIES = (RUNNING, STARTED, SUCCEEDED, DURATION, RUNS, STEP_DONE, STEP_WHOLE)

_LOG = logging.getLogger(__name__)


class TaskMetrics:
    """The metrics of one task, from `begin` to `end`, or as a `with` block, which fails with an exception."""

    def __init__(
        self,
        task: str,
        read: Callable[[], Iterable[Sample]],
        *,
        folder: Path | None = None,
        port: int | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        """Measure `task`, whose own samples `read` returns; it is called in other threads."""
        self.task, self._read, self._address, self._port = task, read, address, port
        self._file = None if folder is None else folder / f"shutterprint-{task}.prom"
        self._started_s = self._ended_s = 0.0
        self._outcome: str | None = None
        self._before: Totals = {}
        self._server: Any = None
        self._stopped, self._has_failed = threading.Event(), False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start: listen at the port and write the file, where these are asked for."""
        self._started_s = time.time()
        if self._file is None and self._port is None:
            return
        from corpus.metrics.exposition import totals_in

        if self._port is not None:
            self._listen(self._address, self._port)
        if self._file is not None:
            self._before = totals_in(self._file)
            self._write()
            self._thread = threading.Thread(target=self._keep_writing, name="metrics", daemon=True)
            self._thread.start()

    def end(self, *, succeeded: bool) -> None:
        """End: write the file once more and close the port."""
        self._outcome, self._ended_s = "success" if succeeded else "failure", time.time()
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._write()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(succeeded=error is None)

    def samples(self) -> list[Sample]:
        """Return the samples of this moment, those of the task first."""
        ended = self._outcome is not None
        succeeded_s = (
            self._ended_s if self._outcome == "success" else self._before.get((SUCCEEDED.name, frozenset()), 0.0)
        )
        duration_s = self._ended_s - self._started_s if ended else self._before.get((DURATION.name, frozenset()))
        told = [Sample(RUNNING, float(not ended)), Sample(STARTED, self._started_s)]
        told += [Sample(SUCCEEDED, succeeded_s)] if succeeded_s is not None else []
        told += [Sample(DURATION, duration_s)] if duration_s is not None else []
        told += [Sample(RUNS, float(self._outcome == each), (each,)) for each in ("success", "failure")]
        for step, (done, whole) in list(STEPS.items()):
            told += [Sample(STEP_DONE, done, (step,)), Sample(STEP_WHOLE, whole, (step,))]
        return [*told, *self._read()]

    def _registry(self, before: "Totals") -> "CollectorRegistry":
        from corpus.metrics.exposition import as_metrics, registry_of

        def continued() -> list[Sample]:
            return [
                each._replace(value=each.value + before.get(each.key, 0.0)) if each.family.kind == "counter" else each
                for each in self.samples()
            ]

        return registry_of(lambda: as_metrics(continued(), self.task))

    def _listen(self, address: str, port: int) -> None:
        from prometheus_client import start_http_server

        try:
            self._server, _ = start_http_server(port, address, self._registry({}))
        except OSError as error:
            _LOG.warning("metrics: %s:%d cannot be listened at: %s; the work goes on without", address, port, error)

    def _write(self) -> None:
        from prometheus_client import write_to_textfile

        assert self._file is not None  # noqa: S101 - called where there is a file
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_to_textfile(str(self._file), self._registry(self._before))
        except Exception as error:  # noqa: BLE001 - a full disk, a storage that does not answer: watching stops no work
            if not self._has_failed:
                _LOG.warning("metrics: %s is not written: %s; the work goes on without", self._file, error)
            self._has_failed = True

    def _keep_writing(self) -> None:
        while not self._stopped.wait(WRITE_EVERY_S):
            self._write()
