"""Uploads: what uploads alone say, by their records and facts: what they show of their cameras, and their verdicts.

These are the verdicts of `curation.judging.columns`, without any past, and what a refresh finds uploads by.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.generations import Past
from curation.judging.arrays.distinct import codes_of
from curation.judging.arrays.numbers import numbers_of
from curation.judging.columns.evidence import EvidenceColumns, evidence_columns
from curation.judging.columns.verdicts import CLAIMS, Troubles, claims_by_row, owner_numbers, picture_numbers, verdicts
from curation.judging.refresh.state.index import number_of
from curation.judging.refresh.state.parts import ALONE, hex_numbers
from curation.judging.verdict import VERDICT, Criteria

Numbers = npt.NDArray[Any]

NOBODY = np.uint64(number_of(""))
"""The number of an owner whom a site does not name (`columns.verdicts.owner_numbers`)."""


class Claims(NamedTuple):
    """What clean uploads show of their cameras; the first columns are those of `columns.verdicts.CLAIMS`."""

    value: npt.NDArray[np.uint64]
    owner: npt.NDArray[np.uint64]
    content: npt.NDArray[np.uint64]
    row: npt.NDArray[np.int64]
    """The place of each among the uploads."""
    pictures: npt.NDArray[np.uint64]
    """Of each upload, clean or not: a number for its picture, `_content` of ALONE."""
    values: pa.Table
    """Columns as in `columns.verdicts.VALUES`."""


def claims_in(uploads: pa.Table, base: Criteria, troubles: Troubles) -> Claims:
    """Return what clean uploads show of their cameras; `uploads`: columns as in `gather.UPLOADS`."""
    claims, rows, values = claims_by_row(uploads, base, troubles)
    value, owner, content = (claims[name].to_numpy() for name in CLAIMS.names)
    pictures = picture_numbers(uploads, evidence_columns(uploads, troubles))
    return Claims(value, owner, content, rows, pictures, values)


def joined(claims: Iterable[Claims]) -> Claims:
    """Return the claims of several tables of uploads as one; `row` is the place in its own table."""
    of = list(claims)
    if len(of) == 1:
        return of[0]
    value, owner, content, row, pictures = (np.concatenate(column) for column in list(zip(*of, strict=True))[:-1])
    values = pa.concat_tables([one.values for one in of]).group_by(["value", "spelled"]).aggregate([("text", "max")])
    return Claims(value, owner, content, row, pictures, values.rename_columns(of[0].values.column_names))


def alone(
    uploads: pa.Table, claimed: Claims, base: Criteria, criteria: Criteria, troubles: Troubles, nothing: Past
) -> pa.Table:
    """Return the verdict on each upload alone, columns as in ALONE; `nothing`: a past without a generation."""
    table = verdicts(uploads, criteria, troubles, nothing, {})
    evidence = evidence_columns(uploads, troubles)
    reasons = codes_of(table["reasons"])
    told = table["reasons"].take(pa.array(reasons.firsts)).to_pylist()
    device, owner_id = (table[name].combine_chunks() for name in ("device", "owner_id"))
    camera, owner_id = (pc.if_else(pc.equal(text, ""), None, text) for text in (table["camera"], owner_id))
    source = pc.fill_null(table["source"], "None")
    of_site = pc.binary_join_element_wise(camera, source, owner_id, "\n")
    owner, sha = owner_numbers(uploads), _sha_numbers(table["sha256"])
    scan = _sha_numbers(table["scan_digest"])
    of_nobody = _numbers(pc.binary_join_element_wise(source, "", "\n"))
    made = {
        "_photo": numbers_of(table["photo"]),
        "_owner": owner,
        "_content": claimed.pictures,
        "_device": hex_numbers(device),
        "_own_group": hex_numbers(table["group"]),
        "_cap": _numbers(of_site),
        "_camera": _numbers(camera),
        "_sha": sha,
        "_scan": np.where(scan == 0, sha, scan),
        "_whom": np.where(owner == NOBODY, of_nobody, owner),
        "_is_clean": reasons.dealt([not one for one in told], bool),
        "_is_there": reasons.dealt(["deleted_at_source" not in one for one in told], bool),
        "_is_stored": pc.equal(uploads["state"], "stored"),
        "_is_deleted": pc.equal(uploads["state"], "deleted"),
        "_named": _named(evidence, base, len(uploads)),
        "_labelled": _numbers(uploads["labelled_camera"]),
        "_claims": _listed(claimed.row, claimed.value, len(uploads)),
    }
    columns = [table[name] if name in VERDICT.names else made[name] for name in ALONE.names]
    return pa.table([pa.array(one) if isinstance(one, np.ndarray) else one for one in columns], ALONE)


def _sha_numbers(digests: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Return the first 64 bits of digests; 0 where one is not known."""
    return hex_numbers(pc.if_else(pc.equal(digests, ""), None, pc.utf8_slice_codeunits(digests, 0, 16)))


def _named(evidence: EvidenceColumns, base: Criteria, number: int) -> npt.NDArray[np.uint64]:
    """Return the camera that each upload's EXIF names as a number, 0 where it names none that is known."""

    def key(facts: Any) -> str | None:
        camera = base.catalogue.identify(facts.make, facts.model)
        return camera.key if camera else None

    codes, told = evidence.facts.told(("make", "model"), key)
    found = np.full(number, None, object)
    found[evidence.rows] = codes.dealt(told, object)
    return _numbers(pa.chunked_array([pa.array(found, pa.string())]))


def _numbers(texts: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Return a number for each text, 0 for null."""
    codes = codes_of(texts)
    distinct = texts.take(pa.array(codes.firsts))
    found = np.zeros(codes.number, np.uint64)
    found[np.asarray(distinct.is_valid())] = numbers_of(distinct.drop_null())
    dealt: npt.NDArray[np.uint64] = found[codes.codes]
    return dealt


def _listed(rows: Numbers, values: Numbers, number: int) -> pa.Array:
    """Return lists of the values of each row; `rows`: the row of each value."""
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows.astype(np.int64), minlength=number))]).astype(np.int32)
    ordered = values[np.argsort(rows, kind="stable")]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(ordered, pa.uint64()))
