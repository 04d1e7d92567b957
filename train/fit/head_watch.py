"""Head watch: ends a training with a sentence once the head of its Ray cluster is gone.

Ray itself waits for its head, and then ends the process from C++ (`gcs_rpc_server_reconnect_timeout_s`): with a line of
its own, an exit code that says nothing, and a lease that nobody gives back. Here the head is asked for a connection
every few seconds, and the main thread is interrupted before Ray's own time is over.
"""

import atexit
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from corpus.errors import StageError

GONE_AFTER_S = 100.0
"""A head that takes no connection for so long is gone: a network that was cut for a minute is borne."""
RAY_WAITS_S = 240
"""What Ray is told to wait instead of a minute; the difference is for machines that are busy."""
RAY_WAITS = "RAY_gcs_rpc_server_reconnect_timeout_s"
LOOK_EVERY_S = 2.0
LOOKS = 5
"""How often a head is looked at whose cluster has failed: its processes may end one after the other."""
_SIGNAL = signal.SIGUSR2


class HeadGoneError(StageError):
    """The head of the cluster is gone; nothing may be asked of Ray any more, not even to shut down."""


@contextmanager
def watched_head(address: str) -> Iterator[None]:
    """Raise HeadGoneError once the head at `host:port` was gone for GONE_AFTER_S during a `with` block.

    The process then ends without Ray's own clean-up, which would wait for the head. Other threads than the main one
    watch nothing.
    """
    if threading.current_thread() is not threading.main_thread() or not _is_plain(address):
        yield
        return

    def interrupted(number: int, frame: FrameType | None) -> None:
        raise _gone(address)

    ended, main = threading.Event(), threading.main_thread().ident
    assert main is not None  # noqa: S101 - it runs

    def watch() -> None:
        missed_s: float | None = None  # when the first of the attempts since then has failed
        while not ended.wait(LOOK_EVERY_S):
            if is_listening(address):
                missed_s = None
            elif missed_s is None:
                missed_s = time.monotonic()
            elif time.monotonic() - missed_s > GONE_AFTER_S and not ended.is_set():
                signal.pthread_kill(main, _SIGNAL)
                return

    before = signal.signal(_SIGNAL, interrupted)
    thread = threading.Thread(target=watch, name="head watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        signal.signal(_SIGNAL, before)


def lost(address: str, error: Exception) -> StageError:
    """Return how a training ended by Ray's own `error` is told: HeadGoneError where the head at `host:port` is gone.

    Where a head dies, Ray may notice that one of its processes is gone before the watch does.
    """
    for _ in range(LOOKS if _is_plain(address) else 0):
        if not is_listening(address):
            return _gone(address)
        time.sleep(LOOK_EVERY_S)
    what = first_line(error).rstrip(".")
    return StageError(
        f"train: the Ray cluster has lost the training ({what}); give the same command again: it continues from the "
        "last checkpoint"
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says; Ray's own go on for pages."""
    return str(error).strip().partition("\n")[0]


def _gone(address: str) -> HeadGoneError:
    atexit.register(_end_at_once)
    return HeadGoneError(
        f"train: the Ray head at {address} is gone in the middle of the training; start it, then give the same command "
        "again: it continues from the last checkpoint"
    )


def is_listening(address: str, within_s: float = 10.0) -> bool:
    """Whether something takes connections at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=within_s):
            return True
    except OSError:
        return False


def _is_plain(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and port.isdigit() and "/" not in host


def _end_at_once() -> None:
    """End the process before Ray's own handler, which was registered earlier; the sentence is said by now."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(2)
