"""Judgement: every record gets its row and every reason that applies, from the records and the facts alone."""

import pytest

from corpus.catalogue import Catalogue
from corpus.records import CURATED, EXAMINED, RECORD
from corpus.sections import Curation, Rules
from curation.examine import PhotoKey, Trouble, facts_row
from curation.inputs import best_records, waiting
from curation.judge import Law, Past, judge
from forensics.photo_facts import facts_of_row

NOTHING = Past({}, frozenset())


def record(site_id, state="stored", **columns):
    row = dict.fromkeys(RECORD.names) | {
        "photo": f"flickr:{site_id}", "version": "v", "source": "flickr", "state": state, "owner_id": "ann",
        "sha256": f"{site_id:0>8}" if state == "stored" else None, "reasons": [],
    }  # fmt: skip
    return row | columns


def examined(row, facts=None, **columns):
    found = dict.fromkeys(EXAMINED.names) | {"photo": row["photo"], "version": row["version"], "sha256": row["sha256"]}
    return found | {"facts": facts_row(facts) if facts else None} | columns


@pytest.fixture
def law(catalogue):
    return Law(catalogue, catalogue, Rules(), Curation(test=0.25, validation=0.25))


@pytest.fixture
def judged(law):
    """Return what judges records, each with its row of facts or None, and returns the rows by site id."""

    def judge_them(pairs, past=NOTHING, troubles=(), by=law):
        records = {PhotoKey(row["photo"], row["version"]): row for row, _ in pairs}
        facts = {PhotoKey(row["photo"], row["version"]): found for row, found in pairs if found is not None}
        rows, ledger = judge(records, facts, troubles, by, past)
        assert [list(row) for row in rows] == [CURATED.names] * len(records)
        assert all(row["kept"] == (row["reasons"] == []) == (row["split"] is not None) for row in rows)
        return {row["photo"].removeprefix("flickr:"): row for row in rows}, ledger

    return judge_them


def stored(site_id, facts, **columns):
    row = record(site_id, **columns)
    return row, examined(row, facts)


def test_genuine_photo_is_kept_with_camera_group_and_split(judged, photo):
    rows, ledger = judged([stored("1", photo(serial_number="SN0001"))])
    assert (rows["1"]["kept"], rows["1"]["camera"], rows["1"]["split"]) == (True, "nexus-5x", "train")
    assert ledger == {rows["1"]["group"]: "train"}


def test_refused_photo_keeps_its_row_with_all_reasons_and_its_camera(judged, photo):
    pair = stored("1", photo(coding="progressive", components=1))
    pair[1]["pixel_error"] = "Premature end of JPEG file"
    row = judged([pair])[0]["1"]
    assert row["reasons"] == ["not_baseline", "not_colour", "undecodable"]
    assert (row["camera"], row["split"], row["error"]) == ("nexus-5x", None, "Premature end of JPEG file")


def test_bytes_that_are_no_jpeg_are_unreadable(judged):
    row = record("1")
    rows, _ = judged([(row, examined(row, error="not a JPEG: PNG bytes"))])
    assert (rows["1"]["reasons"], rows["1"]["error"]) == (["unreadable"], "not a JPEG: PNG bytes")


def test_original_that_is_missing_changed_or_not_examined_says_so(judged, photo):
    key = PhotoKey("flickr:1", "v")
    rows, _ = judged([(record("1"), None)], troubles=[Trouble(key, "original_missing", "no file")])
    assert (rows["1"]["reasons"], rows["1"]["error"]) == (["original_missing"], "no file")
    assert judged([(record("1"), None)])[0]["1"]["reasons"] == ["not_examined"]
    changed = examined(record("1"), photo()) | {"sha256": "other"}
    assert judged([(record("1"), changed)])[0]["1"]["reasons"] == ["original_damaged"]


def test_photo_refused_at_the_door_is_asked_by_todays_rules(judged, photo, law):
    facts = facts_row(photo(coding="progressive", is_complete=None, trailing_bytes=None))
    at_the_door = record("1", "refused", reasons=["low_quality_factor"], facts=facts)
    assert judged([(at_the_door, None)])[0]["1"]["reasons"] == ["not_baseline"]


def test_photo_refused_at_the_door_that_would_pass_today_was_not_downloaded(judged, photo):
    at_the_door = record("1", "refused", reasons=["camera_not_chosen"], facts=facts_row(photo(is_complete=None)))
    assert judged([(at_the_door, None)])[0]["1"]["reasons"] == ["not_downloaded"]


def test_reasons_that_only_the_door_knows_are_carried_over(judged, photo):
    pairs = [
        (record("1", "refused", reasons=["licence_not_allowed", "download_forbidden"]), None),
        (record("2", "refused", reasons=["too_large"], facts=facts_row(photo(components=1))), None),
        (record("3", "refused", reasons=["low_quality_factor"]), None),
        (record("4", "refused", reasons=["a_later_idea"]), None),
    ]
    rows, _ = judged(pairs)
    assert [rows[site_id]["reasons"] for site_id in "1234"] == [
        ["licence_not_allowed", "download_forbidden"], ["too_large", "not_colour"], ["low_quality_factor"],
        ["a_later_idea"],
    ]  # fmt: skip


def test_failed_download_keeps_its_error_and_never_passes(judged, photo):
    pairs = [
        (record("1", "failed", error="HTTP 500", http_status=500), None),
        (record("2", "failed", error="cut off", facts=facts_row(photo(is_complete=None))), None),
        (record("3", "a state of tomorrow"), None),
    ]
    rows, _ = judged(pairs)
    assert [rows[site_id]["reasons"] for site_id in "123"] == [["download_failed"]] * 3
    assert rows["1"]["error"] == "HTTP 500"


