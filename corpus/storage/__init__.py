"""Storage: everything that the stages hand to each other, below one URL, and what can go wrong there."""

from corpus.storage.address import open_store, storage_fault
from corpus.storage.backend import MARKER, TEMPORARY_PREFIX, Entry
from corpus.storage.local import temporary_beside
from corpus.storage.store import Store, json_bytes

__all__ = [
    "MARKER",
    "TEMPORARY_PREFIX",
    "Entry",
    "Store",
    "json_bytes",
    "open_store",
    "storage_fault",
    "temporary_beside",
]
