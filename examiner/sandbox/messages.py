"""Messages: what a sandbox and its process send each other through pipes: frames, each its length and then its bytes.

A frame is JSON, or the bytes of a file. Nothing is unpickled, so neither side can make the other one run anything.
"""

import json
import os
import select
import time
from typing import Any, BinaryIO

LENGTH_BYTES = 8
ANSWER_MAX_BYTES = 64 << 20
"""Largest answer that is read: a report of a photograph with its pictures has a few megabytes."""
_CHUNK_BYTES = 1 << 20


def as_json(value: Any) -> bytes:
    """Return the bytes of a frame that is JSON."""
    return json.dumps(value).encode()


def send(stream: BinaryIO, body: bytes | memoryview) -> None:
    """Write a frame, bytes or a view of bytes, for as long as it takes."""
    stream.write(len(body).to_bytes(LENGTH_BYTES))
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Return the next frame, for as long as it takes; raises EOFError where the other side has ended."""
    length = stream.read(LENGTH_BYTES)
    body = stream.read(int.from_bytes(length)) if len(length) == LENGTH_BYTES else b""
    if len(length) < LENGTH_BYTES or len(body) < int.from_bytes(length):
        raise EOFError
    return body


def send_until(pipe: int, body: bytes, deadline_s: float) -> None:
    """Write a frame into a pipe that does not block.

    Raises TimeoutError where the other side does not read until `deadline_s` of the monotonic clock, BrokenPipeError
    where it has ended.
    """
    for part in (len(body).to_bytes(LENGTH_BYTES), body):
        left = memoryview(part)
        while left:
            _wait(pipe, select.POLLOUT, deadline_s)
            left = left[os.write(pipe, left[:_CHUNK_BYTES]) :]


def receive_until(pipe: int, deadline_s: float, most_bytes: int = ANSWER_MAX_BYTES) -> bytes:
    """Return the next frame of a pipe that does not block.

    Raises TimeoutError, EOFError where the other side has ended, and ValueError for a frame of more than `most_bytes`.
    """
    length = int.from_bytes(_read(pipe, LENGTH_BYTES, deadline_s))
    if length > most_bytes:
        raise ValueError(f"{length} bytes of answer")
    return _read(pipe, length, deadline_s)


def _read(pipe: int, length: int, deadline_s: float) -> bytes:
    parts, missing = [], length
    while missing:
        _wait(pipe, select.POLLIN, deadline_s)
        part = os.read(pipe, min(missing, _CHUNK_BYTES))
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _wait(pipe: int, event: int, deadline_s: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, 1000 * (deadline_s - time.monotonic()))):
        raise TimeoutError
