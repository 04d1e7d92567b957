"""Tar tables: looks up what the table beside each tar says of one tile: its checksum and its restart index.

The tables are mapped, so that all processes of a machine share them in the page cache; those of an object store are
fetched once into the cache of this machine. A mapped table needs no file handle, and only so many are kept mapped, or,
where that cache has no room, in memory.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.errors import StorageError
from corpus.storage import Store
from shards.entries import TILES, mapped, read_entry, table_path
from shards.index.columns import values
from shards.remote.cache import LocalCache
from shards.restarts import Restarts

MAPPED_MAX = 4096
"""Tables kept mapped by one process; Linux allows it 65,530 maps by default."""
IN_MEMORY_MAX = 32
"""Tables of an object store that one process keeps while the machine's cache has no room: some 10 MB each."""


class Record(NamedTuple):
    """What a tar's table says of one tile; the first four are in the index, too, and must be the same there."""

    photo: str
    tile: int
    offset_bytes: int
    length_bytes: int
    checksum: int
    """CRC-32 of the whole JPEG."""
    restarts: Restarts | None
    """None where the JPEG has no restart markers."""


class TarTables:
    """The tables of a store's tars, for one process."""

    def __init__(self, store: Store, cache: LocalCache) -> None:
        self._store, self._cache = store, cache
        self._tables: dict[str, _Table] = {}

    def record(self, tar: str, row: int) -> Record:
        """Return the record of a tile; raises StorageError where the tar's table is missing or malformed.

        Raises StorageUnavailableError where the disk, the service or this machine's limits refuse it.
        """
        table = self._tables.pop(tar, None)
        if table is None:
            table = self._opened(tar)
            most = MAPPED_MAX if table.is_mapped else IN_MEMORY_MAX
            while len(self._tables) >= most:  # the first one is the one not asked for longest
                self._tables.pop(next(iter(self._tables)))
        self._tables[tar] = table
        return table.record(row)

    def _opened(self, tar: str) -> "_Table":
        path = table_path(tar)
        try:
            found: Path | bytes
            if self._store.is_local:
                found = Path(self._store.path(path))
            else:
                found = self._cache.file(self._store, path, read_entry(self._store, tar).table_sha256)
            place = f"{self._store.url}: {path}"
            with mapped(place, found) if isinstance(found, Path) else pa.BufferReader(found) as source:
                batch = pa.ipc.open_file(source).get_batch(0)
            batch.validate()  # a damaged length must not be believed
            return _Table(batch, isinstance(found, Path))
        except FileNotFoundError as error:
            raise StorageError(f"no file {path}") from error
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StorageError(f"{path} is not a table of tiles ({error})") from error


class _Table:
    """The columns of one mapped table, as arrays over the map."""

    def __init__(self, batch: Any, is_mapped: bool) -> None:
        self.is_mapped = is_mapped
        if batch.schema != TILES:
            raise ValueError("it has other columns than this version writes")
        self._checksum = values(batch["checksum"])
        self._mcus = values(batch["restart_mcus"])
        self._tile, self._offset_bytes = values(batch["tile"]), values(batch["offset_bytes"])
        self._length_bytes = values(batch["length_bytes"])
        self._photos, self._headers = _Texts(batch["photo"]), _Texts(batch["header"])
        self._segments = _Lists(batch["segment_bytes"])
        self._checksums = _Lists(batch["checksums"])

    def record(self, row: int) -> Record:
        if not 0 <= row < len(self._checksum):
            raise StorageError(f"a tar's table has {len(self._checksum)} rows, none of number {row}")
        checksum, mcus = int(self._checksum[row]), int(self._mcus[row])
        restarts = None
        if mcus != 0:
            restarts = Restarts(self._headers.of(row), mcus, self._segments.of(row), self._checksums.of(row))
        return Record(
            self._photos.of(row).decode("ascii", "replace"),
            int(self._tile[row]),
            int(self._offset_bytes[row]),
            int(self._length_bytes[row]),
            checksum,
            restarts,
        )


class _Texts:
    def __init__(self, column: Any) -> None:
        _, bounds, texts = column.buffers()
        self._bounds = np.frombuffer(bounds, np.int32)
        self._texts = memoryview(texts or b"")

    def of(self, row: int) -> bytes:
        first, end = self._bounds[row : row + 2].tolist()
        return bytes(self._texts[first:end])


class _Lists:
    def __init__(self, column: Any) -> None:
        self._bounds = values(column.offsets)
        self._values: npt.NDArray[np.uint32] = values(column.values)

    def of(self, row: int) -> npt.NDArray[np.uint32]:
        first, end = self._bounds[row : row + 2].tolist()
        return self._values[first:end]
