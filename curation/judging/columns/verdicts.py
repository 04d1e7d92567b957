"""Verdicts: the verdicts on many uploads as a table, and what clean ones show of their cameras, without other uploads.

`verdict.verdict` and `verdict.clean_claims` say the same of one.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.cameras.catalogue import Camera
from corpus.sections import Rules
from curation.consensus import SHOWS
from curation.facts.examine import PhotoKey, Trouble
from curation.generations import Moved, Past
from curation.judging.arrays.distinct import codes_of, combined
from curation.judging.arrays.numbers import digest_numbers, numbers_of
from curation.judging.columns.evidence import EvidenceColumns, evidence_columns, judgement_of, reasons_of
from curation.judging.columns.facts import FactColumns
from curation.judging.copies.members import coarseness
from curation.judging.devices import device_of
from curation.judging.splits import group_of
from curation.judging.verdict import FROM_FACTS, FROM_RECORD, OF_CHOICE, VERDICT, Criteria
from curation.rules import LEARNED, has_native_tables, software_signs
from forensics.photo_facts import PhotoFacts

Troubles = Mapping[PhotoKey, Trouble]

CLAIMS = pa.schema([("value", pa.uint64()), ("owner", pa.uint64()), ("content", pa.uint64())])
"""A row for what a clean photo shows in an aspect; `content` is the same for all copies of a picture."""
VALUES = pa.schema([("value", pa.uint64()), ("spelled", pa.string()), ("text", pa.string())])
"""The values of claims: camera, aspect and value, a line each."""

_SIGNS = ("segments", "quantisation_tables", "quality_residual", "huffman")
_PROVING = ("segments_form", "tables_digest", "quantisation_tables")
_OF_SHOT = ("make", "model", "serial_number", "taken_at")
_OF_CLAIMS = ["photo", "source", "owner_id", "sha256", "site_sha1", "size_bytes"]
_HEADER = (
    "taken_at", "model", "tables_digest", "serial_number", "image_unique_id", "scan_offset_bytes", "thumbnail_bytes",
)  # fmt: skip


def verdicts(
    uploads: pa.Table, criteria: Criteria, troubles: Troubles, past: Past, moved: Mapping[str, Moved]
) -> pa.Table:
    """Return the verdict on each photo as far as it can be judged alone, columns as in VERDICT."""
    evidence = evidence_columns(uploads, troubles)
    judgement = judgement_of(uploads, evidence, criteria)
    codes, reasons = reasons_of(evidence, judgement)
    facts, spread = evidence.facts, _Spread(evidence.rows, len(uploads))
    is_clean = codes.dealt([not one for one in reasons], bool)
    column: dict[str, Any] = {name: uploads[name].combine_chunks() for name in FROM_RECORD}
    column |= {name: spread(facts.array(name)) for name in FROM_FACTS}
    marks, forms = facts.codes("editor_marks"), facts.codes("segments_form")
    lists = pa.array([list(one) for one in facts.values("editor_marks")], pa.list_(pa.string()))
    column["editor_marks"] = spread(lists.take(pa.array(marks.codes)))
    texts = pa.array(facts.values("segments_form"), pa.string())
    column["segments_form"] = spread(texts.take(pa.array(forms.codes)))
    keys = pa.array([camera.key if camera else None for camera in judgement.cameras], pa.string())
    column["camera"] = spread(keys.take(pa.array(judgement.of.codes)))
    column["version"] = pc.fill_null(column["version"], "")
    column["perceptual_hash"] = evidence.perceptual_hash
    said = pc.if_else(pc.equal(evidence.error, ""), None, evidence.error)
    column["error"] = pc.if_else(said.is_valid(), said, spread(facts.array("exif_error")))
    column["reasons"] = pa.array([list(one) for one in reasons], pa.list_(pa.string())).take(pa.array(codes.codes))
    column |= _devices(uploads, facts, spread)
    column["id"] = pa.array(numbers_of(pc.binary_join_element_wise(column["photo"], column["version"], "\n")))
    proved = np.zeros(len(uploads), bool)
    proved[evidence.rows] = judgement.asked(_PROVING, _proves(criteria)).astype(bool)
    column["is_proved"] = pa.array(proved & is_clean)
    column["shot"] = spread(_shots(facts))
    for name, names, function, empty, kind in (
        ("coarseness", ("quantisation_tables",), coarseness, 0.0, np.float64),
        ("software_signs", _SIGNS, software_signs, 0, np.int8),
    ):
        found = np.full(len(uploads), empty, kind)
        of_facts, said_of = facts.told(names, function)
        found[evidence.rows] = of_facts.dealt(said_of, kind)
        column[name] = pa.array(found)
    column["thumbnail_bytes"] = spread(facts.array("thumbnail_bytes"))
    group, kept_before, has_side = _sides(column, past, moved)
    column |= {"group": group, "kept_before": kept_before, "has_side": has_side}
    column["kept"] = pa.array(np.zeros(len(uploads), bool))
    arrays = [column.get(field.name, pa.nulls(len(uploads), field.type)).cast(field.type) for field in VERDICT]
    return pa.Table.from_arrays(arrays, schema=VERDICT)


def claims_of(uploads: pa.Table, criteria: Criteria, troubles: Troubles) -> tuple[pa.Table, pa.Table]:
    """Return what clean photos show of their cameras, columns as in CLAIMS, and these values, as VALUES."""
    claims, _, values = claims_by_row(uploads, criteria, troubles)
    return claims, values


def claims_by_row(uploads: pa.Table, criteria: Criteria, troubles: Troubles) -> tuple[pa.Table, np.ndarray, pa.Table]:
    """Return claims, the row of `uploads` that each is of, and values; see `claims_of`."""
    evidence = evidence_columns(uploads, troubles)
    judgement = judgement_of(uploads, evidence, criteria)
    codes, reasons = reasons_of(evidence, judgement)
    learns = codes.dealt([not set(one) - LEARNED - OF_CHOICE for one in reasons], bool)[evidence.rows]
    learns &= judgement.of.dealt([camera is not None for camera in judgement.cameras], bool)
    there = np.flatnonzero(learns)
    learning = uploads.select(_OF_CLAIMS).take(pa.array(evidence.rows[there]))
    # one picture counts once, whoever shows it; all owners that a site does not name count as one
    owner, content = owner_numbers(learning), digest_numbers(_pictures(learning, evidence, there))
    columns: tuple[list[np.ndarray], ...] = ([], [], [], [])
    texts: dict[str, str] = {}
    for aspect, shows in SHOWS.items():
        both = combined([judgement.of, evidence.facts.codes(*shows.reads)])
        both = codes_of(pa.array(both.codes[there]))
        spelled: list[str | None] = []
        rows_asked = there[both.firsts]
        named = [judgement.cameras[number] for number in judgement.of.codes[rows_asked].tolist()]
        for facts, camera in zip(evidence.facts.facts(rows_asked, shows.reads), named, strict=True):
            told = shows.told(facts)
            value = None if told is None or camera is None else f"{camera.key}\n{aspect}\n{told[0]}"
            spelled.append(value)
            if told is not None and value is not None:
                # of several spellings of a value the largest counts, in whatever parts they are
                texts[value] = max(told[1], texts.get(value, ""))
        is_shown = both.dealt([one is not None for one in spelled], bool)
        numbers = both.dealt(numbers_of(pa.array([one or "" for one in spelled], pa.string())), np.uint64)
        for column, values in zip(columns, (numbers, owner, content, evidence.rows[there]), strict=True):
            column.append(values[is_shown])
    *told_of, rows = (np.concatenate(column) for column in columns)
    claims = pa.Table.from_arrays([pa.array(column) for column in told_of], schema=CLAIMS)
    names = pa.array(list(texts), pa.string())
    shown = [pa.array(numbers_of(names)), names, pa.array(list(texts.values()), pa.string())]
    return claims, rows, pa.Table.from_arrays(shown, schema=VALUES)


def picture_numbers(uploads: pa.Table, evidence: EvidenceColumns) -> np.ndarray:
    """Return a number for each row's picture, the same for all copies that are known as such; 0 without facts."""
    found = np.zeros(len(uploads), np.uint64)
    there = np.arange(len(evidence.rows))
    some = uploads.select(_OF_CLAIMS).take(pa.array(evidence.rows))
    found[evidence.rows] = digest_numbers(_pictures(some, evidence, there))
    return found


