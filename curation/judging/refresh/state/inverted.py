"""Inverted: which uploads have had a key, found without reading the keys of all.

Kept in segments (`judged/keys/<digest>.arrow`) whose rows are in order of their keys, so that a key is looked for by
bisection. A refresh writes one segment with the keys that are new. Where FAN of the newest are about equally large,
they become one. A row stays when its upload is gone or has lost the key: whoever asks looks at what uploads have now.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.storage import Store
from curation.judging.arrays.ordered import unique
from curation.judging.refresh.state.files import read_arrow, write_arrow
from curation.judging.refresh.state.segments import alike

Digests = npt.NDArray[np.uint64]

KEYS_FOLDER = "judged/keys"
_SCHEMA = pa.schema([("key", pa.uint64()), ("id", pa.uint64())])


@dataclass(frozen=True)
class Inverted:
    """Segments, the earliest first; columns `key` and `id`, in order of both."""

    names: tuple[str, ...] = ()
    tables: tuple[pa.Table, ...] = ()

    @classmethod
    def read(cls, store: Store, names: Sequence[str]) -> "Inverted":
        """Return the index of these segments."""
        return cls(tuple(names), tuple(read_arrow(store, f"{KEYS_FOLDER}/{name}.arrow") for name in names))

    def ids_of(self, keys: Digests) -> Digests:
        """Return the uploads, in order, that have had one of some keys."""
        wanted = unique(keys)
        found = [np.zeros(0, np.uint64)]
        for table in self.tables:
            column = table["key"].to_numpy()
            first, last = (np.searchsorted(column, wanted, side) for side in ("left", "right"))
            number = last - first
            rows = np.repeat(first - np.cumsum(number) + number, number) + np.arange(number.sum())
            found.append(table["id"].to_numpy()[rows])
        return unique(np.concatenate(found))

    def written(self, store: Store, keys: Digests, ids: Digests) -> "Inverted":
        """Return the index with these keys of these uploads as well, and write it."""
        if not len(keys):
            return self
        names: list[str | None] = [*self.names, None]
        tables = [*self.tables, _ordered([pa.table([pa.array(keys), pa.array(ids)], _SCHEMA)])]
        while (number := alike(tables)) > 1:
            names[-number:], tables[-number:] = [None], [_ordered(tables[-number:])]
        written = [name or write_arrow(store, KEYS_FOLDER, table) for name, table in zip(names, tables, strict=True)]
        return Inverted(tuple(written), tuple(tables))


def _ordered(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the distinct rows of tables in order."""
    key, one = (np.concatenate([table[name].to_numpy() for table in tables]) for name in _SCHEMA.names)
    order = np.lexsort((one, key))
    key, one = key[order], one[order]
    is_new = np.ones(len(key), bool)
    is_new[1:] = (key[1:] != key[:-1]) | (one[1:] != one[:-1])
    return pa.table([pa.array(key[is_new]), pa.array(one[is_new])], _SCHEMA)
