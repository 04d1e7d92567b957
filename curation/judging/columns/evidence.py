"""Evidence: what is known of many uploads beside their records, as columns; `verdict.evidence_of` says it of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.facts.examine import KILLS_EXAMINER, NOT_EXAMINED, ORIGINAL_DAMAGED, PhotoKey, Trouble
from curation.judging.arrays.distinct import Codes, codes_of, combined
from curation.judging.columns.facts import BIT, FactColumns, Judgement
from curation.judging.verdict import BY_FACTS, Criteria
from curation.reasons import in_funnel_order

_SEEN = {"undecodable": "pixel_error", "foreign_grid": "foreign_grid", "compressed_twice": "first_quality_factor"}


@dataclass(frozen=True)
class EvidenceColumns:
    """What `verdict.Evidence` has, of each row of a table of uploads."""

    rows: np.ndarray
    """The rows that have facts."""
    facts: FactColumns
    """The facts of these rows."""
    bits: np.ndarray
    """The reasons of each row that no rule gives, as bits; without those that were given in words."""
    given: Codes
    """The number of what records and troubles say against each row."""
    words: list[frozenset[str]]
    """By number: these reasons."""
    error: pa.Array
    perceptual_hash: pa.Array
    is_refused: np.ndarray
    """Whether a record is of a photo that was refused at the door."""


def evidence_columns(uploads: pa.Table, troubles: Mapping[PhotoKey, Trouble]) -> EvidenceColumns:
    """Return what is known of uploads (columns of `gather.UPLOADS`); `troubles`: those that could not be examined."""
    examined: pa.StructArray = uploads["examined"].combine_chunks()
    column = dict(zip((field.name for field in examined.type), examined.flatten(), strict=True))
    state = uploads["state"].combine_chunks()
    stored, deleted, refused = (_mask(pc.equal(state, name)) for name in ("stored", "deleted", "refused"))
    trouble_reason, trouble_error = _troubles(uploads, troubles)
    in_trouble = _mask(trouble_reason.is_valid())
    is_row = _mask(examined.is_valid()) & ~in_trouble
    trouble_reason = pc.if_else(pa.array(stored), trouble_reason, pa.scalar(None, pa.string()))
    is_same = _same(column["sha256"], uploads["sha256"].combine_chunks())
    has_facts = _mask(column["facts"].is_valid())
    of_original = stored | (deleted & is_row & is_same & has_facts)
    seen = of_original & is_row & is_same

    bits = np.zeros(len(uploads), np.uint64)
    bits[of_original & ~is_row & ~in_trouble] |= BIT[NOT_EXAMINED]
    damaged = of_original & is_row & ~is_same
    bits[damaged] |= BIT[ORIGINAL_DAMAGED]
    killed = seen & ~has_facts & _mask(column["error"].is_null())
    bits[killed] |= BIT[KILLS_EXAMINER]
    unreadable = seen & ~has_facts & ~killed
    bits[unreadable] |= BIT["unreadable"]
    whole = seen & has_facts
    for slug, name in _SEEN.items():
        bits[whole & _mask(column[name].is_valid())] |= BIT[slug]
    bits[deleted] |= BIT["deleted_at_source"]

    at_the_door = uploads["facts"].combine_chunks()
    door = ~of_original & _mask(at_the_door.is_valid())
    given, words = _given(uploads, trouble_reason, ~of_original & ~deleted, door)
    nothing = np.array([not one for one in words], bool)[given.codes] if len(uploads) else np.zeros(0, bool)
    bits[~of_original & ~deleted & ~refused & nothing] |= BIT["download_failed"]

    error = _chosen(
        uploads,
        (in_trouble & of_original, trouble_error),
        (damaged, _damage(uploads, column["sha256"], damaged)),
        (unreadable, column["error"]),
        (killed | whole, column["pixel_error"]),
        (~of_original, uploads["error"].combine_chunks()),
    )
    hashed = pc.if_else(pa.array(whole), column["perceptual_hash"], pa.scalar(None, pa.string()))
    rows = np.flatnonzero(whole | door)
    return EvidenceColumns(
        rows, _facts(column["facts"], at_the_door, whole, door, rows), bits, given, words, error, hashed, refused
    )


def judgement_of(uploads: pa.Table, evidence: EvidenceColumns, criteria: Criteria) -> Judgement:
    """Return the judgement of the rows that have facts, in the order of `evidence.rows`."""
    labelled = uploads["labelled_camera"].combine_chunks().take(pa.array(evidence.rows))
    return Judgement(evidence.facts, labelled, criteria.catalogue, criteria.chosen, criteria.rules)


def reasons_of(evidence: EvidenceColumns, judgement: Judgement) -> tuple[Codes, list[tuple[str, ...]]]:
    """Return the number of the set of reasons against each row, and each set in the order of the funnel."""
    bits = evidence.bits.copy()
    bits[evidence.rows] |= judgement.reasons
    both = combined([evidence.given, codes_of(pa.array(bits))])
    found = []
    refused = Codes(evidence.is_refused.astype(np.int64), 2)
    both = combined([both, refused])
    for row in both.firsts.tolist():
        reasons = evidence.words[evidence.given.codes[row]] | slugs_of(int(bits[row]))
        if evidence.is_refused[row] and not reasons:
            reasons = frozenset({"not_downloaded"})
        found.append(in_funnel_order(reasons))
    return both, found


def slugs_of(bits: int) -> frozenset[str]:
    """Return the reasons in a set that is one number."""
    return frozenset(slug for slug, bit in BIT.items() if bits & int(bit))


def _mask(array: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), bool)


def _same(one: pa.Array, other: pa.Array) -> np.ndarray:
    same: np.ndarray = _mask(pc.equal(one, other)) | (_mask(one.is_null()) & _mask(other.is_null()))
    return same


def _troubles(uploads: pa.Table, troubles: Mapping[PhotoKey, Trouble]) -> tuple[pa.Array, pa.Array]:
    if not troubles:
        return pa.nulls(len(uploads), pa.string()), pa.nulls(len(uploads), pa.string())
    names = pa.array([f"{key.photo}\n{key.version}" for key in troubles], pa.string())
    upload = pc.binary_join_element_wise(uploads["photo"], pc.fill_null(uploads["version"], ""), "\n")
    places = pc.index_in(upload.combine_chunks(), value_set=names)
    told = (
        pa.array([one.reason for one in troubles.values()], pa.string()),
        pa.array([one.error for one in troubles.values()], pa.string()),
    )
    return told[0].take(places), told[1].take(places)


def _given(
    uploads: pa.Table, trouble_reason: pa.Array, by_record: np.ndarray, door: np.ndarray
) -> tuple[Codes, list[frozenset[str]]]:
    """Return what records and troubles say; of photos with facts the reasons that follow from facts do not count."""
    reasons = uploads["reasons"].combine_chunks()
    lists, troubles = codes_of(reasons), codes_of(trouble_reason)
    flags = Codes(by_record.astype(np.int64) + 2 * door.astype(np.int64), 4)
    both = combined([lists, troubles, flags])
    words = []
    for row in both.firsts.tolist():
        if by_record[row]:
            found = frozenset(reasons[row].as_py() or ())
            words.append(found - BY_FACTS if door[row] else found)
        else:
            trouble = trouble_reason[row].as_py()
            words.append(frozenset() if trouble is None else frozenset({trouble}))
    return both, words


def _damage(uploads: pa.Table, sha256: pa.Array, damaged: np.ndarray) -> pa.Array:
    """Return for damaged originals what the bytes are and what they should be."""
    if not damaged.any():
        return pa.nulls(len(uploads), pa.string())
    rows = np.flatnonzero(damaged)
    told = zip(sha256.take(pa.array(rows)).to_pylist(), uploads["sha256"].take(pa.array(rows)).to_pylist(), strict=True)
    texts = [f"examined bytes had SHA-256 {found}, the record says {said}" for found, said in told]
    places = np.full(len(uploads), -1, np.int64)
    places[rows] = np.arange(len(rows))
    return pa.array(texts, pa.string()).take(pa.array(places, mask=places < 0))


def _chosen(uploads: pa.Table, *of: tuple[np.ndarray, pa.Array]) -> pa.Array:
    found: Any = pa.nulls(len(uploads), pa.string())
    for mask, values in of:
        if mask.any():
            found = pc.if_else(pa.array(mask), values, found)
    return found


def _facts(
    examined: pa.StructArray, at_the_door: pa.StructArray, whole: np.ndarray, door: np.ndarray, rows: np.ndarray
) -> FactColumns:
    if not door.any():
        return FactColumns(examined if whole.all() else examined.take(pa.array(rows)))
    both = pa.concat_arrays([examined, at_the_door])
    return FactColumns(both.take(pa.array(np.where(door[rows], len(whole) + rows, rows))))
