"""The MediaWiki API: what its answers mean."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.sites import mediawiki
from crawlers.sites.fields import WrongShape
from crawlers.vetting.listing import ListedFile
from crawlers.windows.time_slices import TimeSlice


def page(**changes):
    info = {
        "user": "Ann",
        "timestamp": "2020-01-01T00:00:00Z",
        "size": 4711,
        "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "mime": "image/jpeg",
        "url": "https://upload.wikimedia.org/a/ab/Dawn.jpg",
        "descriptionurl": "https://commons.wikimedia.org/wiki/File:Dawn.jpg",
        "extmetadata": {
            "Artist": {"value": '<a href="//x" title="User:Ann">Ann &amp; Bob</a>'},
            "LicenseShortName": {"value": "<span>CC BY 4.0</span>"},
            "LicenseUrl": {"value": "https://creativecommons.org/licenses/by/4.0"},
        },
    }
    info = {name: value for name, value in (info | changes).items() if value != "absent"}
    return {"pageid": 5, "ns": 6, "title": "File:Dawn.jpg", "imageinfo": [info]}


def test_a_file_is_known_by_its_page_and_carries_what_attribution_needs():
    photo = mediawiki.found(page(), "acme-one")
    assert (photo.photo, photo.title, photo.owner_id) == ("wikimedia:5", "Dawn.jpg", "Ann")
    assert (photo.owner_name, photo.licence) == ("Ann & Bob", "CC BY 4.0")
    assert (photo.size_bytes, photo.site_sha1) == (4711, "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    assert (photo.reasons, photo.error) == ((), None)


def test_a_new_upload_of_a_file_is_a_new_version():
    assert mediawiki.found(page(), None).version != mediawiki.found(page(sha1="0" * 40), None).version


def test_wikis_without_licences_leave_them_empty():
    photo = mediawiki.found(page(extmetadata="absent"), None)
    assert (photo.licence, photo.licence_url, photo.owner_name) == (None, None, "Ann")


def test_empty_extmetadata_comes_as_a_list():  # PHP writes an empty mapping so
    assert mediawiki.found(page(extmetadata=[]), None).licence is None


def test_a_file_that_is_no_jpeg_is_refused_by_its_listing():
    assert mediawiki.found(page(mime="image/png"), None).reasons == ("not_jpeg",)


@pytest.mark.parametrize(
    "entry", [page(filemissing=True), page(url="absent"), {"pageid": 5, "ns": 6, "title": "File:x"}]
)
def test_a_page_without_its_file_has_failed(entry):
    photo = mediawiki.found(entry, None, lambda told: ("not_jpeg",))
    assert "filemissing" in photo.error
    assert photo.reasons == ()


def test_a_page_that_comes_in_parts_is_put_together_and_others_than_files_are_left_out():
    pages = {}
    members = [{"pageid": 5, "ns": 6, "title": "File:Dawn.jpg"}, {"pageid": 6, "ns": 14, "title": "Category:x"}]
    mediawiki.merge_pages(pages, {"query": {"pages": members}})
    mediawiki.merge_pages(pages, {"query": {"pages": [page()]}})
    mediawiki.merge_pages(pages, {"query": {"pages": members}})  # a later part repeats the page without properties
    mediawiki.merge_pages(pages, {"batchcomplete": True})  # nothing found
    assert list(pages) == [5]
    assert mediawiki.found(pages[5], None).size_bytes == 4711


def test_a_lagging_server_is_asked_again_when_it_says():
    fault = mediawiki.fault({"error": {"code": "maxlag", "info": "Waiting"}}, "7")
    assert (fault.meaning, fault.wait_s) == ("retry", 7)
    assert mediawiki.fault({"error": {"code": "maxlag", "info": "Waiting"}}).wait_s == 5


def test_unknown_errors_stop_the_crawl_and_bad_titles_skip_the_category():
    assert mediawiki.fault({"error": {"code": "badvalue"}}).meaning == "stop"
    assert mediawiki.fault({"error": {"code": "invalidcategory"}}).meaning == "skip"
    assert mediawiki.fault({"query": {}}) is None


def test_trouble_inside_the_wiki_and_of_its_search_is_asked_again():
    for code in ("internal_api_error_DBQueryError", "internal_api_error_TypeError", "cirrussearch-backend-error"):
        assert mediawiki.fault({"error": {"code": code}}).meaning == "retry"
    for answer in ({"error": "text"}, {"error": None}, [], None):
        assert mediawiki.fault(answer).meaning == "retry"


def exif(**fields):
    return [{"name": name, "value": value} for name, value in fields.items()]


def told(**changes):
    """Return what a page's judge is told."""
    asked = []

    def judge(each):
        asked.append(each)
        return ("not_native_size",)

    photo = mediawiki.found(page(**changes), "acme-one", judge)
    assert photo.reasons == ("not_native_size",)
    assert (photo.site_width_px, photo.site_height_px) == (asked[0].width_px, asked[0].height_px)
    return asked[0]


