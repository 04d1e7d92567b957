"""Judgement of one photo: its row and every reason that applies, from its record and its facts alone."""

from dataclasses import replace

import pytest

from corpus.cameras.catalogue import Catalogue
from corpus.records import CURATED, EXAMINED, RECORD
from corpus.sections import Curation, Rules
from curation.consensus import SHOWN
from curation.facts.examine import PhotoKey, Trouble, facts_row
from curation.judging.devices import device_of
from curation.judging.verdict import Criteria, clean_claims, evidence_of, verdict
from forensics.photo_facts import facts_of_row


def record(site_id, state="stored", **columns):
    row = dict.fromkeys(RECORD.names) | {
        "photo": f"flickr:{site_id}", "version": "v", "source": "flickr", "state": state, "owner_id": "ann",
        "sha256": f"{site_id:0>64}" if state == "stored" else None, "reasons": [],
    }  # fmt: skip
    return row | columns


def examined(row, facts=None, **columns):
    found = dict.fromkeys(EXAMINED.names) | {"photo": row["photo"], "version": row["version"], "sha256": row["sha256"]}
    return found | {"facts": facts_row(facts) if facts else None} | columns


@pytest.fixture
def criteria(catalogue):
    return Criteria(catalogue, catalogue, Rules(), Curation(test=0.25, validation=0.25))


@pytest.fixture
def judged(criteria):
    """Return what judges a record with its row of facts, or with the trouble there was, and returns its row."""

    def judge_it(row, found=None, trouble=None, by=criteria):
        told = verdict(row, evidence_of(row, trouble or found), by)
        assert list(told) == CURATED.names
        assert (told["photo"], told["version"], told["kept"], told["split"]) == (row["photo"], "v", None, None)
        return told

    return judge_it


@pytest.fixture
def stored(judged):
    """Return what judges a stored photo of these facts."""

    def judge_it(site_id, facts, by=None, **columns):
        row = record(site_id, **columns)
        return judged(row, examined(row, facts), **({"by": by} if by else {}))

    return judge_it


def test_nothing_speaks_against_a_genuine_photo_and_its_row_has_camera_group_and_what_its_bytes_say(stored, photo):
    facts = photo(serial_number="SN0001", tables_digest="ab" * 8, segments_form="cd" * 8, scan_digest="ef" * 16)
    row = stored("1", facts)
    assert (row["reasons"], row["camera"], row["error"]) == ([], "nexus-5x", None)
    assert len(row["group"]) == 16
    assert (row["tables_digest"], row["segments_form"], row["scan_digest"]) == ("ab" * 8, "cd" * 8, "ef" * 16)
    assert (row["width_px"], row["taken_at"], row["owner_id"]) == (4032, "2016:05:01 10:11:12", "ann")


def test_refused_photo_keeps_its_row_with_all_reasons_and_its_camera(judged, photo):
    row = record("1")
    facts = photo(coding="progressive", components=1)
    told = judged(row, examined(row, facts, pixel_error="Premature end of JPEG file"))
    assert told["reasons"] == ["not_baseline", "not_colour", "undecodable"]
    assert (told["camera"], told["error"]) == ("nexus-5x", "Premature end of JPEG file")


def test_what_the_pixels_show_of_earlier_saving_refuses_a_photo(judged, photo):
    row = record("1")
    grid = examined(row, photo(), foreign_grid="3,5", foreign_grid_log10_nfa=-20.0, perceptual_hash="ab" * 32)
    assert (judged(row, grid)["reasons"], judged(row, grid)["perceptual_hash"]) == (["foreign_grid"], "ab" * 32)
    both = examined(row, photo(), foreign_grid="0,1", first_quality_factor=70, first_quality_gain=0.1)
    assert judged(row, both)["reasons"] == ["foreign_grid", "compressed_twice"]


def test_exif_that_could_not_be_read_whole_is_told_as_the_error(stored, photo):
    assert stored("1", photo(exif_error="EXIF ends early"))["error"] == "EXIF ends early"


def test_bytes_that_are_no_jpeg_are_unreadable(judged):
    row = record("1")
    told = judged(row, examined(row, error="not a JPEG: PNG bytes"))
    assert (told["reasons"], told["error"], told["camera"]) == (["unreadable"], "not a JPEG: PNG bytes", None)


