"""Parts: a generation's table of photos, which is one Parquet file or many that generations share.

`curated/<generation>/photos.parquet` is the whole table, sorted by photo and version. A refresh leaves instead
`curated/<generation>/photos.json`, which names the files of its table: `tables/<digest>.parquet`, each sorted, each
named by its content, and used by every generation in which its rows are the same. No photo stands in two of them. With
pyarrow alone, the whole table is

    pyarrow.dataset.dataset([f"{root}/{path}" for path in json.load(open("photos.json"))["files"]])

and pandas reads the same list with `pandas.read_parquet`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage.errors import unavailable
from corpus.storage.parquet import Condition, open_parquet, read_parquet
from corpus.storage.store import Store

FOLDER = "tables"
WHOLE, NAMED = "photos.parquet", "photos.json"
_ORDER = [("photo", "ascending"), ("version", "ascending")]


def files_of(store: Store, generation: str) -> list[str]:
    """Return the paths of the files of a generation's table; `generation`: its folder, `curated/<name>`.

    Where neither form is there, the path of the whole table, so that whoever reads it names what is missing.
    """
    if not store.exists(f"{generation}/{NAMED}"):
        return [f"{generation}/{WHOLE}"]
    told = store.read_json(f"{generation}/{NAMED}")
    files = told.get("files") if isinstance(told, dict) else None
    if not isinstance(files, list) or not all(isinstance(path, str) for path in files):
        raise StorageError(f"{store.url}: {generation}/{NAMED} does not name the files of a table; restore it")
    return files


def is_there(store: Store, generation: str) -> bool:
    """Whether a generation has its table, in either form."""
    return store.exists(f"{generation}/{NAMED}") or store.exists(f"{generation}/{WHOLE}")


def table_of(store: Store, generation: str) -> str:
    """Return the path of the file that is a generation's table, or names the files of it."""
    named = f"{generation}/{NAMED}"
    return named if store.exists(named) else f"{generation}/{WHOLE}"


def photos_table(
    store: Store, generation: str, columns: Sequence[str] | None = None, where: Sequence[Sequence[Condition]] = ()
) -> pa.Table:
    """Return a generation's table, or columns of it, sorted by photo and version.

    `where`: only the rows that meet all conditions of one of these lists. Raises what `read_parquet` raises, and
    StorageError for a missing file.
    """
    files = files_of(store, generation)
    wanted = None if columns is None else list(dict.fromkeys([*columns, *(name for name, _ in _ORDER)]))
    tables = [_read(store, path, columns if len(files) == 1 else wanted, where) for path in files]
    if len(files) == 1:
        return tables[0]
    table = pa.concat_tables(tables).sort_by(_ORDER) if tables else pa.table({})
    return table if columns is None else table.select(list(columns))


def batches(store: Store, generation: str, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield columns of a generation's table in batches of at most `rows`, sorted by photo and version.

    Of one file in bounded memory; of many, these columns are read whole to be sorted. Raises StorageError where the
    table lacks a column or is damaged.
    """
    path = f"{generation}/{WHOLE}"
    files = files_of(store, generation)
    try:
        if files != [path]:
            yield from photos_table(store, generation, columns).combine_chunks().to_batches(rows)
            return
        with store.open(path) as file:
            parquet = open_parquet(file)
            missing = [name for name in columns if name not in parquet.schema_arrow.names]
            if missing:
                raise StorageError(f"{store.url}: {path} has no column {missing[0]}")
            yield from parquet.iter_batches(rows, columns=list(columns), use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        named = path if files == [path] else f"a file that {generation}/{NAMED} names"
        raise _unreadable(store, named, error) from error


def part_table(store: Store, path: str, columns: Sequence[str]) -> pa.Table:
    """Return columns of one file of a table; raises StorageError where it is missing, damaged or lacks a column."""
    try:
        return _read(store, path, columns, ())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(store, path, error) from error


def _unreadable(store: Store, what: str, error: Exception) -> StorageError | StorageUnavailableError:
    damaged = StorageError(f"{store.url}: {what} cannot be read as Parquet: {error}")
    return unavailable(f"{store.url}: {what}", error) or damaged


def _read(store: Store, path: str, columns: Sequence[str] | None, where: Sequence[Sequence[Condition]]) -> Any:
    with store.open(path) as file:
        return read_parquet(file, columns, where)
