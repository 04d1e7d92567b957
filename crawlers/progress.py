"""Progress: counts in, now and then a line with the rate out."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

INTERVAL_S = 10.0


class Progress:
    """While it is entered, says every INTERVAL_S what has become of the photos found."""

    def __init__(self, counts: Counter[str], say: Callable[[str], None]) -> None:
        self.counts = counts
        self.say = say
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._speak())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.task is not None:
            self.task.cancel()

    async def _speak(self) -> None:
        began_s = time.monotonic()
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.say(progress_line(self.counts, time.monotonic() - began_s))


def progress_line(counts: Counter[str], elapsed_s: float) -> str:
    """Return the line: photos found and what became of them, photos a second, megabytes stored."""
    finished = counts["stored"] + counts["refused"] + counts["failed"]
    states = ", ".join(f"{counts[state]} {state}" for state in ("stored", "refused", "failed"))
    rate = finished / elapsed_s if elapsed_s > 0 else 0.0
    return f"{counts['found']} photos found: {states}; {rate:.1f} a second, {counts['bytes'] / 1e6:.0f} MB stored"
