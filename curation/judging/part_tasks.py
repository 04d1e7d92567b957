"""Part tasks: the functions that Dask workers apply to each part of the corpus; they read nothing but the past.

Between them a verdict is a row of a frame with the columns of `VerdictRow`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import CURATED, ExaminedRow, JudgedRow, RecordRow, full_row
from corpus.takedowns import REASON as FORGOTTEN
from curation.cluster.frames import TEXT, frame_of, frame_of_rows
from curation.consensus import OWNERS_SEEN_MAX
from curation.facts.examine import PhotoKey, Trouble
from curation.generations import Before, Ledger, Moved, Past
from curation.judging.copies import CopyVerdict
from curation.judging.copy_pairs import keys_of
from curation.judging.counts import Tally, tally
from curation.judging.devices import DEVICE_ON_TWO_SIDES, DeviceSides, has_serial
from curation.judging.given_splits import NO_FOLD, GivenSplits, Refusal, Vote
from curation.judging.members import COLUMNS, MEMBERS, Standing, coarseness, member_row, standing_of
from curation.judging.verdict import VERDICT, Criteria, Evidence, VerdictRow, clean_claims, evidence_of, verdict
from curation.reasons import in_funnel_order
from curation.rules import has_native_tables, software_signs
from forensics.photo_facts import PhotoFacts

Troubles = Mapping[PhotoKey, Trouble]

VERDICTS = {field.name: pd.ArrowDtype(field.type) for field in VERDICT}
CLAIMS = {"value": TEXT, "owner": np.uint64, "content": np.uint64, "text": TEXT}
"""`value` is camera, aspect and value, a line each; `text` is empty in rows that another row of the part outranks."""
COUNTS = {"value": TEXT, "text": TEXT, "photos": np.int64, "owners": np.int64, "owners_seen": TEXT}
"""`owners_seen`: digests of owners in hex, see `curation.consensus.Count`."""
DEVICES = {"device": TEXT}
DEVICE_GROUPS = {"device": TEXT, "group": TEXT, "photos": np.int64, "kept_before": np.int64}
BY_OWNER = {"camera": TEXT, "owner": TEXT, "group": TEXT, "photos": np.int64}
VOTES = {
    "id": np.uint64, "camera": TEXT, "group": TEXT, "split": TEXT, "fold": np.int64, "stays": np.bool_,
}  # fmt: skip
"""Columns of `given_splits.Vote`."""
OF_OWNERS = {"camera": TEXT, "owner": TEXT, "group": TEXT, "new": np.bool_, "id": np.uint64}


class CorpusDecisions(NamedTuple):
    """What only all photos together decide."""

    copies: Mapping[int, CopyVerdict]
    beyond_cap: Collection[int]
    """Photos beyond their owner's cap, by id."""
    paired: Collection[int]
    """Photos in some pair of copies, by id; those that stay are among them."""
    ledger: Ledger
    given: Mapping[int, Refusal]
    """Photos whose given split or fold cannot hold, by id."""


def claims_of(uploads: pd.DataFrame, criteria: Criteria, troubles: Troubles) -> pd.DataFrame:
    """Return what clean photos show of their cameras, columns as in CLAIMS."""
    rows: list[tuple[str, int, int, str]] = []
    largest: dict[str, str] = {}
    for record, evidence in _uploads(uploads, troubles):
        if evidence.facts is None:
            continue
        # one picture counts once, whoever shows it; all owners that a site does not name count as one
        owner, content = _number(_owner(record)), _number(_picture(record, evidence.facts))
        for claim in clean_claims(record, evidence, criteria):
            value = f"{claim.camera}\n{claim.aspect}\n{claim.value}"
            # of several spellings of a value the largest counts, in whatever parts they are
            is_larger = claim.text > largest.get(value, "")
            rows.append((value, owner, content, claim.text if is_larger else ""))
            if is_larger:
                largest[value] = claim.text
    return frame_of_rows(rows, CLAIMS)


def counts_of(claims: pd.DataFrame) -> pd.DataFrame:
    """Return how many photos and owners show each value, columns as in COUNTS; `claims` has all claims of a value."""
    # among copies the claim of the owner with the smallest digest counts
    single = claims.groupby(["value", "content"], sort=False)["owner"].min().reset_index()
    counted = single.groupby("value", sort=True)["owner"].agg(photos="size", owners="nunique")
    counted["text"] = claims.groupby("value", sort=True)["text"].max()
    counted["owners_seen"] = _owners_seen(single)
    return frame_of(counted.reset_index(), COUNTS)