def owner_numbers(table: pa.Table) -> np.ndarray:
    """Return a number for each row's owner at its site; the same for all that a site does not name."""
    codes = combined([codes_of(table["source"]), codes_of(table["owner_id"])])
    rows = table.select(["source", "owner_id"]).take(pa.array(codes.firsts)).to_pylist()
    texts = [f"{row['source']}\n{row['owner_id']}" if row["owner_id"] else "" for row in rows]
    return np.asarray(codes.dealt(numbers_of(pa.array(texts, pa.string())), np.uint64))


class _Spread:
    """Deals values of some rows to all rows, null to the others."""

    def __init__(self, rows: np.ndarray, number: int) -> None:
        self._is_whole = len(rows) == number
        places = np.full(number, -1, np.int64)
        places[rows] = np.arange(len(rows))
        self._places = pa.array(places, mask=places < 0)

    def __call__(self, values: pa.Array) -> pa.Array:
        return values if self._is_whole else values.take(self._places)


def _devices(uploads: pa.Table, facts: FactColumns, spread: _Spread) -> dict[str, Any]:
    """Return the columns device, serial and group; a group is the device's or else the owner's."""
    codes, told = facts.told(("make", "model", "serial_number"), _device)
    found = {}
    for place, name in enumerate(("device", "serial")):
        values = pa.array([one[place] for one in told], pa.string())
        found[name] = spread(values.take(pa.array(codes.codes)))
    is_unknown = found["device"].is_null()
    unknown = uploads.select(["source", "owner_id"]).filter(is_unknown)
    owners = combined([codes_of(unknown["source"]), codes_of(unknown["owner_id"])])
    rows = unknown.take(pa.array(owners.firsts)).to_pylist()
    groups = pa.array([group_of(None, row["source"] or "", row["owner_id"]) for row in rows], pa.string())
    of_owner = groups.take(pa.array(owners.codes))
    return found | {"group": pc.replace_with_mask(found["device"], is_unknown, of_owner)}


