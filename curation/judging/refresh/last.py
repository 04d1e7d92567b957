"""Last: what the last run left for the next one, read from the store."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.storage import Store
from curation.consensus import LearnedRow
from curation.facts.examine import Trouble
from curation.generations import Past, ledger_files
from curation.judging.copies.pairs import PAIRS
from curation.judging.refresh.rows import Published
from curation.judging.refresh.state.counted import Counted
from curation.judging.refresh.state.few import among
from curation.judging.refresh.state.files import read_arrow
from curation.judging.refresh.state.index import id_of, number_of
from curation.judging.refresh.state.inverted import Inverted
from curation.judging.refresh.state.known import PAIRS_FOLDER, TABLES, Known
from curation.judging.refresh.state.ledger import Sides
from curation.judging.refresh.state.parts import State, read_state
from curation.judging.refresh.state.segments import Segments, read_segments


@dataclass(frozen=True)
class Last:
    """What the last run left, read from the store."""

    known: Known
    state: State
    published: Published
    counts: Counted
    pairs: Segments
    keys: Inverted
    """The uploads by the keys that copies are found by."""
    ledger: Sides
    flipped: npt.NDArray[np.uint64]
    several: npt.NDArray[np.uint64]
    learned: list[LearnedRow]

    @classmethod
    def read(cls, store: Store, known: Known, past: Past) -> "Last":
        """Return what a run has left."""
        state = read_state(store, known.parts)
        flipped, several = (
            read_arrow(store, f"{TABLES}/{name}.arrow")["id"].to_numpy() for name in (known.flipped, known.several)
        )
        counted = Counted.read(store, known.counts)
        pairs = read_segments(store, PAIRS_FOLDER, known.pairs, PAIRS)
        sides = Sides.of_table(pa.concat_tables(table for _, table in ledger_files(store, known.generation)))
        published = Published.of_state(state)
        keys = Inverted.read(store, known.keys)
        return cls(known, state, published, counted, pairs, keys, sides, flipped, several, past.learned())

    @classmethod
    def nothing(cls, known: Known, past: Past, folds: int) -> "Last":
        """Return what there is before the first state: what the newest generation remembers."""
        published = Published.of_generation(past)
        ledger = Sides.of_ledger(past.ledger(folds))
        none = np.zeros(0, np.uint64)
        counted = Counted.read(past.store, {})
        return cls(known, State.empty(), published, counted, Segments(PAIRS), Inverted(), ledger, none, none, [])


def troubled_ids(last: Known, troubles: Iterable[Trouble]) -> frozenset[int]:
    """Return the uploads of which a run could not examine the original and the other could, or said something else."""
    before = {tuple(told) for told in last.troubles}
    now = {(one.key.photo, one.key.version, one.reason, one.error) for one in troubles}
    return frozenset(id_of(photo, version) for photo, version, *_ in before ^ now)


def forgotten_ids(last: Known, state: State, forgotten: Iterable[str]) -> frozenset[int]:
    """Return the uploads of photographs that have come onto the takedown list or have left it."""
    photos = np.array([number_of(photo) for photo in set(last.forgotten) ^ set(forgotten)], np.uint64)
    return frozenset(state.column("id")[among(state.column("_photo"), photos)].tolist())
