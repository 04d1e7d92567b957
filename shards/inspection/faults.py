"""Faults: what is wrong with a file of the store, and where in it."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from corpus.errors import StorageError
from corpus.storage import MARKER, Store, json_bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file."""

    path: str
    what: str
    key: str = ""
    """The sample that it is in, if any."""
    offset_bytes: int | None = None
    """Where in the file it is, as far as that can be told."""

    def __str__(self) -> str:
        """Return a line for a person."""
        place = [self.key] if self.key else []
        place += [] if self.offset_bytes is None else [f"byte {self.offset_bytes:,}"]
        return ": ".join((self.path, *([", ".join(place)] if place else []), self.what))


def first_difference(found: bytes, wanted: bytes) -> int:
    """Return the offset of the first byte in which two byte strings differ; their length where they are equal."""
    shorter = min(len(found), len(wanted))
    if found[:shorter] == wanted[:shorter]:
        return shorter
    low, high = 0, shorter  # the first difference is in low:high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found[low:middle] != wanted[low:middle] else (middle, high)
    return low


def read_whole(store: Store, path: str, faults: list[Fault]) -> bytes | None:
    """Return a file's bytes; a missing one becomes a fault and None."""
    try:
        return store.read(path)
    except StorageError:
        faults.append(Fault(path, "there is no such file"))
        return None


def hashed(store: Store, path: str, faults: list[Fault]) -> tuple[str, int]:
    """Return a file's SHA-256 and size in bytes, without holding all of it; of a missing one a fault, "" and 0."""
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with store.open(path) as file:
            while data := file.read(1 << 20):
                digest.update(data)
                size_bytes += len(data)
    except StorageError:
        faults.append(Fault(path, "there is no such file"))
        return "", 0
    return digest.hexdigest(), size_bytes


def read_own_json(store: Store, path: str, faults: list[Fault], sha256: str | None = None) -> Any:
    """Return the value of a JSON file that `Store.publish_json` wrote, None where it is damaged, with the fault.

    Its bytes must be those that its value gives, so that no flipped bit goes unseen, and hash to `sha256` if given,
    which is what the marker beside it says.
    """
    data = read_whole(store, path, faults)
    if data is None:
        return None
    try:
        value = json.loads(data)
        written = json_bytes(value)
    except ValueError as error:  # UnicodeDecodeError is one
        faults.append(Fault(path, f"is not JSON: {error}"))
        return None
    if written != data:
        faults.append(Fault(path, "has other bytes than were written", "", first_difference(data, written)))
        return None
    if sha256 is not None and (found := hashlib.sha256(data).hexdigest()) != sha256:
        faults.append(Fault(path, f"has SHA-256 {found}; {MARKER} says {sha256}"))
        return None
    return value
