"""The Flickr API: what its answers mean."""

import pytest

from crawlers import flickr_api
from crawlers.windows import Slice

LICENCES = {"4": ("Attribution License", "https://creativecommons.org/licenses/by/2.0/")}


def entry(**changes):
    whole = {
        "id": "17",
        "owner": "1@N00",
        "ownername": "Ann",
        "title": "Dawn",
        "license": "4",
        "dateupload": "1577836800",
        "media": "photo",
        "can_download": 1,
        "originalformat": "jpg",
        "url_o": "https://live.staticflickr.com/65535/17_abc_o.jpg",
        "pathalias": None,
    }
    return {name: value for name, value in (whole | changes).items() if value != "absent"}


def found(**changes):
    return flickr_api.found(entry(**changes), "acme-one", LICENCES, ("4",))


def test_a_photo_is_known_by_its_id_and_carries_what_attribution_needs():
    photo = found()
    assert (photo.photo, photo.owner_id, photo.owner_name, photo.title) == ("flickr:17", "1@N00", "Ann", "Dawn")
    assert (photo.licence, photo.licence_url) == LICENCES["4"]
    assert photo.page_url == "https://www.flickr.com/photos/1@N00/17"
    assert photo.uploaded_at == "2020-01-01T00:00:00Z"
    assert photo.reasons == ()


def test_a_replaced_original_is_a_new_version_and_another_file_host_is_not():
    assert found().version != found(url_o="https://live.staticflickr.com/65535/17_def_o.jpg").version
    assert found().version == found(url_o="https://farm9.staticflickr.com/65535/17_abc_o.jpg").version


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"url_o": "absent"}, ("no_original",)),
        ({"url_o": ""}, ("no_original",)),
        ({"can_download": 0}, ("download_forbidden",)),
        ({"can_download": "absent", "candownload": "0"}, ("download_forbidden",)),
        ({"license": "0"}, ("licence_not_allowed",)),
        ({"media": "video"}, ("not_a_photo",)),
        ({"originalformat": "png"}, ("not_jpeg",)),
        ({"license": 4}, ()),
        (
            {"url_o": "absent", "can_download": "0", "license": "0", "media": "video"},
            ("not_a_photo", "licence_not_allowed", "download_forbidden", "no_original"),
        ),
    ],
)
def test_a_listing_refuses_for_every_reason_it_gives(changes, reasons):
    assert found(**changes).reasons == reasons


def test_a_title_may_be_an_object_and_a_licence_unknown():
    photo = found(title={"_content": "Dusk"}, license="77")
    assert (photo.title, photo.licence) == ("Dusk", "licence 77")


@pytest.mark.parametrize("total", [3512, "3512"])
def test_totals_are_numbers_or_text(total):
    assert flickr_api.total({"photos": {"total": total}}) == 3512


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        *((100, "stop"), ("100", "stop"), (112, "stop"), (3, "stop"), (98, "stop"), (116, "stop")),
        *((105, "retry"), ("106", "retry"), (0, "retry"), (10, "retry"), (None, "retry")),
        *((1, "skip"), ("2", "skip")),
    ],
)
def test_error_codes_say_whether_to_stop_to_ask_again_or_to_skip(code, meaning):
    fault = flickr_api.fault({"stat": "fail", "code": code, "message": "why"})
    assert fault.meaning == meaning
    assert "why" in fault.text


def test_a_good_answer_has_no_fault():
    assert flickr_api.fault({"stat": "ok", "photos": {}}) is None


def test_the_bounds_of_a_slice_do_not_overlap_with_the_next_one():
    first = flickr_api.search_parameters("key", "acme/one", Slice(0, 300), 1)
    second = flickr_api.search_parameters("key", "acme/one", Slice(300, 600), 1)
    assert int(first["max_upload_date"]) < int(second["min_upload_date"])


def test_the_quota_of_an_hour_is_waited_for():
    assert flickr_api.wait_for_quota_s([100.0] * 3599, 200.0) == 0
    assert flickr_api.wait_for_quota_s([100.0] * 3600, 200.0) == 3500
    assert flickr_api.wait_for_quota_s([100.0] * 3600, 3701.0) == 0
