"""Verdict: judge one photo by its record and its facts: its row with every reason against it; pure.

A photo gets every reason that applies. The rules are asked about the facts of originals; photos refused at the door are
judged anew by today's rules on the facts of the header that their record has, since rules change and bytes do not. What
only all photos together tell (copies, splits, the cap of an owner) is decided in `curation.judging.copies.decision` and
`curation.judging.splits`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import pyarrow as pa

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.records import CURATED, FACTS, RECORD, ExaminedRow, JudgedRow, RecordRow, Text, full_row, schema_of
from corpus.sections import Curation, Rules
from curation.consensus import Claim, claims
from curation.facts.examine import KILLS_EXAMINER, NOT_EXAMINED, ORIGINAL_DAMAGED, Trouble
from curation.judging.devices import device_of
from curation.judging.splits import group_of
from curation.reasons import in_funnel_order
from curation.rules import LEARNED, RULES, TOO_LITTLE_SUPPORT, judge_facts
from forensics.photo_facts import PhotoFacts, facts_of_row

FROM_RECORD = tuple(name for name in CURATED.names if name in RECORD.names and name != "reasons")
FROM_FACTS = tuple(name for name in CURATED.names if name in FACTS.names)
"""Columns of a verdict that are those of its record and of its facts."""
BY_FACTS = frozenset(rule.__name__ for rule in RULES) | {"camera_not_chosen", TOO_LITTLE_SUPPORT, "label_disagrees"}
"""Reasons that follow from facts: they are found anew, so those that the door gave do not count."""
OF_CHOICE = frozenset({"camera_not_chosen", TOO_LITTLE_SUPPORT, "not_downloaded"})
"""Reasons that say nothing of the photo itself."""


class VerdictRow(JudgedRow):
    """A row of CURATED with what the judgement of the whole corpus needs beside it."""

    id: Annotated[int, pa.uint64()]
    is_proved: Annotated[bool, pa.bool_()]  # whether its tables and form of header are its camera's own
    kept_before: Annotated[bool, pa.bool_()]  # by the newest generation
    device: Text  # the group named after its device, null where no serial number tells it
    serial: Text  # maker, model and serial number as written, a line each; null where they tell no device
    shot: Annotated[int | None, pa.uint64()]  # camera, serial number and second, hashed; null where EXIF does not say
    thumbnail_bytes: Annotated[int | None, pa.int32()]
    coarseness: Annotated[float, pa.float64()]  # of its tables, see `curation.judging.copies.members.coarseness`
    software_signs: Annotated[int, pa.int8()]  # see `curation.judging.copies.members.software_signs`


VERDICT = schema_of(VerdictRow)


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
    """Those that no rule gives."""
    error: str | None
    perceptual_hash: str | None = None


def evidence_of(record: RecordRow, examined: ExaminedRow | Trouble | None) -> Evidence:
    """Return what is known of a photo; `examined`: its facts, or why it could not be examined."""
    if record["state"] == "stored":
        return _of_original(record, examined)
    if record["state"] == "deleted" and _is_of_bytes(examined, record):
        known = _of_original(record, examined)
        return known._replace(reasons=known.reasons | {"deleted_at_source"})
    facts = facts_of_row(record["facts"]) if record["facts"] is not None else None
    reasons = frozenset(record["reasons"] or ())
    if facts is not None:
        reasons -= BY_FACTS
    if record["state"] == "deleted":
        reasons = frozenset({"deleted_at_source"})
    elif record["state"] != "refused" and not reasons:
        reasons = frozenset({"download_failed"})
    return Evidence(facts, reasons, record["error"])


def verdict(record: RecordRow, evidence: Evidence, criteria: Criteria) -> JudgedRow:
    """Return the row of one photo as far as it can be judged alone: not `kept`, `split` and `fold`."""
    facts, said = evidence.facts, dict[str, Any](record)
    camera, reasons = objections(record, evidence, criteria)
    found = {name: getattr(facts, name) for name in FROM_FACTS} if facts is not None else {}
    row: JudgedRow = full_row(JudgedRow, {name: said[name] for name in FROM_RECORD} | found)
    row["camera"] = camera.key if camera else None
    row["version"] = record["version"] or ""
    row["perceptual_hash"] = evidence.perceptual_hash
    row["error"] = evidence.error or (facts.exif_error if facts else None)
    device = device_of(facts.make, facts.model, facts.serial_number) if facts else None
    row["group"] = group_of(device, record["source"] or "", record["owner_id"])
    row["reasons"] = list(reasons)
    return row


def objections(record: RecordRow, evidence: Evidence, criteria: Criteria) -> tuple[Camera | None, tuple[str, ...]]:
    """Return a photo's camera and every reason against it that the photo alone gives, in the order of the funnel."""
    camera, reasons = None, set(evidence.reasons)
    if evidence.facts is not None:
        label = record["labelled_camera"]
        camera, found = judge_facts(evidence.facts, criteria.catalogue, criteria.chosen, criteria.rules, label)
        reasons |= set(found)
    if record["state"] == "refused" and not reasons:
        reasons = {"not_downloaded"}
    return camera, in_funnel_order(reasons)


def clean_claims(record: RecordRow, evidence: Evidence, criteria: Criteria) -> Iterator[Claim]:
    """Yield what a photo shows of its camera, unless a reason speaks against it that does not rest on learning."""
    if evidence.facts is None:
        return
    camera, reasons = objections(record, evidence, criteria)
    if camera is not None and not set(reasons) - LEARNED - OF_CHOICE:
        yield from claims(evidence.facts, camera)


def _is_of_bytes(examined: ExaminedRow | Trouble | None, record: RecordRow) -> bool:
    return isinstance(examined, dict) and examined["sha256"] == record["sha256"] and examined["facts"] is not None


def _of_original(record: RecordRow, examined: ExaminedRow | Trouble | None) -> Evidence:
    if isinstance(examined, Trouble):
        return Evidence(None, frozenset({examined.reason}), examined.error)
    if examined is None:
        return Evidence(None, frozenset({NOT_EXAMINED}), None)
    if examined["sha256"] != record["sha256"]:
        text = f"examined bytes had SHA-256 {examined['sha256']}, the record says {record['sha256']}"
        return Evidence(None, frozenset({ORIGINAL_DAMAGED}), text)
    if examined["facts"] is None and examined["error"] is None:
        return Evidence(None, frozenset({KILLS_EXAMINER}), examined["pixel_error"])
    if examined["facts"] is None:
        return Evidence(None, frozenset({"unreadable"}), examined["error"])
    found = {
        "undecodable": examined["pixel_error"],
        "foreign_grid": examined["foreign_grid"],
        "compressed_twice": examined["first_quality_factor"],
    }
    reasons = frozenset(reason for reason, value in found.items() if value is not None)
    return Evidence(facts_of_row(examined["facts"]), reasons, examined["pixel_error"], examined["perceptual_hash"])
