"""Waiting on Twisted's own terms, as under a reactor other than asyncio's."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from scrapy.utils.reactor import install_reactor
install_reactor(sys.argv[1])
from twisted.internet import reactor, task
from scrapy.utils.defer import deferred_from_coro
from twisted.internet.defer import DeferredSemaphore
from crawlers.network.concurrency import acquire, all_of, in_thread, sleep
import threading

async def main(semaphore, seen, number):
    await acquire(semaphore)
    seen["now"] = seen.get("now", 0) + 1
    seen["most"] = max(seen.get("most", 0), seen["now"])
    seen.setdefault("order", []).append(number)
    await sleep(0.01)
    seen["now"] -= 1
    semaphore.release()

async def cancelled(is_late):
    # a coroutine that waits for a token is cancelled, just before or just after it gets one
    semaphore = DeferredSemaphore(1)
    await acquire(semaphore)
    waiting = deferred_from_coro(acquire(semaphore))
    await sleep(0.001)
    if is_late:
        semaphore.release()
    has_token = []
    waiting.addCallbacks(has_token.append, lambda failure: None).cancel()
    if not is_late:
        semaphore.release()
    await sleep(0.001)
    assert semaphore.tokens == 1 - len(has_token), (is_late, has_token)

async def failing():
    await sleep(0.001)
    raise ValueError("told")

async def work(_):
    seen = {}
    semaphore = DeferredSemaphore(3)
    await all_of(main(semaphore, seen, number) for number in range(10))
    assert (seen["most"], seen["now"], semaphore.tokens) == (3, 0, 3), seen
    assert seen["order"] == sorted(seen["order"]), seen
    await cancelled(is_late=False)
    await cancelled(is_late=True)
    assert await in_thread(threading.get_ident) != threading.get_ident()
    try:
        await all_of([failing(), sleep(0.02)])
    except ValueError as error:
        print(error)

task.react(lambda reactor: deferred_from_coro(work(reactor)))
"""


@pytest.mark.parametrize(
    "reactor", ["asyncioreactor.AsyncioSelectorReactor", "epollreactor.EPollReactor", "selectreactor.SelectReactor"]
)
def test_semaphores_threads_and_time_work_on_every_reactor(reactor, repository):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, f"twisted.internet.{reactor}"],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "told\n", done.stderr
