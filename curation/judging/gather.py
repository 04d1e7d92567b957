"""Gather: bring the record and the facts of each upload together, in parts that are ranges of keys.

A part holds about `part_photos` uploads at most, ordered by key: the record that counts and what the examination of its
original found, both as JSON without nulls. The calling process holds one line an upload of the whole corpus: key,
state, path and digest.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask.dataframe as dd
import numpy as np
import pandas as pd

from corpus.records import ExaminedRow, RecordRow
from corpus.storage import Store
from curation.cluster.frames import TEXT, Frames, frame_of, frame_of_rows
from curation.judging.inputs import Inputs, best_of, facts_rows, key_of_row, record_rows

STATEMENTS = {"part": np.int64, "photo": TEXT, "version": TEXT, "state": TEXT, "window": TEXT, "row": TEXT}
"""One row a record or row of facts, before they are brought together; `window` is empty for facts."""
UPLOADS = {"record": TEXT, "examined": TEXT}
"""One row an upload; `examined` is empty where its original was not examined."""


@dataclass(frozen=True)
class Parts:
    """How uploads are divided: the first key of each part but the first."""

    firsts: tuple[str, ...]

    @property
    def number(self) -> int:
        """How many parts there are."""
        return len(self.firsts) + 1

    def part_of(self, photo: str) -> int:
        """Return the part a photo belongs to."""
        return bisect_right(self.firsts, photo)


@dataclass(frozen=True)
class Piece:
    """Tables that one task reads."""

    store: Store
    forgotten: frozenset[str]
    parts: Parts
    paths: tuple[str, ...]
    are_records: bool


def parts_of(inputs: Inputs, part_photos: int) -> Parts:
    """Return ranges of about `part_photos` uploads each; all uploads of one photo are in the same range."""
    keys = inputs.uploads["photo"]
    number = -(-len(keys) // part_photos)
    firsts = (keys[place * len(keys) // number].as_py() for place in range(1, number))
    return Parts(tuple(dict.fromkeys(firsts)))


def gather(inputs: Inputs, parts: Parts, frames: Frames) -> dd.DataFrame:
    """Return the frame of all uploads, columns as in UPLOADS, ordered by key within parts and over them."""
    pieces = [
        Piece(inputs.store, inputs.forgotten, parts, paths, are_records)
        for all_paths, are_records in ((inputs.windows, True), (inputs.facts, False))
        for paths in _pieces(all_paths, parts.number)
    ]
    statements = frames.read(_read, pieces, STATEMENTS)
    return frames.mapped(frames.by_part(statements, parts.number), _uploads, kinds=UPLOADS)


def _pieces(paths: Sequence[str], number: int) -> Iterator[tuple[str, ...]]:
    size = max(1, -(-len(paths) // (2 * number)))
    for start in range(0, len(paths), size):
        yield tuple(paths[start : start + size])


def _read(piece: Piece) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    read: Callable[..., Sequence[RecordRow | ExaminedRow]] = record_rows if piece.are_records else facts_rows
    for path in piece.paths:
        for row in read(piece.store, path, piece.forgotten):
            key = key_of_row(row)
            window = path if piece.are_records else ""
            rows.append((piece.parts.part_of(key.photo), *key, row.get("state"), window, _packed(row)))
    return frame_of_rows(rows, STATEMENTS)


def _packed(row: Mapping[str, Any]) -> str:
    there = {name: value for name, value in row.items() if value is not None}
    if "facts" in there:
        there["facts"] = {name: value for name, value in there["facts"].items() if value is not None}
    return json.dumps(there, ensure_ascii=False, separators=(",", ":"))


def _uploads(statements: pd.DataFrame) -> pd.DataFrame:
    records: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    examined: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = (statements[name].to_numpy(dtype=object) for name in ("photo", "version", "window", "state", "row"))
    for photo, version, window, state, row in zip(*rows, strict=True):
        if window:
            records[photo, version].append((window, state, row))
        else:
            examined[photo, version].add(row)
    keys = sorted(records)
    best = [best_of(records[key]) for key in keys]
    facts = [_facts_of(record, examined[key]) for key, record in zip(keys, best, strict=True)]
    return frame_of({"record": best, "examined": facts}, UPLOADS)


def _facts_of(record: str, examined: set[str]) -> str:
    """Return the row of facts of a record's bytes, else any other row, empty where there is none.

    An original examined twice (in a whole batch and in half of it) has equal rows; one that was replaced has not.
    """
    if len(examined) < 2:
        return next(iter(examined), "")
    sha256 = json.loads(record).get("sha256")
    return min(examined, key=lambda row: (json.loads(row)["sha256"] != sha256, row))


# what a refresh asks of single uploads
packed, facts_of = _packed, _facts_of
