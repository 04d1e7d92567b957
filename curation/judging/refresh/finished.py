"""Finished: rows that are decided otherwise than in the last run, as they are published and as the state has them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import CURATED, SPLITS
from curation.cluster.frames import Advance
from curation.judging.columns.final import COPIES, final_rows
from curation.judging.columns.spelling import row_digests
from curation.judging.copies.decision import CopyVerdict
from curation.judging.counts import Tally
from curation.judging.devices import DEVICE_ON_TWO_SIDES
from curation.judging.refresh.counts import figures
from curation.judging.refresh.memory import Remembered
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.state.ledger import Sides
from curation.judging.refresh.state.parts import (
    ALONE,
    DECIDED,
    PUBLISHED,
    STATE,
    hex_numbers,
    hex_text,
)
from curation.judging.splits import ledger_columns
from curation.judging.tallies import tally_of
from curation.judging.verdict import VERDICT
from curation.reasons import in_funnel_order

Numbers = npt.NDArray[Any]

AT_ONCE = 20_000


def finished(
    rows: Rows, places: Places, memory: Remembered, verdict_of: Mapping[int, CopyVerdict | None], beyond: Numbers,
    ledger: Sides, advance: Advance = lambda _: None,
) -> tuple[pa.Table, list[bytes], Tally]:  # fmt: skip
    """Return rows of the state, the digests of what is published of them, and their counts; `places` in order of keys.

    Some AT_ONCE are made at a time, since they are Python objects on the way; `advance` is called with their number.
    """
    parts = rows.last.parts_for(rows.old[places])
    tables, digests, total = [STATE.empty_table()], list[bytes](), Tally()
    for start in range(0, len(places), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        table, of_table, counted = _finished(rows, places[some], parts[some], memory, verdict_of, beyond, ledger)
        tables.append(table)
        digests += of_table
        total.add(counted)
        advance(len(of_table))
    return pa.concat_tables(tables), digests, total


def _finished(
    rows: Rows, places: Places, parts: npt.NDArray[np.int32], memory: Remembered,
    verdict_of: Mapping[int, CopyVerdict | None], beyond: Numbers, ledger: Sides,
) -> tuple[pa.Table, list[bytes], Tally]:  # fmt: skip
    copies = last_copies(rows, places)
    copies = [verdict_of.get(place, was) for place, was in zip(places.tolist(), copies, strict=True)]
    table = rows.texts(places, ALONE.names)
    told = table.select(VERDICT.names)
    remembered: dict[str, Any] = {
        "group": [hex_text(one) for one in memory.group[places].tolist()],
        "has_side": memory.side[places],
        "kept_before": memory.kept_before[places],
    }
    if memory.two_sides[places].any():
        reasons = table["reasons"].to_pylist()
        for row in np.flatnonzero(memory.two_sides[places]).tolist():
            reasons[row] = list(in_funnel_order([*reasons[row], DEVICE_ON_TWO_SIDES]))
        remembered["reasons"] = reasons
    for name, values in remembered.items():
        field = VERDICT.field(name)
        told = told.set_column(VERDICT.get_field_index(name), field, pa.array(values, field.type))
    ids = rows.column("id")[places]
    copy_of = [(one, *verdict) for one, verdict in zip(ids.tolist(), copies, strict=True) if verdict is not None]
    known = ledger.of([*memory.group[places].tolist(), *(int(group, 16) for *_, group in copy_of if group)])
    of_copies = [pa.array([one[at] for one in copy_of], field.type) for at, field in enumerate(COPIES)]
    final = final_rows(told, pa.table(of_copies, COPIES), ids[beyond[places]],
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
    whole = pa.table(
        [
            *table.columns,
            *decided.columns,
            *(curated[name] for name in PUBLISHED.names),
            *_numbered(curated, copies),
            pa.array(parts),
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


def last_copies(rows: Rows, places: Places) -> list[CopyVerdict | None]:
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
