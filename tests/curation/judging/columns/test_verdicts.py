"""Verdicts on a table of uploads are the verdicts on each of them, whatever befell it."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.records import CURATED, EXAMINED, RECORD, ExaminedRow, RecordRow, full_row
from corpus.sections import Curation, Rules
from corpus.storage import open_store
from curation.facts.examine import PhotoKey, Trouble, facts_row
from curation.generations import Past
from curation.judging.arrays.numbers import numbers_of
from curation.judging.columns.verdicts import claims_of, shot_of, verdicts
from curation.judging.copies.members import coarseness
from curation.judging.gather import UPLOADS
from curation.judging.verdict import Criteria, clean_claims, evidence_of, verdict
from curation.rules import software_signs

SOME = st.sampled_from
STATES = SOME(["stored", "stored", "stored", "refused", "deleted", "failed", "a new state"])
REASONS = SOME(
    [None, [], ["download_forbidden"], ["low_quality_factor"], ["an_old_idea", "not_a_photo"], ["truncated"]]
)
CHANGES = st.fixed_dictionaries(
    {
        "coding": SOME(["baseline", "progressive"]), "model": SOME(["Nexus 5X", "iPhone 6", "Z650", None, ""]),
        "serial_number": SOME([None, "SN0001", "0000"]), "taken_at": SOME([None, "", "2016:05:01 10:11:12", "0000"]),
        "exif_error": SOME([None, "cut"]), "thumbnail_bytes": SOME([None, 5000]),
        "scan_digest": SOME([None, "", "ab" * 16]), "editor_marks": SOME([(), ("app13: Photoshop 3.0",)]),
        "is_complete": SOME([True, False, None]), "segments_form": SOME(["", "APP1:Exif DQT SOS"]),
    }
)  # fmt: skip
UPLOAD = st.fixed_dictionaries(
    {
        "state": STATES, "reasons": REASONS, "source": SOME(["flickr", "folder", None]),
        "owner": SOME([None, "", "ann", "bob"]), "label": SOME([None, None, "iphone-6", "gone"]),
        "version": SOME(["v", None]), "sha256": SOME([None, "aa" * 32]), "site_sha1": SOME([None, "cc" * 20]),
        "error": SOME([None, "", "HTTP 500"]), "door": st.none() | CHANGES, "trouble": SOME([None, None, None, "lost"]),
        "examined": st.none()
        | st.fixed_dictionaries(
            {
                "sha256": SOME([None, "aa" * 32, "aa" * 32, "bb" * 32]), "error": SOME([None, None, "not a JPEG"]),
                "pixel_error": SOME([None, None, "", "cut"]), "foreign_grid": SOME([None, None, "0,1"]),
                "first_quality_factor": SOME([None, None, 70]), "perceptual_hash": SOME([None, "ab" * 32]),
                "facts": st.none() | CHANGES,
            }
        ),
    }
)  # fmt: skip


def rows_of(told, photo):
    """Return the record and the row of facts of each drawn upload."""
    for place, one in enumerate(told):
        facts = None if one["door"] is None else facts_row(photo(**one["door"]))
        record = dict.fromkeys(RECORD.names) | {
            "photo": f"flickr:{place:03d}", "source": one["source"], "owner_id": one["owner"], "facts": facts,
            "labelled_camera": one["label"],
        }  # fmt: skip
        record |= {name: one[name] for name in ("state", "reasons", "version", "sha256", "error", "site_sha1")}
        found = None
        if one["examined"] is not None:
            inner = one["examined"]["facts"]
            facts = None if inner is None else facts_row(photo(**inner))
            key = {name: record[name] for name in ("photo", "version")}
            found = dict.fromkeys(EXAMINED.names) | one["examined"] | key | {"facts": facts}
        yield full_row(RecordRow, record), None if found is None else full_row(ExaminedRow, found)


@settings(deadline=None, max_examples=60)
@given(told=st.lists(UPLOAD, max_size=9))
def test_a_table_of_uploads_gets_the_verdicts_and_the_claims_of_each_upload(told, photo, catalogue, tmp_path_factory):
    rows = list(rows_of(told, photo))
    keys = [PhotoKey(record["photo"], record["version"] or "") for record, _ in rows]
    troubles = {
        key: Trouble(key, "original_lost", "no file")
        for key, one in zip(keys, told, strict=True)
        if one["trouble"] is not None
    }
    criteria = Criteria(catalogue.opened(), catalogue.only(("nexus-5x",)), Rules(), Curation())
    table = pa.Table.from_pylist([record | {"examined": found} for record, found in rows], UPLOADS)
    store = open_store(str(tmp_path_factory.getbasetemp()))
    found = verdicts(table, criteria, troubles, Past(store, None), {}).to_pylist()
    claims, values = claims_of(table, criteria, troubles)
    wanted_claims = []
    for key, (record, examined), row in zip(keys, rows, found, strict=True):
        evidence = evidence_of(record, troubles.get(key) or examined)
        wanted = verdict(record, evidence, criteria)
        assert {name: row[name] for name in CURATED.names if name not in ("kept", "has_side")} == {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in wanted.items()
            if name not in ("kept", "has_side")
        }
        facts = evidence.facts
        assert row["shot"] == shot_of(facts)
        assert row["software_signs"] == (software_signs(facts) if facts else 0)
        assert row["coarseness"] == (coarseness(facts) if facts else 0.0)
        wanted_claims += [
            f"{one.camera}\n{one.aspect}\n{one.value}" for one in clean_claims(record, evidence, criteria)
        ]
    assert sorted(claims["value"].to_pylist()) == sorted(numbers_of(pa.array(wanted_claims, pa.string())).tolist())
    assert set(values["spelled"].to_pylist()) == set(wanted_claims)


@pytest.mark.parametrize("number", [0, 3])
def test_photos_refused_at_the_door_alone_are_judged_too_and_so_is_no_photo_at_all(number, photo, catalogue, tmp_path):
    facts = facts_row(photo())
    rows = [{"photo": f"flickr:{n}", "state": "refused", "reasons": [], "facts": facts} for n in range(number)]
    table = pa.Table.from_pylist(rows, UPLOADS)
    criteria = Criteria(catalogue, catalogue, Rules(), Curation())
    found = verdicts(table, criteria, {}, Past(open_store(str(tmp_path)), None), {})
    assert found["reasons"].to_pylist() == [["not_downloaded"]] * number