def test_original_that_is_missing_changed_or_not_examined_says_so(judged, photo):
    key = PhotoKey("flickr:1", "v")
    told = judged(record("1"), trouble=Trouble(key, "original_lost", "no file"))
    assert (told["reasons"], told["error"]) == (["original_lost"], "no file")
    assert judged(record("1"))["reasons"] == ["not_examined"]
    changed = examined(record("1"), photo()) | {"sha256": "other"}
    assert judged(record("1"), changed)["reasons"] == ["original_damaged"]
    assert "other" in judged(record("1"), changed)["error"]


def test_original_that_ends_its_examiner_is_refused_by_that_fact_whatever_else_is_unknown(judged):
    row = record("1")
    told = judged(row, examined(row, pixel_error="SHA-256 …: it ended its process by signal SIGSEGV"))
    assert told["reasons"] == ["kills_examiner"]
    assert told["error"] == "SHA-256 …: it ended its process by signal SIGSEGV"


def test_trouble_of_today_counts_though_facts_of_another_day_are_there(judged, photo):
    trouble = Trouble(PhotoKey("flickr:1", "v"), "original_damaged", "SHA-256 is another")
    assert judged(record("1"), examined(record("1"), photo()), trouble)["reasons"] == ["original_damaged"]


def test_photo_deleted_at_its_site_is_refused_for_that_alone(judged):
    assert judged(record("1", "deleted", reasons=["too_large"]))["reasons"] == ["deleted_at_source"]


def test_photo_refused_at_the_door_is_asked_by_todays_rules(judged, photo):
    facts = facts_row(photo(coding="progressive", is_complete=None, trailing_bytes=None))
    at_the_door = record("1", "refused", reasons=["low_quality_factor"], facts=facts)
    assert judged(at_the_door)["reasons"] == ["not_baseline"]


@pytest.mark.parametrize("reason", ["camera_not_chosen", "too_little_support", "not_native_tables", "label_disagrees"])
def test_photo_refused_at_the_door_that_would_pass_today_was_not_downloaded(judged, photo, reason):
    at_the_door = record("1", "refused", reasons=[reason], facts=facts_row(photo(is_complete=None)))
    assert judged(at_the_door)["reasons"] == ["not_downloaded"]


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (["licence_not_allowed", "download_forbidden"], ["licence_not_allowed", "download_forbidden"]),
        (["low_quality_factor"], ["low_quality_factor"]),  # of a crawl that left no facts
        (["a_later_idea"], ["a_later_idea"]),
    ],
)
def test_reasons_that_only_the_door_knows_are_carried_over(judged, reasons, told):
    assert judged(record("1", "refused", reasons=reasons))["reasons"] == told


def test_reasons_of_the_door_stand_beside_those_of_todays_rules(judged, photo):
    at_the_door = record("2", "refused", reasons=["too_large"], facts=facts_row(photo(components=1)))
    assert judged(at_the_door)["reasons"] == ["too_large", "not_colour"]


def test_failed_download_keeps_its_error_and_never_passes(judged, photo):
    failed = judged(record("1", "failed", error="HTTP 500", http_status=500))
    assert (failed["reasons"], failed["error"]) == (["download_failed"], "HTTP 500")
    cut_off = record("2", "failed", error="cut off", facts=facts_row(photo(is_complete=None)))
    assert judged(cut_off)["reasons"] == ["download_failed"]
    assert judged(record("3", "a state of tomorrow"))["reasons"] == ["download_failed"]


def test_photos_of_other_cameras_keep_their_camera_and_are_not_chosen(stored, photo, criteria, catalogue):
    narrow = Criteria(catalogue, Catalogue(cameras=catalogue.cameras[:1]), criteria.rules, criteria.curation)
    row = stored("1", photo(), by=narrow)
    assert (row["camera"], row["reasons"]) == ("nexus-5x", ["camera_not_chosen"])


