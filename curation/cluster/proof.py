"""Proof: whether a Dask worker sees the driver's storage and runs the same program, asked before it does any work.

The driver writes a probe of random bytes into the storage. Each worker process reads it and writes an answer beside
it, which the driver reads in turn: so each sees what the other writes. Without that, files that a machine does not see
would look like files that are gone.
"""

import hashlib
import platform
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from distributed import get_worker

from corpus.errors import ShutterprintError, StageError, StorageError
from corpus.storage import TEMPORARY_PREFIX, Store

FOLDER = f"{TEMPORARY_PREFIX}probes"
APPEARS_WITHIN_S = 5.0
"""Within so long a network file system shows a new file to every machine."""
_proved: set[str] = set()
"""Probes that this process has read."""


@dataclass(frozen=True)
class Probe:
    """What the driver has written, and the program it runs."""

    store: Store
    path: str
    sha256: str
    program: str


@dataclass(frozen=True)
class Answer:
    """What a worker says: where its answer is, or why it can do no work."""

    path: str = ""
    sha256: str = ""
    objection: str = ""


@dataclass(frozen=True)
class OnProved:
    """A function for Dask tasks that first proves, once a process, that its worker sees the storage.

    So a worker that joins later, or is started again, is proved before its first task.
    """

    probe: Probe
    function: Callable[..., Any]

    @property
    def __name__(self) -> str:
        """The function's name, which Dask shows."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Return what the function returns; raises StageError on a worker that cannot do the work."""
        if self.probe.path not in _proved and (objection := answer(self.probe).objection):
            raise StageError(f"the Dask worker {_address()} {objection}")
        return self.function(*arguments, **named)


def remove_probes(store: Store) -> None:
    """Remove the probe and the answers that a killed run has left; call it where no other run curates the store."""
    store.remove(FOLDER)


@contextmanager
def probe_in(store: Store) -> Iterator[Probe]:
    """Yield a probe that is written into the storage, and remove it with all answers afterwards."""
    path, data = f"{FOLDER}/{secrets.token_hex(8)}/probe", secrets.token_bytes(64)
    store.publish(path, data)
    try:
        yield Probe(store, path, hashlib.sha256(data).hexdigest(), program())
    finally:
        remove_probes(store)


def program() -> str:
    """Return the versions of this program and of Python, as people write them."""
    major, minor, _ = platform.python_version_tuple()
    try:
        own = version("shutterprint")
    except PackageNotFoundError:
        own = "that is not installed"
    return f"shutterprint {own} on Python {major}.{minor}"


def answer(probe: Probe) -> Answer:
    """Return a worker's answer to a probe; runs there."""
    own = program()
    if own != probe.program:
        return Answer(objection=f"runs {own}, this machine {probe.program}; install the same on both")
    folder = probe.path.rpartition("/")[0]
    try:
        data = _appeared(probe.store, probe.path)
        if hashlib.sha256(data).hexdigest() != probe.sha256:
            return Answer(objection=_unseen(probe.store, "it reads other bytes there than this machine has written"))
        path, told = f"{folder}/{uuid.uuid4().hex}", data + _address().encode()
        probe.store.publish(path, told)
    except StorageError:
        return Answer(objection=_unseen(probe.store, "a file that this machine has written is not there"))
    except ShutterprintError as error:
        return Answer(objection=_unseen(probe.store, str(error)))
    except OSError as error:
        return Answer(objection=_unseen(probe.store, str(error)))
    _proved.add(probe.path)
    return Answer(path, hashlib.sha256(told).hexdigest())


def check_answers(probe: Probe, answers: Mapping[str, Answer | BaseException]) -> None:
    """Raise StageError for the first worker, by address, that cannot do the work; look at what each has written."""
    for address, said in sorted(answers.items()):
        if isinstance(said, OSError):  # it has ended meanwhile; its successor is asked before its first task
            continue
        if isinstance(said, BaseException):
            raise StageError(f"the Dask worker {address} cannot be asked whether it sees the storage: {said}")
        if said.objection:
            raise StageError(f"the Dask worker {address} {said.objection}")
        try:
            is_there = hashlib.sha256(_appeared(probe.store, said.path)).hexdigest() == said.sha256
        except StorageError:
            is_there = False
        if not is_there:
            missing = "what it has written there does not arrive on this machine"
            raise StageError(f"the Dask worker {address} {_unseen(probe.store, missing)}")


def _unseen(store: Store, why: str) -> str:
    cure = (
        "mount the same folder under the same path on every machine, or use an object store (storage: s3://…)"
        if store.is_local
        else "give every machine the same network, AWS_ENDPOINT_URL and credentials"
    )
    return f"does not see the storage {store.url} as this machine does: {why}; {cure}"


def _appeared(store: Store, path: str) -> bytes:
    """Return a file that another machine has just written; raises StorageError where it does not appear."""
    until_s = time.monotonic() + APPEARS_WITHIN_S
    while True:
        try:
            return store.read(path)
        except StorageError:
            if time.monotonic() > until_s:
                raise
        time.sleep(0.1)


def _address() -> str:
    try:
        return str(get_worker().address)
    except ValueError:  # not on a worker
        return "here"
