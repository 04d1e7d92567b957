"""Storage: the files of a store as what the stages hand to each other: JSON, Parquet tables, and whole directories.

A directory is whole once it has its marker, `_done.json`, which is written last.
"""

import json
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.errors import StorageError
from corpus.storage import s3
from corpus.storage.backend import MARKER
from corpus.storage.files import Files
from corpus.storage.parquet import read_parquet


class Store(Files):
    """The files below one root URL.

    Made by `open_store`, which turns a relative folder into an absolute one.
    """

    def publish_json(self, relative: str, value: Any) -> None:
        """Publish a value as readable JSON with sorted keys: equal values give equal bytes."""
        self.publish(relative, json_bytes(value))

    def read_json(self, relative: str) -> Any:
        """Return the value of a JSON file; raises StorageError where it is missing or not JSON."""
        return self._json(relative, self.read(relative))

    def _json(self, relative: str, data: bytes) -> Any:
        try:
            return json.loads(data)
        except ValueError as error:
            raise StorageError(f"{self.url}: {relative} is not JSON: {error}") from error

    def publish_table(self, relative: str, table: pa.Table) -> None:
        """Publish an Arrow table as Parquet; equal tables give equal bytes."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.publish(relative, sink.getvalue().to_pybytes())

    def read_table(self, relative: str, columns: list[str] | None = None) -> pa.Table:
        """Return a Parquet file as a table; raises StorageError where it is missing or damaged."""
        try:
            return read_parquet(pa.BufferReader(self.read(relative)), columns)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StorageError(f"{self.url}: {relative} is not Parquet: {error}") from error

    def mark_done(self, directory: str, details: dict[str, Any]) -> None:
        """Publish the marker that says that `directory` is whole; call it last.

        A marked directory does not change, except for a crawl's window whose failed photos were tried again: its
        records are replaced as one file, and then the marker.
        """
        self.publish_json(f"{directory}/{MARKER}", details)

    def done(self, directory: str) -> dict[str, Any] | None:
        """Return the marker of a whole directory, None for any other."""
        marker = f"{directory}/{MARKER}"
        path = self.path(marker)
        if self.is_s3:  # one request instead of two
            try:
                data = self._attempted(marker, lambda: s3.read(self.filesystem, path, None, None))
            except FileNotFoundError:
                return None
            return cast(dict[str, Any], self._json(marker, data))
        return cast(dict[str, Any], self.read_json(marker)) if self.exists(marker) else None

    def done_names(self, relative: str) -> list[str]:
        """Return the sorted names of the whole directories directly below `relative`."""
        if self.is_s3:
            path = self.path(relative)
            return sorted(self._attempted(relative, lambda: s3.names_with(self.filesystem, path, MARKER)))
        return [name for name in self.names(relative) if self.exists(f"{relative}/{name}/{MARKER}")]


def json_bytes(value: Any) -> bytes:
    """Return a value as readable JSON with sorted keys, as `Store.publish_json` writes it."""
    return (_spelled(value, 1) + "\n").encode()


def _spelled(value: Any, depth: int) -> str:
    """Return what `json.dumps` returns with an indent of 1, for a value `depth` - 1 deep.

    With an indent Python's encoder is a generator of small texts. So each object and list that holds no other is
    spelled at once, by the encoder in C, with line breaks for separators.
    """
    if not isinstance(value, dict | list | tuple) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner, outer = "\n" + " " * depth, "\n" + " " * (depth - 1)
    held = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        return outer.join(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).split("\n"))
    if not any(isinstance(one, dict | list | tuple) for one in held):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(f",{inner}", ": "))
        return f"{text[0]}{inner}{text[1:-1]}{outer}{text[-1]}"
    if isinstance(value, dict):
        told = [
            f"{json.dumps(key, ensure_ascii=False)}: {_spelled(one, depth + 1)}" for key, one in sorted(value.items())
        ]
        return "{" + inner + f",{inner}".join(told) + outer + "}"
    return "[" + inner + f",{inner}".join(_spelled(one, depth + 1) for one in held) + outer + "]"
