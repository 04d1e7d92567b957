"""The Flickr API: what its answers mean."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.sites import flickr
from crawlers.sites.fields import WrongShape
from crawlers.vetting.listing import ListedFile
from crawlers.windows.time_slices import TimeSlice

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
    return flickr.found(entry(**changes), "acme-one", LICENCES, ("4",))


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
        ({"originalformat": "png", "url_o": "absent"}, ("no_original",)),
        ({"license": 4}, ()),
        (
            {"url_o": "absent", "can_download": "0", "license": "0", "media": "video"},
            ("not_a_photo", "no_original", "licence_not_allowed", "download_forbidden"),
        ),
    ],
)
def test_a_listing_refuses_for_every_reason_it_gives(changes, reasons):
    assert found(**changes).reasons == reasons


def test_a_title_may_be_an_object_and_a_licence_unknown():
    photo = found(title={"_content": "Dusk"}, license="77")
    assert (photo.title, photo.licence) == ("Dusk", "licence 77")


def test_a_listing_is_judged_by_the_size_of_the_original_and_its_format_alone():
    asked = []

    def judge(told):
        asked.append(told)
        return ("not_native_size",)

    photo = flickr.found(entry(o_width="4032", o_height=3024), "acme-one", LICENCES, ("4",), judge)
    assert asked == [ListedFile(width_px=4032, height_px=3024, mime="image/jpeg")]
    assert (photo.site_width_px, photo.site_height_px) == (4032, 3024)
    assert photo.reasons == ("not_native_size",)


def test_reasons_of_the_listing_and_of_its_judge_stand_in_the_order_of_the_funnel():
    def judge(told):
        return ("not_jpeg", "not_native_size")

    photo = flickr.found(entry(license="0"), None, LICENCES, ("4",), judge)
    assert photo.reasons == ("licence_not_allowed", "not_jpeg", "not_native_size")


@pytest.mark.parametrize("total", [3512, "3512"])
def test_totals_are_numbers_or_text(total):
    assert flickr.total({"photos": {"total": total}}) == 3512


@pytest.mark.parametrize("total", ["abc", None, -1, [], 1.5, True])
def test_a_total_that_is_no_number_leaves_the_query_open(total):
    with pytest.raises(WrongShape, match="total"):
        flickr.total({"photos": {"total": total}})


@pytest.mark.parametrize("answer", [{}, {"photos": None}, {"photos": []}, {"photos": {"photo": {}}}, {"photos": {}}, 5])
def test_an_answer_without_a_list_of_photos_leaves_the_query_open(answer):
    with pytest.raises(WrongShape, match="photo"):
        flickr.page_photos(answer)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        *((100, "stop"), ("100", "stop"), (112, "stop"), (3, "stop"), (98, "stop"), (116, "stop"), (777, "stop")),
        *((105, "retry"), ("106", "retry"), (0, "retry"), (10, "retry"), (None, "retry"), ([], "retry")),
        *((1, "skip"), ("2", "skip")),
    ],
)
def test_error_codes_say_whether_to_stop_to_ask_again_or_to_skip(code, meaning):
    fault = flickr.fault({"stat": "fail", "code": code, "message": "why"})
    assert fault.meaning == meaning
    assert "why" in fault.text


def test_an_error_that_the_user_can_cure_names_the_cure():
    assert "FLICKR_API_KEY" in flickr.fault({"stat": "fail", "code": 100, "message": "Invalid API Key"}).text
    assert "sources.flickr.api_url" in flickr.fault({"stat": "fail", "code": 95, "message": "SSL"}).text


def test_a_good_answer_has_no_fault():
    assert flickr.fault({"stat": "ok", "photos": {}}) is None


def test_one_photo_is_asked_for_by_its_id():
    parameters = flickr.info_parameters("key", "17")
    assert (parameters["method"], parameters["photo_id"]) == ("flickr.photos.getInfo", "17")


def test_the_bounds_of_a_slice_do_not_overlap_with_the_next_one():
    first = flickr.search_parameters("key", "acme/one", TimeSlice(0, 300), 1)
    second = flickr.search_parameters("key", "acme/one", TimeSlice(300, 600), 1)
    assert int(first["max_upload_date"]) < int(second["min_upload_date"])


def test_licences_are_read_by_their_ids_and_one_without_an_id_is_left_out():
    rows = [{"id": 4, "name": "Attribution License", "url": LICENCES["4"][1]}, {"id": "0", "name": "All", "url": ""}]
    answer = {"licenses": {"license": [*rows, {"name": "no id"}, None]}}
    assert flickr.licence_names(answer) == LICENCES | {"0": ("All", None)}


@pytest.mark.parametrize("answer", [{}, {"licenses": None}, {"licenses": {"license": None}}, {"licenses": []}, None])
def test_an_answer_without_licences_is_a_wrong_one(answer):
    with pytest.raises(WrongShape, match="licens"):
        flickr.licence_names(answer)


@pytest.mark.parametrize("site_id", ["absent", None, "", {}, "x" * 10_000, "../../x", "1\0", -4, 1.5])
def test_an_entry_without_a_usable_id_has_a_name_of_its_own_and_says_what_is_wrong(site_id):
    photo = found(id=site_id)
    assert photo.photo.startswith("flickr:unnamed-")
    assert photo.photo != found(id=site_id, title="another").photo
    assert photo.photo == found(id=site_id).photo
    assert "id" in photo.error


@pytest.mark.parametrize("url", [5, "javascript:alert(1)", [], "https://h/" + "x" * 3000, "ftp://h/x"])
def test_an_original_without_a_usable_address_has_failed(url):
    photo = found(url_o=url)
    assert (photo.photo, photo.error) == ("flickr:17", "the site names no usable address")
    assert (photo.original_url, photo.version, photo.reasons) == (None, None, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"title": {"_content": {"_content": "x"}}, "ownername": [], "pathalias": "../..", "dateupload": "abc"},
        {"o_width": "abc", "o_height": -3, "media": {}, "originalformat": 5, "dateupload": 10**400},
    ],
)
def test_a_wrong_detail_is_left_out_and_refuses_nothing(changes):
    photo = found(**changes)
    assert (photo.error, photo.reasons, photo.uploaded_at) == (None, (), None)
    assert (photo.site_width_px, photo.site_height_px) == (None, None)
    assert photo.page_url == "https://www.flickr.com/photos/1@N00/17"


def test_texts_are_cut():
    assert len(found(title="x" * 10**6).title) == 1000


def test_a_licence_that_is_not_told_is_not_allowed():
    assert found(license={}).reasons == ("licence_not_allowed",)


NAMES = st.sampled_from([*entry(), "o_width", "o_height", "photos", "photo", "total", "stat", "code", "message"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)
ANSWERS = JSON | st.builds(lambda photos: {"photos": {"photo": photos}}, st.lists(JSON) | JSON)


@given(ANSWERS)
def test_any_answer_is_a_wrong_one_or_a_list_of_photos_with_names(answer):
    fault = flickr.fault(answer)
    assert fault is None or fault.text
    for read in (flickr.total, flickr.licence_names):
        with contextlib.suppress(WrongShape):
            read(answer)
    try:
        entries = flickr.page_photos(answer)
    except WrongShape:
        return
    for each in entries:
        photo = flickr.found(each, "acme-one", LICENCES, ("4",))
        assert re.fullmatch(r"flickr:[A-Za-z0-9_-]{1,64}", photo.photo)
        assert photo.error or photo.reasons or (photo.version and photo.original_url)
