"""Refresh: judge what is new, and carry over every verdict whose inputs are as they were.

A verdict is made again where an upload's record or facts have changed, where more or other things are known of its
camera, where a copy, its owner's cap or its device's side may say something else. All other rows are those of the last
run. The outcome is that of `curation.judging.whole_corpus` on the same store and the same past, row by row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.catalogue import Catalogue
from corpus.records import CURATED, SPLITS
from corpus.storage import Store
from curation.consensus import LearnedRow, enriched, learn
from curation.facts.examine import Trouble
from curation.generations import Past, ledger_files
from curation.judging.columns.final import COPIES, final_rows
from curation.judging.columns.spelling import row_digests
from curation.judging.copies import CopyVerdict
from curation.judging.copy_pairs import PAIRS
from curation.judging.counts import Tally, counts, tally
from curation.judging.devices import DEVICE_ON_TWO_SIDES
from curation.judging.refresh import figures
from curation.judging.refresh.copies import Copies, copies_after, keys_of_pairs
from curation.judging.refresh.counted import Counted
from curation.judging.refresh.files import among, read_arrow, write_arrow
from curation.judging.refresh.known import PAIRS_FOLDER, TABLES, Known
from curation.judging.refresh.learning import updated
from curation.judging.refresh.ledger import Sides
from curation.judging.refresh.memory import Remembered, remembered
from curation.judging.refresh.news import News, read_uploads
from curation.judging.refresh.once import COLUMNS, Once, names_of, once_after, taken
from curation.judging.refresh.rows import Places, Published, Rows
from curation.judging.refresh.segments import Segments, read_segments, write_segments
from curation.judging.refresh.sides import assigned, beyond_cap
from curation.judging.refresh.state import (
    ALONE,
    DECIDED,
    PUBLISHED,
    STATE,
    State,
    hex_numbers,
    hex_text,
    read_state,
    write_state,
)
from curation.judging.refresh.tables import id_of, number_of
from curation.judging.refresh.uploads import NOBODY, alone, claims_in
from curation.judging.splits import ledger_columns
from curation.judging.tallies import tally_of
from curation.judging.verdict import VERDICT, Criteria
from curation.judging.whole_corpus import JudgeSettings, chosen_cameras
from curation.reasons import in_funnel_order

Row = dict[str, Any]
Numbers = npt.NDArray[Any]

_MODULUS = 1 << 256


@dataclass(frozen=True)
class Refreshed:
    """The next state, and what a generation tells of it."""

    known: Known
    """Without the generation's name and what else decides it."""
    state: State
    written: Mapping[int, pa.Table]
    """The files of the published table in which a row is new or changed: their rows by their number."""
    learned: list[LearnedRow]
    catalogue: Catalogue
    ledger: Sides
    new_sides: Sides
    """Those that the ledger of before did not have."""
    counts: Row
    hubs: list[Row]
    samples: Mapping[str, list[Row]]
    rows_changed: int
    judged: int
    """Uploads that were judged anew."""


@dataclass(frozen=True)
class Last:
    """What the last run left, read from the store."""

    known: Known
    state: State
    published: Published
    counts: Counted
    pairs: Segments
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
        return cls(known, state, published, counted, pairs, sides, flipped, several, past.learned())

    @classmethod
    def nothing(cls, known: Known, past: Past, folds: int) -> "Last":
        """Return what there is before the first state: what the newest generation remembers."""
        published = Published.of_generation(past)
        ledger = Sides.of_ledger(past.ledger(folds))
        none = np.zeros(0, np.uint64)
        return cls(
            known, State.empty(), published, Counted.read(past.store, {}), Segments(PAIRS), ledger, none, none, []
        )


def troubled_ids(last: Known, troubles: Iterable[Trouble]) -> frozenset[int]:
    """Return the uploads of which a run could not examine the original and the other could, or said something else."""
    before = {tuple(told) for told in last.troubles}
    now = {(one.key.photo, one.key.version, one.reason, one.error) for one in troubles}
    return frozenset(id_of(photo, version) for photo, version, *_ in before ^ now)


def forgotten_ids(last: Known, state: State, forgotten: Iterable[str]) -> frozenset[int]:
    """Return the uploads of photographs that have come onto the takedown list or have left it."""
    photos = np.array([number_of(photo) for photo in set(last.forgotten) ^ set(forgotten)], np.uint64)
    return frozenset(state.column("id")[among(state.column("_photo"), photos)].tolist())


