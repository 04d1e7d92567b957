"""Waiting for time, threads, semaphores and several coroutines, on whichever reactor Scrapy runs.

Under the asyncio reactor a coroutine may await futures only, under the others Deferreds only; Scrapy's
`maybe_deferred_to_future` turns one into the other. So neither this module nor its callers need asyncio.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from twisted.internet.defer import DeferredList, DeferredSemaphore
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


async def sleep(wait_s: float) -> None:
    """Wait for `wait_s` seconds; return at once where that is zero or less."""
    if wait_s > 0:
        from twisted.internet import reactor  # importing it installs it, and Scrapy has to choose which one first

        await maybe_deferred_to_future(deferLater(reactor, wait_s))


async def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a blocking function in a thread of the reactor's pool, and return its result."""
    result: Result = await maybe_deferred_to_future(deferToThread(function, *arguments))
    return result


async def all_of(coroutines: Iterable[Awaitable[Any]]) -> None:
    """Run coroutines concurrently until all have ended, then raise the first of their exceptions, if any."""
    outcomes = await maybe_deferred_to_future(
        DeferredList([deferred_from_coro(each) for each in coroutines], consumeErrors=True)
    )
    for has_succeeded, outcome in outcomes:
        if not has_succeeded:
            raise cast(Failure, outcome).value  # type: ignore[misc, unused-ignore]


async def acquire(semaphore: DeferredSemaphore) -> None:
    """Wait for a token of a semaphore; a caller that is cancelled while it waits holds none."""
    tokens: list[DeferredSemaphore] = []
    acquired = semaphore.acquire().addCallback(tokens.append)
    try:
        await maybe_deferred_to_future(acquired)
    except BaseException:  # cancelled at a shutdown, perhaps just when the token had come
        if tokens:
            semaphore.release()
        raise


@contextmanager
def called_every(interval_s: float, function: Callable[[], Awaitable[None] | None]) -> Iterator[None]:
    """Call a function every `interval_s` within the context; an exception is logged and ends the calls only."""
    call = LoopingCall(lambda: deferred_from_coro(function()))
    call.start(interval_s, now=False).addErrback(lambda failure: logger.error("%s", failure.getTraceback()))
    try:
        yield
    finally:
        if call.running:
            call.stop()
