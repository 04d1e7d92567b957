"""Curated: what the table of a generation (`corpus.storage.parts`) has of photographs of its shards.

A machine that has only shards lacks the table. Nothing depends on it: what cannot be read is unknown, and a note says
why.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.errors import StorageError
from corpus.records import photo_digest
from corpus.storage import Store
from corpus.storage.parts import is_there, photos_table, table_of
from shards.index import Index

_KEY = ("photo", "version")


def curated_rows(
    store: Store, index: Index, photo_rows: npt.NDArray[np.int64], columns: Sequence[str]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return these columns of photographs, in the order of their rows in the index, and why they are not known.

    A photograph that the table lacks has an empty row. Without a readable table all are empty, and the note says why;
    else it is None.
    """
    names = index.photo_names(photo_rows)
    folder = f"curated/{index.generation}"
    path = folder
    wanted = list(dict.fromkeys((*_KEY, *columns)))
    try:
        if not is_there(store, folder):
            return [{} for _ in names], "The rows of this generation are not in the store."
        path = table_of(store, folder)
        groups = sorted(set(index.group_names(photo_rows)))
        rows = photos_table(store, folder, wanted, [[("group", "in", groups)]]).to_pylist()
    except (StorageError, OSError, ValueError, LookupError, pa.ArrowException) as error:
        told = " ".join(str(error).split())[:200]
        return [{} for _ in names], f"The rows of this generation ({path}) cannot be read: {told}."
    of_photo = {photo_digest(row["photo"], row["version"]): row for row in rows}
    found = (of_photo.get(name, {}) for name in names)
    return [{name: row[name] for name in columns if name in row} for row in found], None
