"""Process: `python -m examiner.sandbox.process`, which a sandbox starts, examines the files that it is sent.

It loads what it needs (a generation, a network, compiled loops), examines a picture of its own, gives up what no
examination needs (`examiner.sandbox.limits`), and only then reads the first stranger's file.
"""

import io
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from corpus.configuration import read_configuration
from corpus.errors import ShutterprintError
from examiner.detectors.prnu.reading import read_fingerprint
from examiner.examination import examine
from examiner.knowledge import read_corpus, read_run, read_trust
from examiner.report.content import Report
from examiner.report.plain import as_dict
from examiner.sandbox.environment import is_secret
from examiner.sandbox.limits import address_space_bytes, allow_cpu_s, confine
from examiner.sandbox.messages import as_json, receive, send

_PICTURE_PX = 640


def main() -> int:
    """Answer the sandbox until it ends; returns the exit code."""
    requests, answers = _pipes()
    settings = json.loads(receive(requests))
    try:
        asked = _prepared(settings)
        asked(_picture(), name="")
    except ShutterprintError as error:
        send(answers, as_json({"fault": str(error)}))
        return 2
    except Exception as error:  # noqa: BLE001 - whatever it is, the sandbox shall say it
        send(answers, as_json({"fault": f"cannot be started: {type(error).__name__}: {error}"}))
        return 2
    for name in list(filter(is_secret, os.environ)):
        del os.environ[name]
    confine(settings["memory_bytes"])
    begun_bytes = _taken_bytes()
    send(answers, as_json({"ready": True}))
    while True:
        try:
            name, data = json.loads(receive(requests)), receive(requests)
        except EOFError:
            return 0
        allow_cpu_s(settings["timeout_s"] * (os.cpu_count() or 1))
        report = _examined(asked, data, name)
        del data
        # what decoders leave behind must not be what a later file lacks
        is_worn = _taken_bytes() - begun_bytes > settings["memory_bytes"] / 4
        send(answers, as_json({"report": report, "is_worn": is_worn}))


def _prepared(settings: dict[str, Any]) -> Callable[..., Report]:
    """Return `examine` with all that it shall know."""
    corpus = run = None
    if settings["corpus"] is not None or settings["run"] is not None:
        configuration = read_configuration(settings["configuration"], settings["overrides"])
        store, catalogue = configuration.store, configuration.whole_catalogue
        corpus = None if settings["corpus"] is None else read_corpus(store, settings["corpus"], catalogue)
        run = None if settings["run"] is None else read_run(store, settings["run"], catalogue)
    trust = None if settings["trust"] is None else read_trust(settings["trust"])
    devices = [read_fingerprint(Path(path)) for path in settings["devices"]]
    return partial(examine, corpus=corpus, run=run, private=settings["private"], trust=trust, devices=devices)


def _examined(asked: Callable[..., Report], data: bytes, name: str) -> Any:
    try:
        report = asked(data, name=name)
    except MemoryError:
        report = Report(name, len(data), error="needs more memory than a sandbox gives")
    except Exception as error:  # noqa: BLE001 - an error of this program, which must not end a folder's examination
        fault = f"cannot be examined, by an error of this program ({type(error).__name__}: {error})"
        report = Report(name, len(data), error=fault)
    return as_dict(report)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return where requests come from and answers go to; what else is printed goes nowhere."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # libraries print; an answer must not be broken by it
    return requests, answers


def _picture() -> bytes:
    """Return a photograph of noise, whose examination loads and compiles what the others need."""
    random = np.random.default_rng(0)
    pixels = random.normal(128, 12, (_PICTURE_PX, _PICTURE_PX, 3)).clip(0, 255).astype(np.uint8)
    saved = io.BytesIO()
    Image.fromarray(pixels).save(saved, "JPEG", quality=95)
    Image.init()  # all decoders
    return saved.getvalue()


def _taken_bytes() -> int:
    try:
        return address_space_bytes()
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
