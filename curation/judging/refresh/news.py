"""News: which uploads have other records, facts or troubles than when they were judged."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.facts.examine import Original
from curation.judging.gather import UPLOADS, ranked_records, that_count, with_facts
from curation.judging.inputs import Inputs, facts_table, record_table
from curation.judging.refresh.files import among
from curation.judging.refresh.tables import Index, ids_in, indexed, rows_in, states_of

_IndexRows = list[tuple[int, int, int]]


@dataclass(frozen=True)
class News:
    """What has changed since the index was written."""

    inputs: Inputs
    index: Index
    states: Mapping[str, str]
    """The state of every table that is new or has changed, by path."""
    gone: frozenset[str]
    """Tables that are no more."""
    rows: Mapping[str, _IndexRows]
    """Of each table that is new or has changed: what the index is to have of its rows."""
    ids: frozenset[int]
    """Uploads of which something was said, or is no more."""
    photos: Mapping[int, str] = field(default_factory=dict)
    """Their keys, as far as the new tables name them."""

    @property
    def segment(self) -> dict[str, str]:
        """What the next segment of the index says of tables."""
        return dict(self.states) | dict.fromkeys(sorted(self.gone), "gone")


def news_of(inputs: Inputs, index: Index) -> News:
    """Return what has changed; reads the tables that are new or have changed."""
    now = states_of(inputs)
    changed = [path for path, state in now.items() if index.states.get(path) != state]
    gone = frozenset(index.states.keys() - now.keys())
    rows: dict[str, _IndexRows] = {}
    photos: dict[int, str] = {}
    for path in changed:
        rows[path] = []
        for row in rows_in(inputs, path):
            rows[path].append(indexed(row))
            photos[rows[path][-1][0]] = row["photo"]
    before: dict[str, set[tuple[int, int]]] = defaultdict(set)
    paths, is_old = index.paths, index.rows_of([*changed, *gone])
    columns = (array[is_old].tolist() for array in (index.table, index.id, index.digest))
    for number, one, digest in zip(*columns, strict=True):
        before[paths[number]].add((one, digest))
    ids = {one for path in {*changed, *gone} for one, _ in before[path] ^ {each[:2] for each in rows.get(path, ())}}
    return News(inputs, index, {path: now[path] for path in changed}, gone, rows, frozenset(ids), photos)


@dataclass(frozen=True)
class Read:
    """The records and facts of some uploads."""

    uploads: pa.Table
    """Columns as in UPLOADS, ordered by key."""

    @property
    def waiting(self) -> list[Original]:
        """Stored originals among them that have no facts."""
        examined = pc.struct_field(self.uploads["examined"], "sha256")
        is_known = pc.fill_null(pc.equal(examined, self.uploads["sha256"]), False)
        waits = self.uploads.filter(pc.and_(pc.equal(self.uploads["state"], "stored"), pc.invert(is_known)))
        rows = waits.select(["photo", "version", "original", "sha256"]).to_pylist()
        return [
            Original(row["photo"], row["version"] or "", row["original"] or "", row["sha256"] or "") for row in rows
        ]


def read_uploads(news: News, ids: Collection[int]) -> Read:
    """Return the records and facts of the uploads with these ids, of those that still have a record."""
    wanted = np.fromiter(ids, np.uint64, len(ids))
    index, paths = news.index, news.index.paths
    stale = index.rows_of([*news.states, *news.gone])
    places = among(index.id, wanted)
    tables = {paths[number] for number in np.unique(index.table[places[~stale[places]]]).tolist()}
    some = frozenset(ids)
    tables |= {path for path, rows in news.rows.items() if any(row[0] in some for row in rows)}
    inputs = news.inputs
    place_of = {path: place for place, path in enumerate(sorted(inputs.windows))}
    records: list[pa.Table] = []
    facts: list[pa.Table] = []
    for path in sorted(tables):
        if path in place_of:
            table = _of(record_table(inputs.store, path, inputs.forgotten, inputs.state_of(path)), wanted)
            records.append(ranked_records(table, place_of[path]))
        else:
            facts.append(_of(facts_table(inputs.store, path, inputs.forgotten, inputs.state_of(path)), wanted))
    if not sum(map(len, records)):
        return Read(UPLOADS.empty_table())
    known = that_count(pa.concat_tables(records))
    return Read(with_facts(known, pa.concat_tables(facts) if sum(map(len, facts)) else None))


def _of(table: pa.Table, ids: np.ndarray) -> pa.Table:
    return table.filter(pa.array(np.isin(ids_in(table), ids)))
