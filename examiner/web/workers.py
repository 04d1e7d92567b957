"""Workers: several processes that examine strangers' files, each for one thread at a time."""

from collections.abc import Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any, Self

from examiner.sandbox.worker import Sandbox


class Workers:
    """A number of sandboxes, during a `with` block."""

    def __init__(
        self,
        number: int,
        *,
        corpus: str | None = None,
        run: str | None = None,
        configuration: str | None = None,
        overrides: Sequence[str] = (),
        private: bool = False,
    ) -> None:
        """Say how many there are and what each knows, as `Sandbox` takes it."""
        self._sandboxes = [
            Sandbox(corpus=corpus, run=run, configuration=configuration, overrides=overrides, private=private)
            for _ in range(number)
        ]
        self._free: SimpleQueue[Sandbox] = SimpleQueue()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start all processes; raises StageError where what they shall know is not there."""
        with ExitStack() as started:
            for sandbox in self._sandboxes:
                self._free.put(started.enter_context(sandbox))
            self._running = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def examine(self, data: bytes, name: str) -> dict[str, Any]:
        """Return a file's report as plain data, when a process is free."""
        sandbox = self._free.get()
        try:
            return sandbox.examine(data, name)
        finally:
            self._free.put(sandbox)
