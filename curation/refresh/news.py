"""News: which uploads have other records, facts or troubles than when they were judged."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from corpus.records import ExaminedRow, RecordRow
from curation.cluster.frames import frame_of
from curation.facts.examine import Original, PhotoKey
from curation.judging.gather import UPLOADS, facts_of, packed
from curation.judging.inputs import Inputs, best_of, key_of_row
from curation.refresh.files import among
from curation.refresh.tables import Index, id_of, indexed, rows_in, sha_number, states_of

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

    keys: list[PhotoKey]
    frame: pd.DataFrame
    """Columns as in UPLOADS, in the order of `keys`."""
    waiting: list[Original]
    """Stored originals among them that have no facts."""


def read_uploads(news: News, ids: Collection[int]) -> Read:
    """Return the records and facts of the uploads with these ids, ordered by key, of those that still have a record."""
    wanted = frozenset(ids)
    index, paths = news.index, news.index.paths
    stale = index.rows_of([*news.states, *news.gone])
    places = among(index.id, np.fromiter(wanted, np.uint64, len(wanted)))
    tables = {paths[number] for number in np.unique(index.table[places[~stale[places]]]).tolist()}
    tables |= {path for path, rows in news.rows.items() if any(row[0] in wanted for row in rows)}
    records: dict[PhotoKey, list[tuple[str, str, RecordRow]]] = defaultdict(list)
    facts: dict[PhotoKey, list[ExaminedRow]] = defaultdict(list)
    for path in sorted(tables):
        for row in rows_in(news.inputs, path):
            key = key_of_row(row)
            if id_of(*key) in wanted:
                into: Any = facts[key] if path.startswith("facts/") else records[key]
                into.append(row if path.startswith("facts/") else (path, row["state"], row))  # type: ignore[typeddict-item]
    return _together(records, facts)


def _together(
    records: Mapping[PhotoKey, list[tuple[str, str, RecordRow]]], facts: Mapping[PhotoKey, list[ExaminedRow]]
) -> Read:
    keys = sorted(records)
    best = {key: best_of(records[key]) for key in keys}
    texts = [packed(best[key]) for key in keys]
    examined = [
        facts_of(text, {packed(row) for row in facts.get(key, ())}) for key, text in zip(keys, texts, strict=True)
    ]
    waiting = [
        Original(key.photo, key.version, best[key]["original"] or "", best[key]["sha256"] or "")
        for key in keys
        if best[key]["state"] == "stored" and not _is_known(best[key], facts.get(key, ()))
    ]
    return Read(keys, frame_of({"record": texts, "examined": examined}, UPLOADS), waiting)


def _is_known(record: RecordRow, facts: Iterable[ExaminedRow]) -> bool:
    return any(sha_number(row["sha256"]) == sha_number(record["sha256"]) for row in facts)
