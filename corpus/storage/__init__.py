"""Storage: everything that the stages hand to each other, below one URL, and what can go wrong there."""

from corpus.storage.address import open_store, storage_fault
from corpus.storage.local import TEMPORARY_PREFIX, temporary_beside
from corpus.storage.store import MARKER, Store, json_bytes

__all__ = ["MARKER", "TEMPORARY_PREFIX", "Store", "json_bytes", "open_store", "storage_fault", "temporary_beside"]
