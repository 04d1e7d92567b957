"""Updates of whole windows: which rows stay, which photos are fetched again, which are gone."""

import dataclasses
import io

import pytest
from PIL import Image

from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto, failed, refused, stored
from crawlers.windows.rejudge import apply_listing, rejudge
from forensics.header import read_facts


def _facts():
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG")
    return read_facts(file.getvalue(), whole=False)


FACTS = _facts()


def listed_photo(number=1, version="v1", **more):
    url = f"https://x.example/{number}"
    return ListedPhoto(f"flickr:{number}", "flickr", version, original_url=url, licence="BY", **more)


def photos(to_fetch):
    return [(each.photo, each.version) for each in to_fetch]


def by_facts(number=1, reasons=("camera_not_chosen",)):
    return refused(listed_photo(number), Refused(reasons, FACTS), 1000)


def by_listing(number=1, reasons=("not_native_size",), version="v1"):
    return refused(listed_photo(number, version), Refused(reasons))


KEPT = stored(listed_photo(), "originals/x", b"x")


def test_failed_photos_are_retried_when_due_and_keep_their_count():
    rows = [
        failed(listed_photo(1), "HTTP 500", 500, is_transient=True),
        failed(listed_photo(2), "HTTP 500", is_transient=True),
    ]
    update = rejudge(rows, {"flickr:1"}, None, can_relist=True)
    assert photos(update.to_fetch) == [("flickr:1", "v1")]
    assert update.to_fetch[0].attempts == 1
    assert update.kept == rows[1:]


def test_refusals_stay_while_the_rules_are_the_same():
    rows = [by_facts(), by_listing(2)]
    assert rejudge(rows, (), None, can_relist=True).kept == rows


def test_under_other_rules_a_refusal_with_facts_is_judged_again_without_asking_the_site():
    still = rejudge([by_facts()], (), lambda facts, label: Refused(("low_quality_factor",), facts), can_relist=True)
    assert (still.to_fetch, still.relist) == ([], False)
    assert still.kept[0]["reasons"] == ["low_quality_factor"]
    assert photos(rejudge([by_facts()], (), lambda facts, label: None, can_relist=True).to_fetch) == [
        ("flickr:1", "v1")
    ]


def test_what_was_learned_of_cameras_lifts_refusals_and_changes_no_other_row():
    rows = [by_facts(1), by_facts(2), by_listing(3), KEPT, by_facts(4, reasons=("unreadable",))]
    verdicts = iter([None, Refused(("low_quality_factor",), FACTS)])
    update = rejudge(rows, (), lambda facts, label: next(verdicts), can_relist=True, only_lifts=True)
    assert photos(update.to_fetch) == [("flickr:1", "v1")]
    assert update.kept == rows[1:]
    assert not update.relist


def test_the_judge_is_given_the_facts_of_the_row():
    seen = []
    rejudge([by_facts()], (), lambda facts, label: seen.append(facts), can_relist=True)
    assert seen == [FACTS]


def test_under_other_rules_a_refusal_by_the_listing_needs_a_new_listing_or_the_file():
    assert rejudge([by_listing()], (), lambda *_: None, can_relist=True).relist
    folder = rejudge([by_listing(reasons=("too_large",))], (), lambda *_: None, can_relist=False)
    assert photos(folder.to_fetch) == [("flickr:1", "v1")]


@pytest.mark.parametrize("reason", ["forgotten", "not_a_photo", "unreadable", "not_jpeg"])
def test_refusals_that_no_rule_can_change_are_not_fetched_again(reason):
    update = rejudge([by_listing(reasons=(reason,))], (), lambda *_: None, can_relist=True)
    assert (update.to_fetch, update.relist) == ([], False)


def apply(rows, listed, gone=(), are_rules_new=False):
    return apply_listing(rows, {each.photo: each for each in listed}, set(gone), are_rules_new=are_rules_new)


def test_a_new_listing_that_says_the_same_changes_nothing():
    rows = [KEPT, by_facts(2), by_listing(3), failed(listed_photo(4), "HTTP 404", 404, is_transient=False)]
    listed = [listed_photo(1), listed_photo(2), listed_photo(3, reasons=("not_native_size",)), listed_photo(4)]
    update = apply(rows, listed)
    assert (update.kept, update.to_fetch) == (rows, [])


def test_a_late_photo_is_fetched():
    assert photos(apply([KEPT], [listed_photo(1), listed_photo(2)]).to_fetch) == [("flickr:2", "v1")]


def test_a_replaced_upload_is_fetched_and_the_old_row_stays():
    update = apply([KEPT], [listed_photo(1, "v2")])
    assert photos(update.to_fetch) == [("flickr:1", "v2")]
    assert update.kept == [KEPT]


def test_a_photo_the_site_has_lost_is_marked_deleted_and_keeps_its_row():
    update = apply([KEPT], [], gone=["flickr:1"])
    assert update.kept == [{**KEPT, "state": "deleted"}]


def test_a_photo_that_is_missing_from_a_listing_only_stays():
    assert apply([KEPT], []).kept == [KEPT]


def test_a_deleted_photo_that_is_back_is_fetched():
    assert photos(apply([{**KEPT, "state": "deleted"}], [listed_photo(1)]).to_fetch) == [("flickr:1", "v1")]


def test_a_licence_changed_at_the_site_lifts_a_refusal():
    row = by_listing(reasons=("licence_not_allowed",))
    assert photos(apply([row], [listed_photo(1)]).to_fetch) == [("flickr:1", "v1")]
    assert apply([row], [listed_photo(1, reasons=("licence_not_allowed",))]).kept == [row]


def test_refusals_by_listing_are_judged_again_where_the_rules_changed():
    row = by_listing()
    assert apply([row], [listed_photo(1)]).kept == [row]
    assert photos(apply([row], [listed_photo(1)], are_rules_new=True).to_fetch) == [("flickr:1", "v1")]


def test_a_failed_upload_that_was_replaced_is_not_retried():
    row = failed(listed_photo(1), "HTTP 404", 404, is_transient=True)
    update = apply([row], [listed_photo(1, "v2")])
    assert photos(update.to_fetch) == [("flickr:1", "v2")]
    assert [(each["state"], each["is_transient"]) for each in update.kept] == [("failed", False)]


def test_a_photo_that_had_no_file_and_now_has_one_keeps_one_row():
    row = failed(dataclasses.replace(listed_photo(1), version=None, original_url=None), "no file", is_transient=False)
    update = apply([row], [listed_photo(1)])
    assert (update.kept, photos(update.to_fetch)) == ([], [("flickr:1", "v1")])