def test_a_file_is_judged_by_all_that_the_wiki_tells_of_it():
    metadata = exif(Make="Acme", Model="One  ", Software="Fw 1", Orientation=6)
    assert told(width=3024, height=4032, commonmetadata=metadata) == ListedFile(
        3024, 4032, 4711, "Acme", "One", "Fw 1", "image/jpeg"
    )


@pytest.mark.parametrize(
    ("value", "software"),
    [
        ("Fw 1", "Fw 1"),
        (17, "17"),
        (["Editor", "7.0"], "Editor 7.0"),
        ([{"name": 0, "value": [{"name": 0, "value": "Editor"}, {"name": 1, "value": "7.0"}]}], "Editor 7.0"),
        ({"name": 0, "value": "Editor"}, "Editor"),
        *((value, None) for value in (None, [], {}, [[[["deep"]]]], True, "")),
    ],
)
def test_metadata_are_texts_or_numbers_or_several_of_them(value, software):
    assert told(commonmetadata=exif(Software=value)).software == software


@pytest.mark.parametrize("metadata", [None, {}, "x", [5, None, {"name": []}, {}], "absent"])
def test_metadata_of_another_shape_tell_nothing(metadata):
    assert told(commonmetadata=metadata).software is None


@pytest.mark.parametrize(("size", "size_bytes"), [(4711, 4711), ("4711", 4711), ("abc", None), (-1, None), (0, None)])
def test_sizes_that_are_no_sizes_are_left_out(size, size_bytes):
    assert told(size=size, width=size, height=size) == ListedFile(size_bytes, size_bytes, size_bytes, mime="image/jpeg")


def test_exif_and_all_else_that_is_used_is_asked_for():
    parameters = mediawiki.described_parameters("Category:x", TimeSlice(0, 300))
    assert set(parameters["iiprop"].split("|")) == {
        *("url", "size", "sha1", "mime", "user", "timestamp", "extmetadata", "commonmetadata")
    }


def test_a_search_by_camera_asks_for_the_same_of_its_files():
    parameters = mediawiki.search_parameters("Q42")
    described = mediawiki.described_parameters("Category:x", TimeSlice(0, 300))
    assert parameters["gsrsearch"] == "haswbstatement:P4082=Q42"
    assert {name: parameters[name] for name in described if name[:2] == "ii"} == {
        name: value for name, value in described.items() if name[:2] == "ii"
    }


def test_the_whole_continue_object_is_passed_back():
    answer = {"continue": {"gsroffset": 50, "iicontinue": "Dawn.jpg|20200101000000", "continue": "gsroffset||"}}
    assert mediawiki.onward(answer) == {
        "gsroffset": "50",
        "iicontinue": "Dawn.jpg|20200101000000",
        "continue": "gsroffset||",
    }
    assert mediawiki.onward({"query": {}}) == {}


def test_a_search_ends_where_the_site_gives_no_more_results():
    assert mediawiki.onward({"continue": {"gsroffset": 9950, "continue": "gsroffset||"}})
    assert mediawiki.onward({"continue": {"gsroffset": 10_000, "continue": "gsroffset||"}}) == {}


@pytest.mark.parametrize("onward", [["x"], "x", 5, {"gcmcontinue": None}, {"gcmcontinue": {}}])
def test_a_continue_object_that_cannot_be_passed_back_is_a_wrong_answer(onward):
    with pytest.raises(WrongShape, match="continue"):
        mediawiki.onward({"continue": onward})


def test_pages_are_asked_for_by_their_ids_and_no_more_than_the_api_takes():
    assert mediawiki.pages_parameters([5, 7])["pageids"] == "5|7"
    with pytest.raises(ValueError, match="51 pages"):
        mediawiki.pages_parameters(range(51))


def test_pages_that_are_missing_or_have_no_file_are_gone_and_no_others():
    well = page()
    pages = [
        well,
        {"pageid": 6, "missing": True},
        {"pageid": 7, "ns": 6, "imageinfo": [{"filemissing": True}]},
        {"pageid": 8, "ns": 6, "imagerepository": ""},
        {"pageid": 9, "ns": 6, "imageinfo": [{"filehidden": True}]},
        {"pageid": 10, "ns": 6, "title": "File:described in the next part of the answer"},
        {"pageid": 11, "missing": False, "imageinfo": well["imageinfo"]},
        *("text", {"missing": True}, {"pageid": "../x", "missing": True}),
    ]
    assert mediawiki.gone({"query": {"pages": pages}}) == {6, 7, 8, 9}
    assert mediawiki.gone({"query": {"pages": {"12": {"pageid": 12, "missing": ""}}}}) == {12}
    assert mediawiki.gone({"batchcomplete": True}) == set()


