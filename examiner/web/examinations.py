"""Examinations: files that are examined or were a short while ago, in memory only, and dropped soon.

The application calls `reserve`, `add`, `get`, `forget` and `sweep` from its event loop; threads of a bounded pool
examine. What examines is a function (bytes, name) → plain data, as `examiner.report.plain.as_dict` gives it, so that it
may as well be a process of its own or another machine.
"""

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from examiner.web.limits import Limits

_LOG = logging.getLogger(__name__)

Examine = Callable[[bytes, str], dict[str, Any]]
State = Literal["waiting", "working", "done", "failed"]

FAILED = "the examination failed; the server's log says why"
_REPORT_BYTES = 4 << 20
"""What a report counts for in memory: its maps are lists of numbers."""


class BusyError(Exception):
    """There is no room for another file; `wait_s` says when to come again."""

    def __init__(self, reason: str, wait_s: int) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(eq=False)
class Examination:
    """One file, and what is known of it so far."""

    key: str
    name: str
    data: bytes
    looked_at_s: float
    state: State = "waiting"
    report: dict[str, Any] | None = None
    reason: str = ""
    """Why it failed."""
    began_s: float | None = None
    took_s: float | None = None
    future: "Future[None] | None" = field(default=None, repr=False)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be known."""
        return self.state in ("done", "failed")


class Examinations:
    """All examinations of one process."""

    def __init__(
        self,
        examine: Examine,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        ended: Callable[[str, float], None] = lambda outcome, took_s: None,
    ) -> None:
        """Examine with `examine` within `limits`; `clock` gives seconds.

        `ended`: is told `done` or `failed`, and the seconds, of each; one at a time.
        """
        self._examine, self._limits, self._clock, self._ended = examine, limits, clock, ended
        self._telling = Lock()
        self._threads = ThreadPoolExecutor(limits.examinations_at_once, "examination")
        self._known: dict[str, Examination] = {}
        self._uploads = 0

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Hold a place while a file is received; raises BusyError where there is none."""
        if self._uploads >= self._limits.uploads_at_once:
            raise BusyError("Too many files are being received.", 2)
        if len(self._unfinished()) + self._uploads >= self._limits.examinations_at_once + self._limits.waiting:
            raise BusyError("Too many photographs wait to be examined.", 5)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    def add(self, data: bytes, name: str) -> Examination:
        """Begin to examine a file, now or when it is its turn."""
        self._make_room(len(data))
        added = Examination(secrets.token_urlsafe(16), name, data, self._clock())
        self._known[added.key] = added
        added.future = self._threads.submit(self._carry_out, added)
        return added

    def get(self, key: str) -> Examination | None:
        """Return an examination that is still known; its time begins again."""
        self.sweep()
        found = self._known.get(key)
        if found is not None:
            found.looked_at_s = self._clock()
        return found

    def before(self, examination: Examination) -> int:
        """Return how many others wait before this one."""
        waiting = [each.key for each in self._unfinished() if each.state == "waiting"]
        return waiting.index(examination.key) if examination.key in waiting else 0

    def forget(self, key: str) -> bool:
        """Drop a file and its report; returns whether they were known."""
        found = self._known.pop(key, None)
        if found is not None and found.future is not None and found.future.cancel():
            found.data = b""  # the pool's queue holds what was cancelled until a thread is free
        return found is not None

    def sweep(self) -> None:
        """Drop what nobody has looked at for `kept_s` seconds."""
        late_s = self._clock() - self._limits.kept_s
        for each in [each for each in self._known.values() if each.is_over and each.looked_at_s < late_s]:
            self.forget(each.key)

    def present(self) -> tuple[Counter[str], int]:
        """Return how many there are in each state, and how many bytes their files have."""
        known = list(self._known.values())
        return Counter(each.state for each in known), sum(len(each.data) for each in known)

    def close(self) -> None:
        """Drop everything; what is being examined ends by itself."""
        for key in list(self._known):
            self.forget(key)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _unfinished(self) -> list[Examination]:
        return [each for each in self._known.values() if not each.is_over]

    def _make_room(self, more_bytes: int) -> None:
        self.sweep()
        over = sorted((each for each in self._known.values() if each.is_over), key=lambda each: each.looked_at_s)
        for oldest in over:
            held = sum(len(each.data) + _REPORT_BYTES for each in self._known.values())
            if len(self._known) < self._limits.kept and held + more_bytes <= self._limits.kept_bytes:
                return
            self.forget(oldest.key)

    def _carry_out(self, examination: Examination) -> None:
        examination.state, examination.began_s = "working", self._clock()
        try:
            examination.report = self._examine(examination.data, examination.name)
            examination.state = "done"
        except Exception:  # noqa: BLE001 - a fault of ours or a worker that died: the page says so, and the server lives on
            _LOG.exception("an examination failed")
            examination.reason, examination.state = FAILED, "failed"
        examination.took_s = self._clock() - examination.began_s
        examination.looked_at_s = self._clock()
        with self._telling:
            self._ended(examination.state, examination.took_s)
