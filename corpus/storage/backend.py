"""Backend: what a store asks of the place where its files are.

Three modules answer alike: `local` for a folder, `s3` for an object store that speaks S3, `other` for what fsspec knows
beside them. `filesystem` is fsspec's, `path` a full path in it. A missing file is a FileNotFoundError.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

MARKER = "_done.json"
"""The file that says that its directory is whole."""
TEMPORARY_PREFIX = ".tmp-"
"""Begins the names of files that are being written, and of probes."""


class Entry(NamedTuple):
    """What a listing tells of a file."""

    size_bytes: int
    modified_at_s: float
    """When it was last written, in seconds since 1970."""
    state: str
    """Differs whenever the file was replaced: of an object its size and ETag, else size, time and inode."""


class Backend(Protocol):
    """The functions that each of these modules has."""

    def exists(self, filesystem: Any, path: str) -> bool:
        """Whether there is a whole file."""

    def size_bytes(self, filesystem: Any, path: str) -> int:
        """Return the size of a file."""

    def names(self, filesystem: Any, path: str, beginning: str) -> list[str]:
        """Return the names directly below a directory that begin so."""

    def below(self, filesystem: Any, path: str, most: int | None) -> list[str]:
        """Return the paths of all files below a directory; of more than `most` only some."""

    def entries(self, filesystem: Any, path: str, beginning: str) -> Mapping[str, Entry]:
        """Return what a listing tells of all files below a directory, by path, whose paths in it begin so."""

    def modified_at_s(self, filesystem: Any, path: str) -> float:
        """Return when a file was last written."""

    def read(self, filesystem: Any, path: str, start: int | None, end: int | None) -> bytes:
        """Return the bytes `start:end` of a file."""

    def publish(self, filesystem: Any, path: str, data: bytes, *, keep_cached: bool) -> None:
        """Write a whole file or nothing."""

    def publish_file(self, filesystem: Any, path: str, local: Path) -> None:
        """Write a copy of a local file, whole or not at all."""

    def create(self, filesystem: Any, path: str, data: bytes) -> bool:
        """Write a new file and return True, or return False where there is one."""

    def remove(self, filesystem: Any, path: str) -> None:
        """Remove a file, or a directory whose marker goes first."""

    def remove_file(self, filesystem: Any, path: str) -> None:
        """Remove a file; a directory of this name stays."""

    def sweep(self, filesystem: Any, path: str, older_than_s: float) -> int:
        """Remove what killed writers left below a directory; returns how many there were."""
