"""Serving: the side of a process that a sandbox has started: it prepares, gives up what it does not need, and answers.

What it needs is loaded, and tried on a picture of its own, before it is confined (`examiner.sandbox.limits`); only then
is the first stranger's file read.
"""

import io
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from corpus.errors import ShutterprintError
from examiner.sandbox.environment import is_secret
from examiner.sandbox.limits import address_space_bytes, allow_cpu_s, confine
from examiner.sandbox.messages import as_json, receive, send

_PICTURE_PX = 640

Answer = tuple[dict[str, Any], Sequence[bytes | memoryview]]
"""What is sent as JSON, and the frames behind it."""
Answering = Callable[[Any, bytes], Answer]
"""(the request's JSON, the bytes of the file) → the answer."""


def serve(prepared: Callable[[dict[str, Any]], Answering]) -> int:
    """Answer the sandbox until it ends; returns the exit code.

    `prepared`: what it was told at its start → what answers a request. The caller has that try `picture()`, since
    loops that are compiled later, and libraries that are loaded later, may need what was given up.
    """
    requests, answers = _pipes()
    settings = json.loads(receive(requests))
    try:
        answering = prepared(settings)
    except ShutterprintError as error:
        send(answers, as_json({"fault": str(error)}))
        return 2
    except Exception as error:  # noqa: BLE001 - whatever it is, the sandbox shall say it
        send(answers, as_json({"fault": f"cannot be started: {type(error).__name__}: {error}"}))
        return 2
    Image.init()  # all decoders
    for name in list(filter(is_secret, os.environ)):
        del os.environ[name]
    confine(settings["memory_bytes"])
    begun_bytes = _taken_bytes()
    send(answers, as_json({"ready": True}))
    while True:
        try:
            request, data = json.loads(receive(requests)), receive(requests)
        except EOFError:
            return 0
        allow_cpu_s(settings["timeout_s"] * (os.cpu_count() or 1))
        answer, frames = answering(request, data)
        del data
        # what decoders leave behind must not be what a later file lacks
        is_worn = _taken_bytes() - begun_bytes > settings["memory_bytes"] / 4
        send(answers, as_json({**answer, "is_worn": is_worn}))
        for frame in frames:
            send(answers, frame)
        del frames


def picture() -> bytes:
    """Return a photograph of noise, whose examination loads and compiles what the others need."""
    random = np.random.default_rng(0)
    pixels = random.normal(128, 12, (_PICTURE_PX, _PICTURE_PX, 3)).clip(0, 255).astype(np.uint8)
    saved = io.BytesIO()
    Image.fromarray(pixels).save(saved, "JPEG", quality=95)
    return saved.getvalue()


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return where requests come from and answers go to; what else is printed goes nowhere."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # libraries print; an answer must not be broken by it
    return requests, answers


def _taken_bytes() -> int:
    try:
        return address_space_bytes()
    except OSError:
        return 0
