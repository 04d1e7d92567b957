"""Refresh: judge what is new, and carry over every verdict whose inputs are as they were.

A verdict is made again where an upload's record or facts have changed, where more or other things are known of its
camera, where a copy, its owner's cap or its device's side may say something else. All other rows are those of the last
run. The outcome is that of `curation.judging.whole_corpus` on the same store and the same past, row by row.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.cameras.catalogue import Catalogue
from corpus.storage import Store
from curation.consensus import LearnedRow, enriched, learn
from curation.facts.examine import Trouble
from curation.generations import Past
from curation.judging.arrays.ordered import setdiff1d, union1d, unique
from curation.judging.copies.decision import CopyVerdict
from curation.judging.refresh.copies import copies_after
from curation.judging.refresh.counts.learning import updated
from curation.judging.refresh.finished import finished, last_copies
from curation.judging.refresh.last import Last
from curation.judging.refresh.memory import Remembered, remembered
from curation.judging.refresh.news import News, Shares
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.sides import assigned, beyond_cap
from curation.judging.refresh.state.counted import Counted
from curation.judging.refresh.state.few import among
from curation.judging.refresh.state.index import number_of
from curation.judging.refresh.state.parts import ALONE
from curation.judging.refresh.uploads import Claims, alone, claims_in, joined
from curation.judging.refresh.written import Refreshed, written
from curation.judging.verdict import Criteria
from curation.judging.whole_corpus import JudgeSettings, ShowProgress, chosen_cameras, silent

Row = dict[str, Any]
Numbers = npt.NDArray[Any]


def refreshed(
    store: Store, news: News, last: Last, troubles: Iterable[Trouble], settings: JudgeSettings, ids: frozenset[int],
    show: ShowProgress = silent,
) -> Refreshed:  # fmt: skip
    """Judge the uploads with these ids, and all others that they concern, and write the next state.

    Nothing that the last state names is changed or removed.
    """
    curation = settings.curation
    troubles = tuple(troubles)
    trouble_of = {trouble.key: trouble for trouble in troubles}
    base_catalogue = settings.catalogue.opened()
    base = Criteria(base_catalogue, base_catalogue, settings.rules, curation)
    read = Shares(news, ids)
    claimed = list[Claims]()
    with show("learning", read.number) as advance:
        for uploads in read:
            claimed.append(claims_in(uploads, base, trouble_of))
            advance(1)
    state = last.state
    changed = among(state.column("id"), np.array(sorted(ids), np.uint64))
    counted = updated(last.counts, state, changed, joined(claimed))
    learned = learn(counted.to_learn(settings.catalogue, settings.consensus), settings.catalogue, settings.consensus)
    catalogue = enriched(settings.catalogue, learned)
    chosen = chosen_cameras(catalogue, settings.cameras, learned)
    criteria = Criteria(catalogue, chosen, settings.rules, curation)
    concerned = _of_other_cameras(settings, last, criteria, changed)
    photos = state.take(concerned, ["photo"])["photo"].combine_chunks()
    further = Shares(news, frozenset(state.column("id")[concerned].tolist()), photos)
    of_further = ((uploads, claims_in(uploads, base, trouble_of)) for uploads in further)
    nothing = Past(store, None)
    tables = [ALONE.empty_table()]
    with show("judging", read.number + further.number) as advance:
        for uploads, shown in chain(zip(read, claimed, strict=True), of_further):
            if len(uploads):
                tables.append(alone(uploads, shown, base, criteria, trouble_of, nothing))
            advance(1)
    new = pa.concat_tables(tables)
    gone = union1d(changed, concerned)
    stays = np.ones(len(state), bool)
    stays[gone] = False
    kept = np.flatnonzero(stays)
    rows = Rows(state, kept, new, last.published)
    return _decided(store, news, last, troubles, settings, rows, gone, counted, learned, catalogue, show)


def _of_other_cameras(settings: JudgeSettings, last: Last, criteria: Criteria, changed: Places) -> Places:
    """Return the rows, beside those that changed, of cameras of which something else is known than before."""
    if not len(last.state):
        return np.zeros(0, np.int64)
    before = enriched(settings.catalogue, last.learned)
    were_chosen = chosen_cameras(before, settings.cameras, last.learned)
    keys = {camera.key for of in (before, criteria.catalogue) for camera in (*of.cameras, *of.unlisted)}
    different = {
        key for key in keys
        if before.get(key) != criteria.catalogue.get(key) or (key in were_chosen) != (key in criteria.chosen)
    }  # fmt: skip
    if not different:
        return np.zeros(0, np.int64)
    wanted = np.array([number_of(key) for key in different], np.uint64)
    rows = [among(last.state.column(name), wanted) for name in ("_named", "_labelled")]
    return setdiff1d(union1d(*rows), changed)


def _decided(
    store: Store, news: News, last: Last, troubles: tuple[Trouble, ...], settings: JudgeSettings, rows: Rows,
    gone: Places, counted: Counted, learned: list[LearnedRow], catalogue: Catalogue, show: ShowProgress,
) -> Refreshed:  # fmt: skip
    state, curation, ids = last.state, settings.curation, rows.column("id")
    memory = remembered(rows, last.ledger, last.several)
    differs = _memory_differs(rows, memory)
    changed = np.flatnonzero(rows.is_new | differs)
    flipped = among(ids, last.flipped)
    photos = unique(np.concatenate([state.column("_photo")[gone], rows.new["_photo"].to_numpy()]))
    versions = among(rows.column("_photo"), photos)
    asked = unique(np.concatenate([changed, flipped, versions, memory.moved]))
    copies = copies_after(rows, last.pairs, last.keys, gone, asked, memory, near_bits=curation.near_bits,
                          placeholder_copies=curation.placeholder_copies)  # fmt: skip
    decided = among(ids, np.fromiter(copies.decided, np.uint64, len(copies.decided)))
    lost = asked[~np.isin(asked, decided)]  # those in no pair
    verdict_of: dict[int, CopyVerdict | None] = dict.fromkeys([*decided.tolist(), *lost.tolist()])
    verdict_of |= {place: copies.verdicts.get(int(ids[place])) for place in decided.tolist()}
    was_copy = _was_copy(rows)
    is_copy = was_copy.copy()
    for place, verdict in verdict_of.items():
        is_copy[place] = verdict is not None
    clean = rows.column("_is_clean") & ~memory.two_sides
    staying = clean & ~is_copy
    places = unique(np.concatenate([asked, decided]))
    owners = unique(np.concatenate([rows.column("_cap")[places], state.column("_cap")[gone]]))
    was_beyond = rows.last_column("_beyond", False)
    beyond = beyond_cap(rows, was_beyond, staying, owners, memory, curation.owner_photos_max)
    places = union1d(places, np.flatnonzero(beyond != was_beyond))
    is_kept = staying & ~beyond
    found = assigned(rows, is_kept, places, memory, last.ledger, curation, _camera_names(rows, places))
    ledger = last.ledger.with_new(found) if len(found.group) else last.ledger
    new_groups = found.without(last.ledger).group
    to_finish = _to_finish(rows, differs, verdict_of, beyond, was_beyond, new_groups)
    with show("deciding", len(to_finish)) as advance:
        finals = finished(rows, to_finish, memory, verdict_of, beyond, ledger, advance)
    return written(store, news, last, troubles, rows, gone, to_finish, finals, memory, is_kept, copies, ledger,
                   counted, learned, catalogue)  # fmt: skip


def _memory_differs(rows: Rows, memory: Remembered) -> npt.NDArray[np.bool_]:
    """Return which rows have another group or side than in the last run, but for what that run itself gave them."""
    group, side, two = (rows.last_column(name, missing) for name, missing in
                        (("_group", 0), ("_side", False), ("_two_sides", False)))  # fmt: skip
    differs = (memory.group != group) | (memory.side != side) | (memory.two_sides != two)
    own = rows.was(rows.published.side, False) & memory.side & (memory.group == rows.was(rows.published.group, 0))
    found: npt.NDArray[np.bool_] = differs & ~(own & (memory.two_sides == two)) & (rows.old >= 0)
    return found


def _was_copy(rows: Rows) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = rows.last_column("_hub", 0) != 0
    return found


def _camera_names(rows: Rows, places: Places) -> dict[int, str]:
    names = rows.texts(places, ["camera"])["camera"].drop_null().unique().to_pylist()
    return {number_of(name): name for name in names}


def _to_finish(
    rows: Rows, differs: Numbers, verdict_of: Mapping[int, CopyVerdict | None], beyond: Numbers, was_beyond: Numbers,
    new_groups: npt.NDArray[np.uint64],
) -> Places:  # fmt: skip
    """Return the rows of which anything is decided otherwise than in the last run."""
    asked = np.fromiter(verdict_of, np.int64, len(verdict_of))
    last = last_copies(rows, asked)
    other = (
        asked[[verdict_of[place] != was for place, was in zip(asked.tolist(), last, strict=True)]]
        if len(asked)
        else asked
    )
    found = rows.is_new | differs | (beyond != was_beyond)
    found[other] = True
    if len(new_groups):  # a copy of what no group held has its side once its group has one
        sideless = np.flatnonzero(_was_copy(rows) & ~rows.was(rows.published.side, False))
        groups = rows.was(rows.published.group, 0)[sideless]
        found[sideless[np.isin(groups, new_groups)]] = True
    return rows.in_order(np.flatnonzero(found))