def _device(facts: PhotoFacts) -> tuple[str | None, str | None]:
    device = device_of(facts.make, facts.model, facts.serial_number)
    return device, None if device is None else f"{facts.make or ''}\n{facts.model or ''}\n{facts.serial_number}"


def _proves(criteria: Criteria) -> Callable[[PhotoFacts, Camera | None, Rules], bool]:
    def proves(facts: PhotoFacts, named: Camera | None, _limits: Rules) -> bool:
        camera = criteria.catalogue.get(named.key) if named is not None else None
        if camera is None:
            return False
        return facts.segments_form in camera.segments and has_native_tables(facts, camera)

    return proves


def _shots(facts: FactColumns) -> pa.Array:
    """Return `shot_of` of each row."""
    make, model, serial, taken = (facts.array(name) for name in _OF_SHOT)
    begins = pc.is_in(pc.utf8_slice_codeunits(taken, 0, 1), value_set=pa.array(["1", "2"]))
    is_known = pc.and_(pc.fill_null(pc.greater(pc.binary_length(model), 0), False), begins)
    rows = pc.indices_nonzero(is_known)
    told = [pc.fill_null(column.take(rows), "None") for column in (make, model, serial, taken)]
    numbers = np.zeros(len(taken), np.uint64)
    numbers[rows.to_numpy()] = numbers_of(pc.binary_join_element_wise(*told, "\n"))
    return pa.array(numbers, mask=~is_known.to_numpy(zero_copy_only=False))


def shot_of(facts: PhotoFacts | None) -> int | None:
    """Return a digest of what EXIF says of the shot; None where it names no model or no time."""
    if facts is None or not facts.model or not facts.taken_at or facts.taken_at[0] not in "12":  # blank or 0000
        return None
    text = f"{facts.make}\n{facts.model}\n{facts.serial_number}\n{facts.taken_at}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _pictures(uploads: pa.Table, evidence: EvidenceColumns, there: np.ndarray) -> pa.Array:
    """Return what copies of a picture have in common; the scan of a photo refused at the door is not known."""
    rows = pa.array(there)
    found = evidence.facts.array("scan_digest").take(rows)
    for name in ("sha256", "site_sha1"):
        found = pc.if_else(_is_blank(found), uploads[name].combine_chunks(), found)
    unknown = np.flatnonzero(_is_blank(found).to_numpy(zero_copy_only=False))
    if not len(unknown):
        return found
    texts = found.to_pylist()
    header = {name: evidence.facts.array(name).take(rows).take(pa.array(unknown)).to_pylist() for name in _HEADER}
    own = uploads.select(["photo", "size_bytes"]).take(pa.array(unknown)).to_pylist()
    for place, (row, *told) in enumerate(zip(own, *header.values(), strict=True)):
        texts[unknown[place]] = json.dumps([row["size_bytes"], *told]) if told[0] else row["photo"]
    return pa.array(texts, pa.string())


def _is_blank(texts: pa.Array) -> pa.Array:
    return pc.fill_null(pc.equal(texts, ""), True)


def _sides(
    column: Mapping[str, pa.Array], past: Past, moved: Mapping[str, Moved]
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return the columns group, kept_before and has_side: what an earlier generation has placed stays there."""
    number = len(column["photo"])
    kept_before, has_side = np.zeros(number, bool), np.zeros(number, bool)
    before = past.kept(column["photo"][0].as_py(), column["photo"][-1].as_py()) if number else {}
    if not before and not moved:
        return column["group"], pa.array(kept_before), pa.array(has_side)
    groups = column["group"].to_pylist()
    names = ("photo", "version", "sha256", "reasons")
    rows = list(zip(*(column[name].to_pylist() for name in names), strict=True))
    there = Counter(photo for photo, _, _, reasons in rows if "deleted_at_source" not in reasons)
    for place, (photo, version, sha256, reasons) in enumerate(rows):
        known = before.get(photo)
        kept_before[place] = known is not None and version in known.versions
        is_new = known is None or version not in known.groups
        from_elsewhere = moved.get(sha256 or "") if is_new and "deleted_at_source" not in reasons else None
        if from_elsewhere is not None:
            groups[place], kept_before[place] = from_elsewhere
            has_side[place] = True
        elif known is not None:  # it stays in its split, whoever owns it now
            groups[place] = known.group_of(version)
            has_side[place] = True
        if there[photo] > 1:  # a replaced upload's versions: to have come first must not save the former one
            kept_before[place] = False
    return pa.array(groups, pa.string()), pa.array(kept_before), pa.array(has_side)