def test_pages_keyed_by_id_are_read_as_well():  # formatversion 1
    pages = {}
    mediawiki.merge_pages(pages, {"query": {"pages": {"5": page()}}})
    assert list(pages) == [5]


@pytest.mark.parametrize(
    "entry", ["text", None, [], {}, {"pageid": {}}, {"pageid": "../../x", "ns": 6}, {"pageid": -1}]
)
def test_an_entry_without_a_page_id_is_found_and_says_what_is_wrong(entry):
    pages = {}
    mediawiki.merge_pages(pages, {"query": {"pages": [entry, page()]}})
    assert len(pages) == 2
    photo = next(mediawiki.found(each, None) for number, each in pages.items() if number != 5)
    assert photo.photo.startswith("wikimedia:unnamed-")
    assert "page id" in photo.error


@pytest.mark.parametrize("url", [5, "javascript:alert(1)", [], "https://h/" + "x" * 3000])
def test_a_file_without_a_usable_address_has_failed(url):
    photo = mediawiki.found(page(url=url), None)
    assert (photo.photo, photo.error) == ("wikimedia:5", "the site names no usable address")
    assert (photo.original_url, photo.version, photo.reasons) == (None, None, ())


@pytest.mark.parametrize("info", [{}, [], None, "text", [None], ["text"], 5])
def test_a_description_of_another_shape_is_none(info):
    assert "filemissing" in mediawiki.found({"pageid": 5, "ns": 6, "imageinfo": info}, None).error


def test_a_wrong_detail_is_left_out():
    changes = {"user": [], "timestamp": "yesterday", "sha1": "x", "mime": 5, "descriptionurl": "javascript:x"}
    photo = mediawiki.found(page(extmetadata=[5], **changes) | {"title": {}}, None)
    assert (photo.error, photo.reasons, photo.title) == (None, (), "")
    assert (photo.owner_id, photo.uploaded_at, photo.site_sha1, photo.page_url) == (None, None, None, None)
    assert photo.version is not None


def test_texts_are_cut():
    assert len(mediawiki.found(page(user="x" * 10**6), None).owner_id) == 1000


@pytest.mark.parametrize(
    "answer",
    [
        *({"query": query} for query in (None, [], "x")),
        *({"query": {"pages": pages, "categorymembers": pages}} for pages in (None, "x", 5)),
        *([], None, "x"),
    ],
)
def test_an_answer_of_another_shape_leaves_the_query_open(answer):
    for read in (lambda: mediawiki.merge_pages({}, answer), lambda: mediawiki.subcategories(answer)):
        with pytest.raises(WrongShape):
            read()


@pytest.mark.parametrize("member", [{}, {"title": None}, "x", {"title": " "}])
def test_a_subcategory_without_a_title_leaves_the_query_open(member):
    with pytest.raises(WrongShape, match="title"):
        mediawiki.subcategories({"query": {"categorymembers": [{"title": "Category:x"}, member]}})


NAMES = st.sampled_from(
    [*page(), *page()["imageinfo"][0], "query", "pages", "commonmetadata", "name", "value", "width"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)
INFOS = st.dictionaries(NAMES, JSON, max_size=4).map(lambda more: page()["imageinfo"][0] | more)
ENTRIES = JSON | st.builds(lambda number, info: {"pageid": number, "ns": 6, "imageinfo": [info]}, st.integers(), INFOS)
ANSWERS = JSON | st.builds(lambda pages: {"query": {"pages": pages}}, st.lists(ENTRIES) | JSON)


@given(ANSWERS)
def test_any_answer_is_a_wrong_one_or_a_list_of_photos_with_names(answer):
    fault = mediawiki.fault(answer)
    assert fault is None or fault.text
    for read in (mediawiki.onward, mediawiki.subcategories, mediawiki.gone):
        with contextlib.suppress(WrongShape):
            read(answer)
    pages = {}
    try:
        mediawiki.merge_pages(pages, answer)
    except WrongShape:
        return
    names = set()
    for each in pages.values():
        photo = mediawiki.found(each, "acme-one")
        assert re.fullmatch(r"wikimedia:[A-Za-z0-9_-]{1,64}", photo.photo)
        assert photo.error or photo.reasons or (photo.version and photo.original_url)
        names.add(photo.photo)
    assert len(names) == len(pages)
