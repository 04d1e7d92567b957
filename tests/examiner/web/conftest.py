"""Fixtures of the web page: photographs, an examination with a map, and a server on loopback."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import examiner
from examiner.finding import Finding, Map, Regions, Table
from examiner.report.plain import as_dict
from examiner.web.app import build
from examiner.web.gate.access import Access
from examiner.web.limits import Limits
from examiner.web.server import server_of

WIDTH_PX, HEIGHT_PX = 640, 480


def examined(data: bytes, name: str) -> dict[str, Any]:
    """Examine as the command does, and add a map, regions and a table, of which no finding is certain to have one."""
    report = examiner.examine(data, name=name)
    if report.error is not None:
        return as_dict(report)
    values = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)
    values[0, :3] = np.nan
    shown = Finding(
        "shown", "splices", "A place differs from the rest of the picture.", "unusual", 3.0,
        (
            Map("Difference by place", values, 64, (64, 32), "Grey: no answer."),
            Regions("Alike regions", (((40, 40, 80, 60), (400, 300, 80, 60)),)),
            Table("Values", ("place", "value"), (("left", "1"),)),
        ),
        method="Compared.", source="A paper.", caution="Much looks alike.",
    )  # fmt: skip
    return as_dict(replace(report, findings=(*report.findings, shown)))


@dataclass(frozen=True)
class Reached:
    """A server that listens on loopback."""

    port: int

    @property
    def url(self) -> str:
        """Address of its page."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def _listening(
    limits: Limits, access: Access | None = None, examine: Callable[[bytes, str], Any] = examined
) -> Iterator[Reached]:
    """Run uvicorn in a thread, as `shutterprint serve` does in a process."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = server_of(build(examine, None, access or Access(), limits), limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until_s = time.monotonic() + 30
        while not server.started and time.monotonic() < until_s:
            time.sleep(0.02)
        yield Reached(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@pytest.fixture(scope="session")
def photograph() -> bytes:
    """Return a JPEG with EXIF that says it lies on its side."""
    random = np.random.default_rng(25)
    coarse = Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)).resize((WIDTH_PX, HEIGHT_PX))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0131] = 6, "ALDER OPTICS", "private words"
    saved = io.BytesIO()
    coarse.save(saved, "JPEG", quality=90, exif=exif)
    return saved.getvalue()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """Return a client of an application that examines and has no data set."""
    with TestClient(
        build(examined, None, Access(), Limits(examinations_burst=100)), base_url="http://127.0.0.1:8321"
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
def listening() -> Callable[..., AbstractContextManager[Reached]]:
    """Return what runs a server while a `with` block lasts."""
    return _listening
