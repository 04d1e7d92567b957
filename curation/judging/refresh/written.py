"""Written: the next state in the store, and what a generation tells of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.cameras.catalogue import Catalogue
from corpus.records import CURATED, SPLITS
from corpus.storage import Store
from curation.consensus import LearnedRow
from curation.facts.examine import Trouble
from curation.judging.arrays.ordered import union1d, unique
from curation.judging.columns.spelling import DIGESTS, digests_sum
from curation.judging.copies.pairs import PAIRS
from curation.judging.counts import Tally, counts, tally
from curation.judging.refresh.copies import Copies, keys_of_pairs
from curation.judging.refresh.counts import figures
from curation.judging.refresh.counts.once import COLUMNS, Once, Rest, names_of, once_after, taken
from curation.judging.refresh.last import Last
from curation.judging.refresh.memory import Remembered
from curation.judging.refresh.news import News
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.state.counted import Counted
from curation.judging.refresh.state.few import are_among
from curation.judging.refresh.state.files import write_arrow
from curation.judging.refresh.state.known import PAIRS_FOLDER, TABLES, Known
from curation.judging.refresh.state.ledger import Sides
from curation.judging.refresh.state.parts import PUBLISHED, State, write_state
from curation.judging.refresh.state.segments import write_segments
from curation.judging.refresh.uploads import NOBODY

Row = dict[str, Any]
Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Refreshed:
    """The next state, and what a generation tells of it."""

    known: Known
    """Without the generation's name and what else decides it."""
    state: State
    written: Iterator[tuple[int, pa.Table]]
    """The files of the published table in which a row is new or changed: the number and the rows of each, in order;
    made while they are iterated, which can be done once."""
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


def written(
    store: Store, news: News, last: Last, troubles: tuple[Trouble, ...], rows: Rows, gone: Places, places: Places,
    finals: tuple[pa.Table, list[bytes], Tally], memory: Remembered, is_kept: Numbers, copies: Copies,
    ledger: Sides, counted: Counted, learned: list[LearnedRow], catalogue: Catalogue,
) -> Refreshed:  # fmt: skip
    """Write the next state and return it, with what a generation tells of it.

    `gone`: rows of the last state that are no more or were judged anew; `places`: rows that are decided otherwise, and
    `finals` what `finished` says of them; `is_kept`: of all rows.
    """
    state, known = last.state, last.known
    changed, digests, new_tally = finals
    old = rows.old[places]
    replaced = union1d(gone, old[old >= 0])
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
    less, more = (digests_sum(of.values()) for of in (was, digest_of))
    rows_sum = (int(known.rows_sum, 16) - less + more) % DIGESTS
    ids = rows.column("id")
    flipped = unique(np.concatenate([ids[is_kept != memory.kept_before], ids[memory.moved]]))
    index = news.indexed(store)
    once = _once(known, state, replaced, before, changed)
    pairs, near = _pairs(store, last, copies, differ, after)
    of_copies = last.keys.written(store, copies.keys["key"].to_numpy(), copies.keys["id"].to_numpy())
    hubs = figures.hubs_after(known.figures.get("hubs", []), before, changed, after)
    once = once._replace(leaks={**once.leaks, "near": near})
    told = _counts(total, catalogue, hubs, once)
    flipped_name, several = (
        write_arrow(store, TABLES, pa.table([numbers], ["id"])) for numbers in (flipped, memory.several)
    )
    next_known = Known(
        known.settings, known.generation, "", index.rows.names, index.tables.names, after.rows.names, known.public,
        counted.written(store).names, pairs, of_copies.names, flipped_name, several, sorted(news.inputs.forgotten),
        sorted((one.key.photo, one.key.version, one.reason, one.error) for one in troubles),
        f"{rows_sum:x}", figures.as_json(total) | {"once": once._asdict(), "hubs": hubs},
    )  # fmt: skip
    return Refreshed(
        next_known, after, _files_of(before, changed, differ, after), learned, catalogue, ledger,
        ledger.without(last.ledger), told, hubs, samples,
        len(differ), len(rows.new),
    )  # fmt: skip


def _files_of(before: pa.Table, changed: pa.Table, differ: set[int], after: State) -> Iterator[tuple[int, pa.Table]]:
    """Return the files of the published table that have one of the uploads `differ`."""
    of_differ = np.fromiter(differ, np.uint64, len(differ))
    parts = [table["_part"].to_numpy()[are_among(table["id"].to_numpy(), of_differ)] for table in (before, changed)]
    return after.of_parts(unique(np.concatenate(parts)))


def _once(known: Known, state: State, replaced: Places, before: pa.Table, changed: pa.Table) -> Once:
    told = known.figures.get("once")
    was = Once(told["cameras"], told["leaks"]) if told else Once({}, {})
    stays = state.column("=kept").copy()
    stays[replaced] = False
    gone, new = (
        taken({name: table[name].to_numpy() for name in COLUMNS}, np.flatnonzero(table["=kept"].to_numpy()))
        for table in (before, changed)
    )
    names = names_of((table["_camera"].to_numpy(), table["camera"].to_pylist()) for table in (before, changed))
    return once_after(was, gone, new, Rest(state.column, stays), names, NOBODY)


def _pairs(store: Store, last: Last, copies: Copies, differ: set[int], after: State) -> tuple[tuple[str, ...], int]:
    """Write the pairs of copies; return their segments, and how many near copies are kept in two splits."""
    first, second, kind = (copies.new[name].to_numpy() for name in PAIRS.names)
    table = pa.Table.from_pandas(copies.new, PAIRS, preserve_index=False)
    ended = last.pairs.column("key")[copies.ended]
    pairs = write_segments(store, PAIRS_FOLDER, last.pairs, keys_of_pairs(first, second, kind), table, ended)
    of_ended = [last.pairs.column(name)[copies.ended] for name in ("first", "second")]
    touched = unique(np.concatenate([np.fromiter(differ, np.uint64, len(differ)), first, second, *of_ended]))
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