def _owners_seen(single: pd.DataFrame) -> pd.Series:
    """Return the smallest digests of the owners of each value that is counted together with others, by value."""
    is_together = single["value"].str.contains("\ntables\n|\nsegments\n", regex=True)
    owners = single.loc[is_together, ["value", "owner"]].drop_duplicates().sort_values(["value", "owner"])
    few = owners.groupby("value").head(OWNERS_SEEN_MAX)
    return few["owner"].map("{:016x}".format).groupby(few["value"]).agg("".join)


def verdicts(
    uploads: pd.DataFrame, criteria: Criteria, troubles: Troubles, past: Past, moved: Mapping[str, Moved]
) -> pd.DataFrame:
    """Return the verdict on each photo as far as it can be judged alone, columns as in VERDICTS."""
    rows: list[VerdictRow] = []
    for record, evidence in _uploads(uploads, troubles):
        row, facts = verdict(record, evidence, criteria), evidence.facts
        serial = _serial(facts)
        signs, coarse = (software_signs(facts), coarseness(facts)) if facts else (0, 0.0)
        told = {"coarseness": coarse, "software_signs": signs, "thumbnail_bytes": facts and facts.thumbnail_bytes}
        found = {
            "id": _number(f"{row['photo']}\n{row['version']}"),
            "is_proved": _is_proved(row, facts, criteria),
            "kept_before": False,
            "has_side": False,
            "device": row["group"] if serial else None,
            "serial": serial,
            "shot": shot_of(facts),
        }
        rows.append(cast(VerdictRow, row | found | told))
    before = past.kept(rows[0]["photo"], rows[-1]["photo"]) if rows else {}
    there = Counter(row["photo"] for row in rows if "deleted_at_source" not in row["reasons"])
    for row in rows:
        known: Before | None = before.get(row["photo"])
        row["kept_before"] = known is not None and row["version"] in known.versions
        is_new = known is None or row["version"] not in known.groups
        is_here = "deleted_at_source" not in row["reasons"]
        if is_new and is_here and (from_elsewhere := moved.get(row["sha256"] or "")):
            row["group"], row["kept_before"] = from_elsewhere
            row["has_side"] = True
        elif known is not None:  # it stays in its split, whoever owns it now
            row["group"] = known.group_of(row["version"])
            row["has_side"] = True
        if there[row["photo"]] > 1:  # a replaced upload's versions: to have come first must not save the former one
            row["kept_before"] = False
    frame: pd.DataFrame = pa.Table.from_pylist(rows, VERDICT).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def devices_elsewhere(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the devices that have a photo in another group than the one named after them, a column `device`."""
    table = _table(verdicts, ["device", "group"])
    found = table.filter(pc.not_equal(table["device"], table["group"]))["device"].unique()
    return frame_of({"device": found.to_pylist()}, DEVICES)


def groups_of_devices(verdicts: pd.DataFrame, devices: Collection[str]) -> pd.DataFrame:
    """Return the numbers of photos of these devices that have their side by group, columns as in DEVICE_GROUPS."""
    table = _table(verdicts, ["device", "group", "kept_before", "has_side"]).filter(pc.field("has_side"))
    table = table.filter(pc.is_in(table["device"], value_set=pa.array(sorted(devices), pa.string())))
    counted = table.group_by(["device", "group"]).aggregate([([], "count_all"), ("kept_before", "sum")])
    columns = {"photos": counted["count_all"].to_pylist(), "kept_before": counted["kept_before_sum"].to_pylist()}
    names = {name: counted[name].to_pylist() for name in ("device", "group")}
    return frame_of(names | columns, DEVICE_GROUPS)


def on_their_side(verdicts: pd.DataFrame, sides: DeviceSides) -> pd.DataFrame:
    """Return the verdicts with the groups of devices whose photos lie in several, and the reasons that follow.

    A photo that has its side stays there, and is refused if that is not its device's; any other joins its device.
    """
    table = _table(verdicts, ["device", "group", "has_side"])
    refused_groups = pa.array(sorted(set().union(*sides.refused.values())), pa.string())
    may_change = pc.or_(pc.invert(table["has_side"]), pc.is_in(table["group"], value_set=refused_groups))
    is_of_one = pc.is_in(table["device"], value_set=pa.array(sorted(sides.group), pa.string()))
    if not pc.any(pc.and_(may_change, is_of_one)).as_py():
        return verdicts
    rows: list[VerdictRow] = _table(verdicts, VERDICT.names).to_pylist()
    for row in rows:
        device = row["device"]
        if device is None or device not in sides.group:
            continue
        if not row["has_side"]:
            row["group"] = sides.group[device]
        elif row["group"] in sides.refused.get(device, ()):
            row["reasons"] = list(in_funnel_order([*row["reasons"], DEVICE_ON_TWO_SIDES]))
    frame: pd.DataFrame = pa.Table.from_pylist(rows, VERDICT).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def keys(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return what copies are found by, see `copy_pairs.keys_of`.

    A photo that its site has deleted is found by its look alone, and one that was altered not by its look: it is no
    evidence. A file that was deleted from a folder is a copy of nothing, and nothing is a copy of it: its bytes may lie
    elsewhere now.
    """
    table = _table(verdicts, ["id", "sha256", "scan_digest", "perceptual_hash", "shot", "source", "reasons"])
    sha256, scans, hashes, shots, sources, reasons = (table[name].to_pylist() for name in table.column_names[1:])
    is_there = ["deleted_at_source" not in of for of in reasons]
    is_known = [there or source != "folder" for there, source in zip(is_there, sources, strict=True)]
    is_seen = [known and standing_of(of) != Standing.ALTERED for known, of in zip(is_known, reasons, strict=True)]
    stored, coded = (_where(is_there, digests) for digests in (sha256, scans))
    return keys_of(table["id"].to_numpy(), stored, coded, _where(is_seen, hashes), _where(is_known, shots))


def _where(mask: list[bool], values: list[Any]) -> list[Any]:
    return [value if is_there else None for is_there, value in zip(mask, values, strict=True)]


def members(verdicts: pd.DataFrame, ids: Collection[int]) -> pd.DataFrame:
    """Return the photos with these ids, columns as in MEMBERS."""
    table = _table(verdicts, list(COLUMNS))
    is_wanted = pa.array([one in ids for one in table["id"].to_pylist()], pa.bool_())
    return frame_of_rows([member_row(row) for row in table.filter(is_wanted).to_pylist()], MEMBERS)


def by_owner(verdicts: pd.DataFrame, copies: Collection[int]) -> pd.DataFrame:
    """Return the numbers of photos that stay by camera, owner and group, columns as in BY_OWNER."""
    rows = [(row["camera"], _owner(row), row["group"]) for row in _staying(verdicts, copies)]
    frame = pd.DataFrame(rows, columns=["camera", "owner", "group"], dtype=TEXT)
    return frame_of(frame.groupby(["camera", "owner", "group"], sort=True).size().reset_index(name="photos"), BY_OWNER)


def of_owners(verdicts: pd.DataFrame, copies: Collection[int], above: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Return the staying photos of the cameras and owners `above` the cap, columns as in OF_OWNERS."""
    rows = [
        (row["camera"], _owner(row), row["group"], not row["kept_before"], row["id"])
        for row in _staying(verdicts, copies)
        if (row["camera"], _owner(row)) in above
    ]
    return frame_of_rows(rows, OF_OWNERS)


def votes(
    verdicts: pd.DataFrame, copies: Mapping[int, CopyVerdict], beyond_cap: Collection[int], given: GivenSplits
) -> pd.DataFrame:
    """Return the given answers for photos that stay, and for copies of some, columns as in VOTES."""
    rows: list[Vote] = []
    table = _table(verdicts, ["id", "photo", "sha256", "camera", "group", "reasons"])
    for row in table.to_pylist():
        copy = copies.get(row["id"])
        group = copy.group if copy else row["group"]
        if row["reasons"] or group is None or row["id"] in beyond_cap:
            continue
        for split, fold in given.answers(row["photo"], row["sha256"]):
            answer = (split or "", NO_FOLD if fold is None else fold)
            rows.append(Vote(row["id"], row["camera"], group, *answer, copy is None))
    return frame_of_rows(rows, VOTES)


def finished(verdicts: pd.DataFrame, decisions: CorpusDecisions) -> tuple[pa.Table, list[bytes], Tally]:
    """Return the rows of CURATED of a part, a digest of each, and their counts."""
    rows: list[VerdictRow] = _table(verdicts, VERDICT.names).to_pylist()
    for row in rows:
        copy_verdict = decisions.copies.get(row["id"])
        if copy_verdict is not None:
            row["reasons"] = list(in_funnel_order([*row["reasons"], copy_verdict.reason]))
            row["duplicate_of"] = copy_verdict.of
            if copy_verdict.group is not None:  # if the photo that stays goes one day, its copy is in the same split
                row["group"] = copy_verdict.group
        elif row["id"] in decisions.beyond_cap:
            row["reasons"] = ["beyond_owner_cap"]
        refusal = decisions.given.get(row["id"])
        if refusal is not None:
            row["reasons"] = list(in_funnel_order([*row["reasons"], refusal.reason]))
            row["error"] = row["error"] or refusal.text
        row["kept"] = not row["reasons"]
        is_copy_of_kept = row["duplicate_of"] is not None and row["group"] in decisions.ledger.splits
        row["has_side"] = (row["has_side"] or row["kept"] or is_copy_of_kept) and FORGOTTEN not in row["reasons"]
        if row["kept"]:
            row["split"], row["fold"] = decisions.ledger.splits[row["group"]], decisions.ledger.folds[row["group"]]
    curated = (list(row.values())[: len(CURATED)] for row in rows)  # the columns of VERDICT begin with these
    digests = [hashlib.sha256(json.dumps(values).encode()).digest() for values in curated]
    return pa.Table.from_pylist(rows, CURATED), digests, tally(rows, decisions.paired)


def _uploads(frame: pd.DataFrame, troubles: Troubles) -> Iterator[tuple[RecordRow, Evidence]]:
    texts = (frame[name].to_numpy(dtype=object) for name in ("record", "examined"))
    for record_text, examined_text in zip(*texts, strict=True):
        record: RecordRow = full_row(RecordRow, json.loads(record_text))
        trouble = troubles.get(PhotoKey(record["photo"], record["version"] or ""))
        examined = full_row(ExaminedRow, json.loads(examined_text)) if examined_text else None
        yield record, evidence_of(record, trouble or examined)


def _picture(record: RecordRow, facts: PhotoFacts) -> str:
    """Return what copies of a picture have in common; the scan of a photo refused at the door is not known."""
    known = facts.scan_digest or record["sha256"] or record["site_sha1"]
    if known or not facts.taken_at:
        return str(known or record["photo"])
    header = (facts.serial_number, facts.image_unique_id, facts.scan_offset_bytes, facts.thumbnail_bytes)
    return json.dumps([record["size_bytes"], facts.taken_at, facts.model, facts.tables_digest, *header])


def shot_of(facts: PhotoFacts | None) -> int | None:
    """Return a digest of what EXIF says of the shot; None where it names no model or no time."""
    if facts is None or not facts.model or not facts.taken_at or facts.taken_at[0] not in "12":  # blank or 0000
        return None
    return _number(f"{facts.make}\n{facts.model}\n{facts.serial_number}\n{facts.taken_at}")


def _is_proved(row: JudgedRow, facts: PhotoFacts | None, criteria: Criteria) -> bool:
    camera = criteria.catalogue.get(row["camera"]) if row["camera"] else None
    if camera is None or facts is None or row["reasons"]:
        return False
    return facts.segments_form in camera.segments and has_native_tables(facts, camera)


def _serial(facts: PhotoFacts | None) -> str | None:
    if facts is None or not has_serial(facts.serial_number):
        return None
    return f"{facts.make or ''}\n{facts.model or ''}\n{facts.serial_number}"


def _staying(verdicts: pd.DataFrame, copies: Collection[int]) -> Iterator[VerdictRow]:
    table = _table(verdicts, ["id", "camera", "source", "owner_id", "group", "kept_before", "reasons"])
    return (row for row in table.to_pylist() if not row["reasons"] and row["id"] not in copies)


def _owner(row: RecordRow | JudgedRow) -> str:
    return f"{row['source']}\n{row['owner_id']}" if row["owner_id"] else ""


def _table(frame: pd.DataFrame, columns: list[str]) -> pa.Table:
    return pa.Table.from_pandas(frame[columns], preserve_index=False)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


# what a refresh asks of single photos
digest_number, owner_of, picture_of, proved, serial_of = _number, _owner, _picture, _is_proved, _serial
