"""Uploads: what one upload alone says, by its record and its facts: what it shows of its camera, and its verdict.

These are the functions of `curation.judging.verdict`, asked for single uploads.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from corpus.records import ExaminedRow, RecordRow, full_row
from curation.facts.examine import PhotoKey, Trouble
from curation.judging.copy_pairs import keys_of
from curation.judging.members import coarseness
from curation.judging.part_tasks import digest_number, owner_of, picture_of, proved, serial_of, shot_of
from curation.judging.part_tasks import keys as keys_of_verdicts
from curation.judging.verdict import VERDICT, Criteria, Evidence, clean_claims, evidence_of, verdict
from curation.refresh.state import ALONE
from curation.refresh.tables import number_of, sha_number
from curation.rules import software_signs

Troubles = Mapping[PhotoKey, Trouble]

Upload = tuple[RecordRow, Evidence]

CLAIMED = pa.schema(
    [
        ("value", pa.string()),
        ("text", pa.string()),
        ("owner", pa.uint64()),
        ("content", pa.uint64()),
        ("row", pa.int64()),
    ]
)
"""A claim of an upload: `value` is camera, aspect and value, a line each; `row`: its place among the uploads."""


def uploads_in(frame: pd.DataFrame, troubles: Troubles) -> Iterator[Upload]:
    """Yield each upload of a frame of `curation.judging.gather`."""
    texts = (frame[name].to_numpy(dtype=object) for name in ("record", "examined"))
    for record_text, examined_text in zip(*texts, strict=True):
        record: RecordRow = full_row(RecordRow, json.loads(record_text))
        trouble = troubles.get(PhotoKey(record["photo"], record["version"] or ""))
        examined = full_row(ExaminedRow, json.loads(examined_text)) if examined_text else None
        yield record, evidence_of(record, trouble or examined)


def inputs_numbers(frame: pd.DataFrame, troubles: Troubles) -> list[int]:
    """Return a digest of all that is known of each upload."""
    found = []
    texts = (frame[name].to_numpy(dtype=object) for name in ("record", "examined"))
    for record_text, examined_text in zip(*texts, strict=True):
        record = json.loads(record_text)
        trouble = troubles.get(PhotoKey(record["photo"], record.get("version") or ""))
        told = f"{trouble.reason}\n{trouble.error}" if trouble else ""
        found.append(number_of(f"{record_text}\n{examined_text}\n{told}"))
    return found


def claims_in(frame: pd.DataFrame, base: Criteria, troubles: Troubles) -> pa.Table:
    """Return what clean uploads show of their cameras, columns as in CLAIMED."""
    rows = []
    for place, (record, evidence) in enumerate(uploads_in(frame, troubles)):
        if evidence.facts is None:
            continue
        owner, content = digest_number(owner_of(record)), digest_number(picture_of(record, evidence.facts))
        for claim in clean_claims(record, evidence, base):
            rows.append((f"{claim.camera}\n{claim.aspect}\n{claim.value}", claim.text, owner, content, place))
    columns = zip(*rows, strict=True) if rows else [()] * len(CLAIMED)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, CLAIMED, strict=True)], CLAIMED)


def alone(frame: pd.DataFrame, claimed: pa.Table, base: Criteria, criteria: Criteria, troubles: Troubles) -> pa.Table:
    """Return the verdict on each upload alone, columns as in ALONE."""
    rows: list[dict[str, Any]] = []
    for record, evidence in uploads_in(frame, troubles):
        row, facts = verdict(record, evidence, criteria), evidence.facts
        serial = serial_of(facts)
        owner, camera = owner_of(row), row["camera"] or ""
        named = base.catalogue.identify(facts.make, facts.model) if facts else None
        told = {
            "id": digest_number(f"{row['photo']}\n{row['version']}"),
            "is_proved": proved(row, facts, criteria),
            "kept_before": False, "has_side": False,
            "device": row["group"] if serial else None, "serial": serial, "shot": shot_of(facts),
            "coarseness": coarseness(facts) if facts else 0.0,
            "software_signs": software_signs(facts) if facts else 0,
            "thumbnail_bytes": facts and facts.thumbnail_bytes,
            "_photo": number_of(row["photo"]),
            "_owner": digest_number(owner_of(record)),
            "_content": digest_number(picture_of(record, facts)) if facts else 0,
            "_device": int(row["group"], 16) if serial else 0,
            "_own_group": int(row["group"], 16),
            "_cap": number_of(f"{camera}\n{owner}") if owner and camera else 0,
            "_camera": number_of(camera) if camera else 0,
            "_sha": sha_number(row["sha256"]),
            "_is_clean": not row["reasons"],
            "_is_there": "deleted_at_source" not in row["reasons"],
            "_is_stored": record["state"] == "stored", "_is_deleted": record["state"] == "deleted",
            "_named": named.key if named else None, "_labelled": record["labelled_camera"],
        }  # fmt: skip
        rows.append({**row, **told})
    table = pa.Table.from_pylist(rows, pa.schema([field for field in ALONE if field.name not in _LISTS]))
    ids = table["id"].to_numpy()
    values = [number_of(value) for value in claimed["value"].to_pylist()]
    claims = _listed(claimed["row"].to_numpy(), np.array(values, np.uint64), len(ids))
    found = {
        "_claims": claims,
        "_keys": keys_by_row(table),
        "_inputs": pa.array(inputs_numbers(frame, troubles), pa.uint64()),
    }
    return pa.table([found[name] if name in found else table[name] for name in ALONE.names], ALONE)


_LISTS = {"_claims", "_keys", "_inputs"}


def key_frame(verdicts: pa.Table) -> pd.DataFrame:
    """Return the keys by which copies of these uploads are found, see `copy_pairs.keys_of`."""
    columns = ["id", "sha256", "scan_digest", "perceptual_hash", "shot", "source", "reasons"]
    if not len(verdicts):
        return keys_of(np.zeros(0, np.uint64), (), (), (), ())
    frame: pd.DataFrame = keys_of_verdicts(verdicts.select(columns).to_pandas(types_mapper=pd.ArrowDtype))
    return frame


def keys_by_row(verdicts: pa.Table) -> pa.Array:
    """Return the keys of each upload, a list of numbers."""
    ids, frame = verdicts["id"].to_numpy(), key_frame(verdicts)
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids, frame["id"].to_numpy(), sorter=order)]
    by_row = np.argsort(rows, kind="stable")
    return _listed(rows[by_row], frame["key"].to_numpy()[by_row], len(ids))


def _listed(rows: Any, values: Any, number: int) -> pa.Array:
    """Return lists of the values of each row; `rows`: the row of each value, in order."""
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows.astype(np.int64), minlength=number))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, pa.uint64()))


VERDICT_NAMES = VERDICT.names
