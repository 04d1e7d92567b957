"""Storage: everything that the stages hand to each other, below one URL, and what can go wrong there."""

from corpus.storage.address import open_store, storage_fault
from corpus.storage.store import MARKER, TEMPORARY_PREFIX, Store, json_bytes, temporary_beside

__all__ = ["MARKER", "TEMPORARY_PREFIX", "Store", "json_bytes", "open_store", "storage_fault", "temporary_beside"]
