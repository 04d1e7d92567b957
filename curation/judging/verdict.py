"""Judge: the record of one photo and its facts in; every reason against it and its row (of CURATED) out; pure.

A photo gets every reason that applies. Originals are asked by the rules over their facts; photos refused at the
door are asked again by today's rules over the header's facts in their record, for rules change and bytes do not.
What only all photos together tell (copies, splits, the cap of an owner) is decided in `curation.judging.copies` and
`curation.judging.splits`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from corpus.catalogue import Camera, Catalogue
from corpus.records import CURATED
from corpus.sections import Curation, Rules
from curation.consensus import Claim, claims
from curation.facts.examine import Trouble
from curation.judging.splits import group_of
from curation.reasons import in_funnel_order
from curation.rules import LEARNED, RULES, TOO_LITTLE_SUPPORT, judge_facts
from forensics.photo_facts import PhotoFacts, facts_of_row

Row = dict[str, Any]

_FROM_RECORD = (
    *("photo", "version", "source", "original", "sha256", "size_bytes", "error", "claimed_camera", "page_url"),
    *("title", "owner_id", "owner_name", "licence", "licence_url", "uploaded_at"),
)
_FROM_FACTS = (
    *("make", "model", "software", "width_px", "height_px", "coding", "subsampling", "mcu_width_px"),
    *("mcu_height_px", "quality_factor", "quality_residual", "tables_digest", "segments_digest", "scan_digest"),
    *("taken_at", "editor_marks"),
)
_BY_FACTS = frozenset(rule.__name__ for rule in RULES) | {"camera_not_chosen", TOO_LITTLE_SUPPORT, "label_disagrees"}
"""Reasons that facts give: asked anew, so what the door said then does not count."""
_OF_CHOICE = frozenset({"camera_not_chosen", TOO_LITTLE_SUPPORT, "not_downloaded"})
"""Reasons that say nothing of the photo itself."""


@dataclass(frozen=True)
class Criteria:
    """What photos are judged by."""

    catalogue: Catalogue
    """Every camera known, with what was learned of it."""
    chosen: Catalogue
    """Those that enter the data set."""
    rules: Rules
    curation: Curation


class Evidence(NamedTuple):
    """What is known of one photo beside its record."""

    facts: PhotoFacts | None
    reasons: frozenset[str]
    """Those that no rule over facts gives."""
    error: str | None
    perceptual_hash: str | None = None


def evidence_of(record: Row, examined: Row | None, trouble: Trouble | None = None) -> Evidence:
    """Return what is known of a photo.

    `record`: a row of RECORD; `examined`: its row of EXAMINED; `trouble`: why it could not be examined.
    """
    if record["state"] == "stored":
        return _of_original(record, examined, trouble)
    facts = facts_of_row(record["facts"]) if record.get("facts") is not None else None
    reasons = frozenset(record.get("reasons") or ())
    if facts is not None:
        reasons -= _BY_FACTS
    if record["state"] == "deleted":
        reasons = frozenset({"deleted_at_source"})
    elif record["state"] != "refused" and not reasons:
        reasons = frozenset({"download_failed"})
    return Evidence(facts, reasons, record.get("error"))


def verdict(record: Row, evidence: Evidence, law: Criteria) -> Row:
    """Return the row of CURATED of one photo as far as it can be judged alone: not `kept`, `split` and `fold`."""
    facts = evidence.facts
    row: Row = dict.fromkeys(CURATED.names) | {name: record.get(name) for name in _FROM_RECORD}
    camera, reasons = objections(record, evidence, law)
    if facts is not None:
        row["camera"] = camera.key if camera else None
        row.update({name: getattr(facts, name) for name in _FROM_FACTS})
    row["version"] = record.get("version") or ""
    row["perceptual_hash"] = evidence.perceptual_hash
    row["error"] = evidence.error or (facts.exif_error if facts else None)
    row["group"] = group_of(row["camera"], facts.serial_number if facts else None, row["source"] or "", row["owner_id"])
    row["reasons"] = list(reasons)
    return row


def objections(record: Row, evidence: Evidence, law: Criteria) -> tuple[Camera | None, tuple[str, ...]]:
    """Return a photo's camera and every reason against it that the photo alone gives, in the order of the funnel."""
    camera, reasons = None, set(evidence.reasons)
    if evidence.facts is not None:
        label = record.get("labelled_camera")
        camera, found = judge_facts(evidence.facts, law.catalogue, law.chosen, law.rules, label)
        reasons |= set(found)
    if record["state"] == "refused" and not reasons:
        reasons = {"not_downloaded"}
    return camera, in_funnel_order(reasons)


def clean_claims(record: Row, evidence: Evidence, law: Criteria) -> Iterator[Claim]:
    """Yield what a photo shows of its camera where nothing objects but what has yet to be learned."""
    if evidence.facts is None:
        return
    camera, reasons = objections(record, evidence, law)
    if camera is not None and not set(reasons) - LEARNED - _OF_CHOICE:
        yield from claims(evidence.facts, camera)


def _of_original(record: Row, examined: Row | None, trouble: Trouble | None) -> Evidence:
    if trouble is not None:
        return Evidence(None, frozenset({trouble.reason}), trouble.error)
    if examined is None:
        return Evidence(None, frozenset({"not_examined"}), None)
    if examined["sha256"] != record["sha256"]:
        text = f"examined bytes had SHA-256 {examined['sha256']}, the record says {record['sha256']}"
        return Evidence(None, frozenset({"original_damaged"}), text)
    if examined.get("facts") is None:
        return Evidence(None, frozenset({"unreadable"}), examined.get("error"))
    found = {
        "undecodable": examined.get("pixel_error"),
        "foreign_grid": examined.get("foreign_grid"),
        "compressed_twice": examined.get("first_quality_factor"),
    }
    reasons = frozenset(reason for reason, value in found.items() if value is not None)
    facts = facts_of_row(examined["facts"])
    return Evidence(facts, reasons, examined.get("pixel_error"), examined.get("perceptual_hash"))