def refreshed(
    store: Store, news: News, last: Last, troubles: Iterable[Trouble], settings: JudgeSettings, ids: frozenset[int]
) -> Refreshed:
    """Judge the uploads with these ids, and all others that they concern, and write the next state.

    Nothing that the last state names is changed or removed.
    """
    curation = settings.curation
    troubles = tuple(troubles)
    trouble_of = {trouble.key: trouble for trouble in troubles}
    base_catalogue = settings.catalogue.opened()
    base = Criteria(base_catalogue, base_catalogue, settings.rules, curation)
    read = read_uploads(news, ids)
    nothing = Past(store, None)
    claimed = claims_in(read.uploads, base, trouble_of)
    shown = alone(read.uploads, claimed, base, base, trouble_of, nothing)  # what it shows; its verdict comes below
    state = last.state
    changed = among(state.column("id"), np.array(sorted(ids), np.uint64))
    counted = updated(last.counts, state, changed, shown["_content"].to_numpy(), claimed)
    learned = learn(counted.to_learn(settings.catalogue, settings.consensus), settings.catalogue, settings.consensus)
    catalogue = enriched(settings.catalogue, learned)
    chosen = chosen_cameras(catalogue, settings.cameras, learned)
    criteria = Criteria(catalogue, chosen, settings.rules, curation)
    concerned = _of_other_cameras(settings, last, criteria, changed)
    further = read_uploads(news, frozenset(state.column("id")[concerned].tolist()))
    new = pa.concat_tables(
        [
            ALONE.empty_table(),
            *(
                alone(some.uploads, claims_in(some.uploads, base, trouble_of), base, criteria, trouble_of, nothing)
                for some in (read, further)
                if len(some.uploads)
            ),
        ]
    )
    gone = np.union1d(changed, concerned)
    stays = np.ones(len(state), bool)
    stays[gone] = False
    kept = np.flatnonzero(stays)
    rows = Rows(state, kept, new, last.published)
    return _decided(store, news, last, troubles, settings, rows, gone, counted, learned, catalogue)


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
    return np.setdiff1d(np.union1d(*rows), changed)


