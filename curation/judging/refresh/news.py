"""News: which uploads have other records, facts or troubles than when they were judged."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.storage import Store
from curation.facts.examine import Original
from curation.judging.arrays.ordered import setdiff1d, unique
from curation.judging.gather import UPLOADS, ranked_records, that_count, with_facts
from curation.judging.inputs import Inputs, facts_table, record_table
from curation.judging.refresh.state.few import Few, are_among
from curation.judging.refresh.state.index import Index, Rows, ids_in, number_of, states_of, whole_tables

SHARE_UPLOADS = 50_000
"""Uploads whose records and facts are in memory at once, 3 kB each."""


@dataclass(frozen=True)
class News:
    """What has changed since the index was written."""

    inputs: Inputs
    index: Index
    states: Mapping[str, str]
    """The state of every table that is new or has changed, by path."""
    gone: frozenset[str]
    """Tables that are no more."""
    rows: Rows
    """The rows of the tables that are new or have changed."""
    is_new: npt.NDArray[np.bool_]
    """Of each of these: whether the index does not have it."""
    before: npt.NDArray[np.int64]
    """The rows of the index of tables that have changed or are gone."""
    ended: npt.NDArray[np.uint64]
    """The keys of rows of the index that are no more."""
    ids: frozenset[int]
    """Uploads of which something was said, or is no more."""

    @property
    def has_tables(self) -> bool:
        """Whether any table is new, has changed, or is gone."""
        return bool(self.states or self.gone)

    def indexed(self, store: Store) -> Index:
        """Write what has changed to the index, and return it."""
        return self.index.written(store, self.states, sorted(self.gone), self.rows.where(self.is_new), self.ended)


def news_of(inputs: Inputs, index: Index) -> News:
    """Return what has changed; reads the tables that are new or have changed."""
    now = states_of(inputs)
    changed = [path for path, state in now.items() if index.states.get(path) != state]
    gone = frozenset(index.states.keys() - now.keys())
    rows = Rows.of(whole_tables(inputs, changed))
    old = index.rows_of([*changed, *gone])
    before = index.rows.keys_of(old)
    is_new, is_ended = ~are_among(rows.key, before), ~are_among(before, rows.key)
    ids = [*rows.id[is_new].tolist(), *index.rows.take(old[is_ended], ["id"])["id"].to_pylist()]
    states = {path: now[path] for path in changed}
    return News(inputs, index, states, gone, rows, is_new, old, before[is_ended], frozenset(ids))


def waiting_of(uploads: pa.Table) -> list[Original]:
    """Return the stored originals among uploads that have no facts."""
    examined = pc.struct_field(uploads["examined"], "sha256")
    is_known = pc.fill_null(pc.equal(examined, uploads["sha256"]), False)
    waits = uploads.filter(pc.and_(pc.equal(uploads["state"], "stored"), pc.invert(is_known)))
    rows = waits.select(["photo", "version", "original", "sha256"]).to_pylist()
    return [Original(row["photo"], row["version"] or "", row["original"] or "", row["sha256"] or "") for row in rows]


class Shares:
    """The records and facts of some uploads, in shares of about SHARE_UPLOADS whose records lie in the same windows.

    They are read whenever they are asked for, but for a single share, which is read once.
    """

    def __init__(self, news: News, ids: Collection[int], photos: pa.Array | None = None) -> None:
        """Share out the uploads with these ids; `photos`: see `read_uploads`."""
        self._news, self._photos = news, photos
        self._shares = _shared_out(news, ids)
        self._single: pa.Table | None = None

    @property
    def number(self) -> int:
        """How many shares there are; at least one."""
        return len(self._shares)

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield columns as in UPLOADS, ordered by key within each share; at least one table."""
        for ids in self._shares:
            uploads = self._single if self._single is not None else read_uploads(self._news, ids, self._photos)
            if self.number == 1:
                self._single = uploads
            yield uploads


def _shared_out(news: News, ids: Collection[int]) -> list[Collection[int]]:
    if len(ids) <= SHARE_UPLOADS:
        return [ids]
    windows = np.array([number_of(path) for path in news.inputs.windows], np.uint64)
    of_index, rows = news.index.rows, news.rows
    path, one = (
        np.concatenate(both) for both in ((of_index.column("path"), rows.path), (of_index.column("id"), rows.id))
    )
    places = np.flatnonzero(are_among(path, windows))
    places = places[are_among(one[places], np.fromiter(ids, np.uint64, len(ids)))]
    found, first = np.unique(one[places], return_index=True)
    ordered = found[np.argsort(path[places][first], kind="stable")]
    shares = range(0, max(len(ordered), 1), SHARE_UPLOADS)
    return [ordered[start : start + SHARE_UPLOADS].tolist() for start in shares]


def read_uploads(news: News, ids: Collection[int], photos: pa.Array | None = None) -> pa.Table:
    """Return the uploads with these ids that still have a record: columns as in UPLOADS, ordered by key.

    `photos`: their photographs, where these are known: of the others in their tables no id is then made.
    """
    if not ids:
        return UPLOADS.empty_table()
    wanted = np.fromiter(ids, np.uint64, len(ids))
    few, index = Few(wanted), news.index
    places = setdiff1d(few.found_in(index.rows.column("id"))[0], news.before)
    tables = {index.paths[number] for number in unique(index.rows.column("path")[places]).tolist()}
    told = frozenset(news.rows.path[are_among(news.rows.id, wanted)].tolist())
    tables |= {path for path in news.states if number_of(path) in told}
    inputs = news.inputs
    place_of = {path: place for place, path in enumerate(sorted(inputs.windows))}
    records: list[pa.Table] = []
    facts: list[pa.Table] = []
    for path in sorted(tables):
        if path in place_of:
            table = _of(record_table(inputs.store, path, inputs.forgotten, inputs.state_of(path)), few, photos)
            records.append(ranked_records(table, place_of[path]))
        else:
            facts.append(_of(facts_table(inputs.store, path, inputs.forgotten, inputs.state_of(path)), few, photos))
    if not sum(map(len, records)):
        return UPLOADS.empty_table()
    known = that_count(pa.concat_tables(records))
    return with_facts(known, pa.concat_tables(facts) if sum(map(len, facts)) else None)


def _of(table: pa.Table, few: Few, photos: pa.Array | None) -> pa.Table:
    if photos is not None:
        table = table.filter(pc.is_in(table["photo"], value_set=photos))
    return table.take(pa.array(few.found_in(ids_in(table))[0]))
