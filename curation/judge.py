"""Judge: all records and all facts in, a verdict on every photo out (rows of CURATED); pure.

A photo gets every reason that applies. Originals are asked by the rules over their facts; photos refused at the
door are asked again by today's rules over the header's facts in their record, for rules change and bytes do not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from corpus.catalogue import Catalogue
from corpus.records import CURATED
from corpus.sections import Curation, Rules
from curation.duplicates import Candidate, duplicates
from curation.examine import PhotoKey, Trouble
from curation.reasons import in_funnel_order
from curation.rules import RULES, judge_facts
from curation.splitting import assign_splits, group_of
from forensics.photo_facts import PhotoFacts, facts_of_row

Row = dict[str, Any]

_FROM_RECORD = (
    *("photo", "version", "source", "original", "sha256", "size_bytes", "error", "claimed_camera", "page_url"),
    *("title", "owner_id", "owner_name", "licence", "licence_url", "uploaded_at"),
)
_FROM_FACTS = (
    *("make", "model", "software", "width_px", "height_px", "coding", "subsampling", "mcu_width_px"),
    *("mcu_height_px", "quality_factor", "quality_residual", "taken_at", "editor_marks"),
)
_BY_FACTS = frozenset(rule.__name__ for rule in RULES) | {"camera_not_chosen", "label_disagrees"}
"""Reasons that facts give: asked anew, so what the door said then does not count."""


@dataclass(frozen=True)
class Law:
    """What photos are judged by."""

    catalogue: Catalogue
    """Every camera known."""
    chosen: Catalogue
    """Those that enter the data set."""
    rules: Rules
    curation: Curation


@dataclass(frozen=True)
class Past:
    """What the newest generation says; empty before the first."""

    ledger: Mapping[str, str]
    """Split of every group there ever was."""
    kept: frozenset[tuple[str, str]]
    """(photo, version) of the photos it kept."""


def judge(
    records: Mapping[PhotoKey, Row],
    examined: Mapping[PhotoKey, Row],
    troubles: Iterable[Trouble],
    law: Law,
    past: Past,
) -> tuple[list[Row], dict[str, str]]:
    """Return a row of CURATED for every record, ordered by key, and the ledger: the split of every group.

    `troubles`: originals that could not be examined. Nothing is dropped: as many rows as records.
    """
    trouble_of = {trouble.key: trouble for trouble in troubles}
    rows = [_verdict(record, examined.get(key), trouble_of.get(key), law) for key, record in sorted(records.items())]
    candidates = [
        Candidate(row["photo"], row["version"], row["sha256"], row["uploaded_at"]) for row in rows if not row["reasons"]
    ]
    copies = duplicates(candidates, past.kept)
    for row in rows:
        if (row["photo"], row["version"]) in copies:
            row["reasons"] = ["duplicate"]
        row["kept"] = not row["reasons"]
    kept = [(row["camera"], row["group"]) for row in rows if row["kept"]]
    ledger = assign_splits(past.ledger, kept, test=law.curation.test, validation=law.curation.validation)
    for row in rows:
        row["split"] = ledger[row["group"]] if row["kept"] else None
    return rows, ledger


def _verdict(record: Row, examined: Row | None, trouble: Trouble | None, law: Law) -> Row:
    """Return the row of one photo as far as it can be judged alone."""
    row: Row = dict.fromkeys(CURATED.names) | {name: record[name] for name in _FROM_RECORD}
    if record["state"] == "stored":
        facts, reasons, error = _of_original(record, examined, trouble)
    else:
        facts, reasons, error = _of_absent(record)
    if facts is not None:
        camera, objections = judge_facts(facts, law.catalogue, law.chosen, law.rules, record["labelled_camera"])
        reasons |= set(objections)
        row["camera"] = camera.key if camera else None
        row.update({name: getattr(facts, name) for name in _FROM_FACTS})
    if record["state"] == "refused" and not reasons:
        reasons = {"not_downloaded"}
    row["version"] = record["version"] or ""
    row["error"] = error or (facts.exif_error if facts else None)
    row["group"] = group_of(
        row["camera"], facts.serial_number if facts else None, record["source"] or "", record["owner_id"]
    )
    row["reasons"] = list(in_funnel_order(reasons))
    return row


def _of_original(
    record: Row, examined: Row | None, trouble: Trouble | None
) -> tuple[PhotoFacts | None, set[str], str | None]:
    """Return the facts of a stored original, the reasons that no rule gives, and the error in words."""
    if trouble is not None:
        return None, {trouble.reason}, trouble.error
    if examined is None:
        return None, {"not_examined"}, None
    if examined["sha256"] != record["sha256"]:
        text = f"examined bytes had SHA-256 {examined['sha256']}, the record says {record['sha256']}"
        return None, {"original_damaged"}, text
    if examined["facts"] is None:
        return None, {"unreadable"}, examined["error"]
    reasons = {"undecodable"} if examined["pixel_error"] else set()
    return facts_of_row(examined["facts"]), reasons, examined["pixel_error"]


def _of_absent(record: Row) -> tuple[PhotoFacts | None, set[str], str | None]:
    """Return the same of a photo whose original is not in the store."""
    facts = facts_of_row(record["facts"]) if record["facts"] is not None else None
    reasons = set(record["reasons"] or ())
    if facts is not None:
        reasons -= _BY_FACTS
    if record["state"] == "deleted":
        reasons = {"deleted_at_source"}
    elif record["state"] != "refused" and not reasons:
        reasons = {"download_failed"}
    return facts, reasons, record["error"]