def _decided(
    store: Store, news: News, last: Last, troubles: tuple[Trouble, ...], settings: JudgeSettings, rows: Rows,
    gone: Places, counted: Counted, learned: list[LearnedRow], catalogue: Catalogue,
) -> Refreshed:  # fmt: skip
    state, curation, ids = last.state, settings.curation, rows.column("id")
    memory = remembered(rows, last.ledger, last.several)
    differs = _memory_differs(rows, memory)
    changed = np.flatnonzero(rows.is_new | differs)
    flipped = among(ids, last.flipped)
    photos = np.unique(np.concatenate([state.column("_photo")[gone], rows.new["_photo"].to_numpy()]))
    versions = among(rows.column("_photo"), photos)
    asked = np.unique(np.concatenate([changed, flipped, versions, memory.moved]))
    copies = copies_after(rows, last.pairs, gone, asked, memory, near_bits=curation.near_bits,
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
    places = np.unique(np.concatenate([asked, decided]))
    owners = np.unique(np.concatenate([rows.column("_cap")[places], state.column("_cap")[gone]]))
    was_beyond = rows.last_column("_beyond", False)
    beyond = beyond_cap(rows, was_beyond, staying, owners, memory, curation.owner_photos_max)
    places = np.union1d(places, np.flatnonzero(beyond != was_beyond))
    is_kept = staying & ~beyond
    found = assigned(rows, is_kept, places, memory, last.ledger, curation, _camera_names(rows, places))
    ledger = last.ledger.with_new(found) if len(found.group) else last.ledger
    new_groups = found.without(last.ledger).group
    to_finish = _to_finish(rows, differs, verdict_of, beyond, was_beyond, new_groups)
    finals = _finished(rows, to_finish, memory, verdict_of, beyond, ledger)
    return _written(store, news, last, troubles, rows, gone, to_finish, finals, memory, is_kept, copies, ledger,
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


def _last_copies(rows: Rows, places: Places) -> list[CopyVerdict | None]:
    """Return the verdicts on copies that the last state has of these rows."""
    old = rows.old[places]
    names = ["_copy_reason", "_copy_of", "_copy_group"]
    found: list[CopyVerdict | None] = [None] * len(places)
    there = np.flatnonzero(old >= 0)
    if len(there):
        told = rows.last.take(old[there], names).to_pylist()
        for place, row in zip(there.tolist(), told, strict=True):
            if row["_copy_reason"] is not None:
                found[place] = CopyVerdict(*(row[name] for name in names))
    return found


def _to_finish(
    rows: Rows, differs: Numbers, verdict_of: Mapping[int, CopyVerdict | None], beyond: Numbers, was_beyond: Numbers,
    new_groups: npt.NDArray[np.uint64],
) -> Places:  # fmt: skip
    """Return the rows of which anything is decided otherwise than in the last run."""
    asked = np.fromiter(verdict_of, np.int64, len(verdict_of))
    last = _last_copies(rows, asked)
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


def _finished(
    rows: Rows, places: Places, memory: Remembered, verdict_of: Mapping[int, CopyVerdict | None], beyond: Numbers,
    ledger: Sides,
) -> tuple[pa.Table, list[bytes], Tally]:  # fmt: skip
    """Return rows of the state, the digests of what is published of them, and their counts."""
    copies = _last_copies(rows, places)
    copies = [verdict_of.get(place, was) for place, was in zip(places.tolist(), copies, strict=True)]
    table = rows.texts(places, ALONE.names)
    groups = [hex_text(one) for one in memory.group[places].tolist()]
    told = table.select(VERDICT.names).to_pylist()
    for row, group, place in zip(told, groups, places.tolist(), strict=True):
        row["group"], row["has_side"] = group, bool(memory.side[place])
        row["kept_before"] = bool(memory.kept_before[place])
        if memory.two_sides[place]:
            row["reasons"] = list(in_funnel_order([*row["reasons"], DEVICE_ON_TWO_SIDES]))
    ids = rows.column("id")[places]
    copy_of = [(one, *verdict) for one, verdict in zip(ids.tolist(), copies, strict=True) if verdict is not None]
    known = ledger.of([*memory.group[places].tolist(), *(int(group, 16) for *_, group in copy_of if group)])
    of_copies = [pa.array([one[at] for one in copy_of], field.type) for at, field in enumerate(COPIES)]
    final = final_rows(pa.Table.from_pylist(told, VERDICT), pa.table(of_copies, COPIES), ids[beyond[places]],
                       ledger_columns(known), {})  # fmt: skip
    curated = final.select(CURATED.names).combine_chunks()
    digests = row_digests(curated)
    counted = tally_of(final, np.zeros(0, np.uint64))
    decided = pa.table(
        [
            pa.array(memory.group[places], pa.uint64()),
            pa.array(memory.side[places]),
            pa.array(memory.two_sides[places]),
            pa.array(beyond[places]),
            *(pa.array([None if one is None else one[at] for one in copies], pa.string()) for at in range(3)),
        ],
        DECIDED,
    )  # fmt: skip
    old = rows.old[places]
    whole = pa.table(
        [
            *table.columns,
            *decided.columns,
            *(curated[name] for name in PUBLISHED.names),
            *_numbered(curated, copies),
            pa.array(rows.last.parts_for(table, old)),
            pa.array(digests, pa.binary(32)),
        ],
        STATE,
    )
    return whole, digests, counted


def _numbered(curated: pa.Table, copies: list[CopyVerdict | None]) -> list[pa.Array]:
    """Return what was published as numbers: the first columns of NUMBERED."""
    hubs = [0 if one is None else figures.hub_number(one.of or "", one.reason) for one in copies]
    return [
        pa.array(hex_numbers(curated["group"])),
        pc.fill_null(pc.index_in(curated["split"], value_set=pa.array(SPLITS)), -1).cast(pa.int8()),
        pc.fill_null(curated["fold"], -1).cast(pa.int16()),
        pa.array(hubs, pa.uint64()),
    ]


def _written(
    store: Store, news: News, last: Last, troubles: tuple[Trouble, ...], rows: Rows, gone: Places, places: Places,
    finals: tuple[pa.Table, list[bytes], Tally], memory: Remembered, is_kept: Numbers, copies: Copies,
    ledger: Sides, counted: Counted, learned: list[LearnedRow], catalogue: Catalogue,
) -> Refreshed:  # fmt: skip
    state, known = last.state, last.known
    changed, digests, new_tally = finals
    old = rows.old[places]
    replaced = np.union1d(gone, old[old >= 0])
    before = state.take(replaced)
    gone_rows = figures.published_rows(before)
    total = figures.difference(_total(known), tally(gone_rows), new_tally)
    after = write_state(store, state, replaced, changed)
    keys = ((row["photo"], row["version"]) for row in gone_rows)
    samples = figures.samples_after(_total(known).samples, keys, new_tally.samples, after)
    total.samples.update(samples)
    digest_of = dict(zip(changed["id"].to_pylist(), digests, strict=True))
    was = dict(zip(before["id"].to_pylist(), before["_digest"].to_pylist(), strict=True))
    differ = {one for one in digest_of.keys() | was.keys() if digest_of.get(one) != was.get(one)}
    less, more = (sum(int.from_bytes(digest) for digest in of.values()) for of in (was, digest_of))
    rows_sum = (int(known.rows_sum, 16) - less + more) % _MODULUS
    ids = rows.column("id")
    flipped = np.unique(np.concatenate([ids[is_kept != memory.kept_before], ids[memory.moved]]))
    index = news.indexed(store)
    once = _once(known, state, replaced, before, changed)
    pairs, near = _pairs(store, last, copies, differ, after)
    hubs = figures.hubs_after(known.figures.get("hubs", []), before, changed, after)
    once = once._replace(leaks={**once.leaks, "near": near})
    told = _counts(total, catalogue, hubs, once)
    flipped_name, several = (
        write_arrow(store, TABLES, pa.table([numbers], ["id"])) for numbers in (flipped, memory.several)
    )
    next_known = Known(
        known.settings, known.generation, "", index.rows.names, index.tables.names, after.rows.names, known.public,
        counted.written(store).names, pairs, flipped_name, several, sorted(news.inputs.forgotten),
        sorted((one.key.photo, one.key.version, one.reason, one.error) for one in troubles),
        f"{rows_sum:x}", figures.as_json(total) | {"once": once._asdict(), "hubs": hubs},
    )  # fmt: skip
    return Refreshed(
        next_known, after, _files_of(before, changed, differ, after), learned, catalogue, ledger,
        ledger.without(last.ledger), told, hubs, samples,
        len(differ), len(rows.new),
    )  # fmt: skip


def _files_of(before: pa.Table, changed: pa.Table, differ: set[int], after: State) -> Mapping[int, pa.Table]:
    """Return the rows of the files of the published table that have one of the uploads `differ`."""
    parts = [
        table["_part"].to_numpy()[np.isin(table["id"].to_numpy(), np.fromiter(differ, np.uint64, len(differ)))]
        for table in (before, changed)
    ]
    return after.of_parts(np.unique(np.concatenate(parts)))


def _once(known: Known, state: State, replaced: Places, before: pa.Table, changed: pa.Table) -> Once:
    told = known.figures.get("once")
    was = Once(told["cameras"], told["leaks"]) if told else Once({}, {})
    stays = state.column("=kept").copy()
    stays[replaced] = False
    rest = taken({name: state.column(name) for name in COLUMNS}, np.flatnonzero(stays))
    gone, new = (
        taken({name: table[name].to_numpy() for name in COLUMNS}, np.flatnonzero(table["=kept"].to_numpy()))
        for table in (before, changed)
    )
    names = names_of((table["_camera"].to_numpy(), table["camera"].to_pylist()) for table in (before, changed))
    return once_after(was, gone, new, rest, names, NOBODY)


def _pairs(store: Store, last: Last, copies: Copies, differ: set[int], after: State) -> tuple[tuple[str, ...], int]:
    """Write the pairs of copies; return their segments, and how many near copies are kept in two splits."""
    first, second, kind = (copies.new[name].to_numpy() for name in PAIRS.names)
    table = pa.Table.from_pandas(copies.new, PAIRS, preserve_index=False)
    ended = last.pairs.column("key")[copies.ended]
    pairs = write_segments(store, PAIRS_FOLDER, last.pairs, keys_of_pairs(first, second, kind), table, ended)
    of_ended = [last.pairs.column(name)[copies.ended] for name in ("first", "second")]
    touched = np.unique(np.concatenate([np.fromiter(differ, np.uint64, len(differ)), first, second, *of_ended]))
    less, more = (
        figures.near_on_two_sides(of, touched, state) for of, state in ((last.pairs, last.state), (pairs, after))
    )
    told = last.known.figures.get("once")
    return pairs.names, (told["leaks"]["near"] if told else 0) - less + more


def _total(known: Known) -> Tally:
    return figures.from_json(known.figures) if known.figures else Tally()


def _counts(total: Tally, catalogue: Catalogue, hubs: list[Row], once: Once) -> Row:
    cameras = (*catalogue.cameras, *catalogue.unlisted)
    told = counts(total, {camera.key: (camera.name, camera.is_listed) for camera in cameras}, hubs, ())
    for key, camera in told["cameras"].items():
        of = once.cameras.get(key, {})
        for name in ("groups", "owners", "devices"):
            camera[name] = of.get(name, 0)
        for split in SPLITS:
            camera["splits"][split]["groups"] = of.get("splits", {}).get(split, 0)
    told["leaks"] = {name: once.leaks[name] for name in told["leaks"]}
    return told


def curated_table(table: pa.Table) -> pa.Table:
    """Return rows of the state as they are published, columns as in CURATED, in their order."""
    columns = [table[f"={name}"] if name in PUBLISHED.names else table[name] for name in CURATED.names]
    return pa.table(columns, CURATED)
