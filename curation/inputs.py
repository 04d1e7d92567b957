"""Inputs: whole windows of all crawls in, one record an upload out; and the facts examined so far.

An upload may stand in many windows (a retry, a second query, an album found twice). The best word counts: deleted
before stored before refused before failed, and of equals the latest window by name. Of a photo on the takedown list
nothing but its key comes in, whatever a table still says. Windows and facts without their end are not there. Refuses
(StorageError) tables whose columns are not today's.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from corpus.errors import StorageError
from corpus.records import EXAMINED, RECORD, with_schema
from corpus.storage import Store
from corpus.takedowns import heed, taken_down
from curation.examine import Original, PhotoKey, facts_folder

Row = dict[str, Any]

_STATES = {"deleted": 3, "stored": 2, "refused": 1, "failed": 0}
"""Deleted first: another query's window may not have heard yet that the site has it no more."""


def window_paths(store: Store) -> list[str]:
    """Return the record tables of all whole windows, by source and window name."""
    return [
        f"crawl/{source}/{window}/records.parquet"
        for source in store.names("crawl")
        for window in store.done_names(f"crawl/{source}")
    ]


def read_records(store: Store) -> dict[PhotoKey, Row]:
    """Return one record (a row of RECORD) an upload, ordered by key."""
    forgotten = taken_down(store)
    return best_records(
        (path.split("/")[2], heed(_rows(store, path, RECORD), forgotten)) for path in window_paths(store)
    )


def best_records(windows: Iterable[tuple[str, Iterable[Row]]]) -> dict[PhotoKey, Row]:
    """Return one record an upload from pairs (window name, its rows), ordered by key."""
    best: dict[PhotoKey, tuple[tuple[int, str], Row]] = {}
    for window, rows in windows:
        for row in rows:
            key = PhotoKey(row["photo"], row["version"] or "")
            rank = (_STATES.get(row["state"], -1), window)
            if key not in best or rank >= best[key][0]:
                best[key] = (rank, row)
    return {key: best[key][1] for key in sorted(best)}


def read_examined(store: Store, *, decode: bool) -> dict[PhotoKey, Row]:
    """Return the facts of every original examined so far but those of the takedown list: rows of EXAMINED."""
    folder, forgotten = facts_folder(decode=decode), taken_down(store)
    names = [name for name in store.names(folder) if name.endswith(".parquet")]
    return {
        PhotoKey(row["photo"], row["version"]): row
        for name in names
        for row in _rows(store, f"{folder}/{name}", EXAMINED)
        if row["photo"] not in forgotten
    }


def waiting(records: dict[PhotoKey, Row], examined: dict[PhotoKey, Row]) -> list[Original]:
    """Return the stored originals that have no facts yet."""
    return [
        Original(key.photo, key.version, record["original"] or "", record["sha256"] or "")
        for key, record in records.items()
        if record["state"] == "stored" and key not in examined
    ]


def _rows(store: Store, path: str, schema: pa.Schema) -> list[Row]:
    table = store.read_table(path)
    try:
        rows: list[Row] = with_schema(table, schema).to_pylist()
    except ValueError as error:
        raise StorageError(
            f"{store.url}: {path} was written by another version of this program ({error}); remove its folder's "
            "marker and run the stage that made it again"
        ) from error
    return rows
