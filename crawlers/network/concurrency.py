"""Waiting: for time, for a thread, for a turn, for several coroutines, on whichever reactor Scrapy runs.

Under the asyncio reactor a coroutine may await futures alone, under the others Deferreds alone; Scrapy's
`maybe_deferred_to_future` turns one into the other. So nothing here, or in what uses it, needs asyncio.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self, TypeVar, cast

from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


async def sleep(wait_s: float) -> None:
    """Wait for `wait_s` seconds; not at all where that is not above zero."""
    if wait_s > 0:
        from twisted.internet import reactor  # importing it installs it: Scrapy chooses which one first

        await maybe_deferred_to_future(deferLater(reactor, wait_s))


async def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Return what a blocking function returns, called in a thread of the reactor's pool."""
    result: Result = await maybe_deferred_to_future(deferToThread(function, *arguments))
    return result


async def all_of(coroutines: Iterable[Awaitable[Any]]) -> None:
    """Run coroutines side by side to the end of each, then raise the first exception there was, if any."""
    outcomes = await maybe_deferred_to_future(
        DeferredList([deferred_from_coro(each) for each in coroutines], consumeErrors=True)
    )
    for is_well, outcome in outcomes:
        if not is_well:
            raise cast(Failure, outcome).value  # type: ignore[misc, unused-ignore]


class Turns:
    """At most so many at a time; the others wait in the order in which they came."""

    def __init__(self, number: int) -> None:
        self.free = number
        self.waiting: deque[Deferred[None]] = deque()

    async def take(self) -> None:
        """Wait for a turn."""
        if self.free > 0:
            self.free -= 1
            return
        abandoned: list[Deferred[None]] = []

        def abandon(turn: Deferred[None]) -> None:
            self.waiting.remove(turn)
            abandoned.append(turn)

        turn: Deferred[None] = Deferred(abandon)
        self.waiting.append(turn)
        try:
            await maybe_deferred_to_future(turn)
        except BaseException:  # cancelled at a shutdown, perhaps just when the turn had come
            if turn.called and not abandoned:
                self.give_back()
            raise

    def give_back(self) -> None:
        """Let the next one have the turn."""
        if self.waiting:
            self.waiting.popleft().callback(None)
        else:
            self.free += 1


class Every:
    """Calls a function every `interval_s` while it is entered; an exception of it ends that, and nothing else."""

    def __init__(self, interval_s: float, function: Callable[[], Awaitable[None] | None]) -> None:
        self.interval_s = interval_s
        self.call = LoopingCall(lambda: deferred_from_coro(function()))

    def __enter__(self) -> Self:
        self.call.start(self.interval_s, now=False).addErrback(
            lambda failure: logger.error("%s", failure.getTraceback())
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self.call.running:
            self.call.stop()