def test_photo_labelled_by_its_collection_has_the_labels_camera_and_its_devices_group(
    stored, photo, criteria, catalogue
):
    bare = photo(make=None, model=None, serial_number="SN0001")
    labelled, without = stored("1", bare, labelled_camera="nexus-5x"), stored("2", bare)
    assert (labelled["reasons"], labelled["camera"]) == ([], "nexus-5x")
    assert (without["reasons"], without["camera"]) == (["no_camera_model"], None)
    assert labelled["group"] == without["group"] == device_of(None, None, "SN0001")
    lost = Criteria(Catalogue(cameras=catalogue.cameras[:1]), criteria.chosen, criteria.rules, criteria.curation)
    assert stored("1", bare, labelled_camera="nexus-5x", by=lost)["reasons"] == ["camera_unknown"]


def test_photo_refused_at_the_door_is_asked_anew_about_its_label(judged, photo):
    apple = facts_row(photo(make="Apple", model="iPhone 6", software="9.3.1", is_complete=None))
    bare = facts_row(photo(model=None, is_complete=None))
    reasons = ["label_disagrees", "low_quality_factor"]
    disagreeing = judged(record("1", "refused", reasons=reasons, facts=apple, labelled_camera="nexus-5x"))
    assert disagreeing["reasons"] == ["label_disagrees", "software_not_firmware"]
    nameless = judged(record("2", "refused", reasons=reasons, facts=bare, labelled_camera="nexus-5x"))
    assert nameless["reasons"] == ["not_downloaded"]
    unknown = judged(record("3", "refused", reasons=["camera_unknown"]))  # its label was unknown: no byte was read
    assert unknown["reasons"] == ["camera_unknown"]


def test_photos_of_one_device_of_a_collection_are_one_group(stored, photo):
    groups = [stored(str(n), photo(), source="folder", owner_id=f"vision D0{n % 2}")["group"] for n in range(4)]
    assert (groups[0], groups[1]) == (groups[2], groups[3])
    assert groups[0] != groups[1]


def test_facts_survive_the_way_through_a_row(photo):
    told = {"tables_digest": "ab" * 8, "segments_form": "cd" * 8}
    facts = photo(comments=("a", "b"), editor_marks=("x: y",), exif_counts=(11, -1), quality_factor=None, **told)
    row = facts_row(facts)
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
    lists["quantisation_tables"] = [list(table) for table in facts.quantisation_tables]
    assert facts_of_row(lists) == facts


def shown(criteria, facts, **columns):
    """Return the aspects by which photos are judged that a photo shows of its camera."""
    row = record("1", **columns)
    found = clean_claims(row, evidence_of(row, examined(row, facts)), criteria)
    return [claim.aspect for claim in found if claim.aspect not in SHOWN]


def test_a_clean_photo_shows_what_its_camera_writes(criteria, photo):
    facts = photo(tables_digest="ab" * 8, segments_form="cd" * 8)
    assert shown(criteria, facts) == ["camera", "size", "tables", "segments", "software"]
    assert shown(criteria, replace(facts, software=None)) == ["camera", "size", "tables", "segments"]
    assert shown(criteria, photo(software=None)) == ["camera", "size"]


@pytest.mark.parametrize(
    "changes",
    [
        {"editor_marks": ("xmp:CreatorTool: Adobe Photoshop",)},
        {"modified_at": "2017:01:01 00:00:00"},
        {"coding": "progressive"},
        {"is_complete": False},
        {"exif_width_px": 99},
        {"model": None},
    ],
)
def test_a_photo_that_something_speaks_against_shows_nothing(criteria, photo, changes):
    assert shown(criteria, photo(**changes)) == []


@pytest.mark.parametrize(
    "changes", [{"width_px": 640, "exif_width_px": None}, {"quality_factor": 50}, {"software": "X1"}]
)
def test_what_has_yet_to_be_learned_does_not_speak_against_a_teacher(criteria, photo, changes):
    assert "size" in shown(criteria, photo(**changes))


def test_photos_refused_at_the_door_teach_by_their_headers_unless_the_door_knew_more(criteria, photo):
    facts = facts_row(photo(is_complete=None))
    for reasons, teaches in ((["camera_not_chosen"], True), (["low_quality_factor"], True), (["too_large"], False)):
        row = record("1", "refused", reasons=reasons, facts=facts)
        assert bool(list(clean_claims(row, evidence_of(row, None), criteria))) is teaches