def test_of_equal_bytes_one_is_kept_and_refused_copies_are_not_called_duplicates(judged, photo):
    pairs = [
        stored("1", photo(), sha256="same", uploaded_at="2020-01-02T00:00:00Z", owner_id="ann"),
        stored("2", photo(), sha256="same", uploaded_at="2020-01-01T00:00:00Z", owner_id="bob"),
        stored("3", photo(coding="progressive"), sha256="same", uploaded_at="2019-01-01T00:00:00Z"),
    ]
    rows, ledger = judged(pairs)
    assert [rows[site_id]["reasons"] for site_id in "123"] == [["duplicate"], [], ["not_baseline"]]
    assert list(ledger) == [rows["2"]["group"]]


def test_what_an_earlier_generation_decided_stays(judged, photo):
    first = [stored(str(number), photo(), owner_id=f"owner{number}") for number in range(5)]
    rows, ledger = judged(first)
    kept = frozenset((row["photo"], "v") for row in rows.values())
    copy = stored("copy", photo(), sha256=first[0][0]["sha256"], uploaded_at="1999-01-01T00:00:00Z", owner_id="new")
    more = [stored(f"more{number}", photo(), owner_id=f"newcomer{number}") for number in range(9)]
    again, later = judged([*first, copy, *more], past=Past(ledger, kept))
    assert again["copy"]["reasons"] == ["duplicate"]
    assert ledger.items() <= later.items()
    assert all(again[site_id]["split"] == row["split"] for site_id, row in rows.items())


def test_the_ledger_remembers_groups_whose_photos_are_gone(judged, photo):
    _, ledger = judged([stored("1", photo())], past=Past({"f" * 16: "test"}, frozenset()))
    assert ledger["f" * 16] == "test"


def test_photos_of_other_cameras_keep_their_camera_and_are_not_chosen(judged, photo, law, catalogue):
    narrow = Law(catalogue, Catalogue(cameras=catalogue.cameras[:1]), law.rules, law.curation)
    row = judged([stored("1", photo())], by=narrow)[0]["1"]
    assert (row["camera"], row["reasons"]) == ("nexus-5x", ["camera_not_chosen"])


def test_photo_labelled_by_its_collection_has_the_labels_camera_and_group(judged, photo, law, catalogue):
    bare = photo(make=None, model=None, serial_number="SN0001")
    rows, _ = judged([stored("1", bare, labelled_camera="nexus-5x"), stored("2", bare)])
    assert (rows["1"]["kept"], rows["1"]["camera"]) == (True, "nexus-5x")
    assert (rows["2"]["reasons"], rows["2"]["camera"]) == (["no_camera_model"], None)
    by_exif = judged([stored("1", photo(serial_number="SN0001"))])[0]["1"]
    assert rows["1"]["group"] == by_exif["group"]
    without = Law(Catalogue(cameras=catalogue.cameras[:1]), law.chosen, law.rules, law.curation)
    assert judged([stored("1", bare, labelled_camera="nexus-5x")], by=without)[0]["1"]["reasons"] == ["camera_unknown"]


def test_photo_refused_at_the_door_is_asked_anew_about_its_label(judged, photo):
    apple = facts_row(photo(make="Apple", model="iPhone 6", software="9.3.1", is_complete=None))
    bare = facts_row(photo(model=None, is_complete=None))
    reasons = ["label_disagrees", "low_quality_factor"]
    pairs = [
        (record("1", "refused", reasons=reasons, facts=apple, labelled_camera="nexus-5x"), None),
        (record("2", "refused", reasons=reasons, facts=bare, labelled_camera="nexus-5x"), None),
        (record("3", "refused", reasons=["camera_unknown"]), None),  # a label that was unknown: no byte was read
    ]
    rows, _ = judged(pairs)
    assert rows["1"]["reasons"] == ["label_disagrees", "software_not_firmware"]
    assert rows["2"]["reasons"] == ["not_downloaded"]
    assert rows["3"]["reasons"] == ["camera_unknown"]


def test_photos_of_one_device_of_a_collection_are_one_group(judged, photo):
    pairs = [stored(str(number), photo(), source="folder", owner_id=f"vision D0{number % 2}") for number in range(4)]
    rows, _ = judged(pairs)
    groups = [rows[str(number)]["group"] for number in range(4)]
    assert (groups[0], groups[1]) == (groups[2], groups[3])
    assert groups[0] != groups[1]


def test_facts_survive_the_way_through_a_row(photo):
    facts = photo(comments=("a", "b"), editor_marks=("x: y",), quality_factor=None)
    row = facts_row(facts)
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
    lists["quantisation_tables"] = [list(table) for table in facts.quantisation_tables]
    assert facts_of_row(lists) == facts


def test_of_several_records_the_best_state_counts_and_then_the_latest_window():
    failed, refused = record("1", "failed", error="x"), record("1", "refused", reasons=["unreadable"])
    found, again = record("1", title="first"), record("1", title="second")
    best = best_records([("w3", [refused]), ("w1", [found]), ("w2", [again]), ("w4", [failed])])
    assert [row["title"] for row in best.values()] == ["second"]
    assert [row["state"] for row in best_records([("w1", [refused]), ("w2", [failed])]).values()] == ["refused"]


def test_uploads_of_a_replaced_photo_are_two_rows_and_only_stored_ones_wait():
    records = best_records([("w1", [record("1"), record("1", version="w"), record("2", "failed")])])
    assert [(one.photo, one.version) for one in waiting(records, {})] == [("flickr:1", "v"), ("flickr:1", "w")]
    assert waiting(records, {PhotoKey("flickr:1", "v"): {}, PhotoKey("flickr:1", "w"): {}}) == []
