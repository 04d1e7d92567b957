"""The MediaWiki API: what its answers mean."""

import pytest

from crawlers import mediawiki_api


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
    photo = mediawiki_api.found(page(), "acme-one")
    assert (photo.photo, photo.title, photo.owner_id) == ("wikimedia:5", "Dawn.jpg", "Ann")
    assert (photo.owner_name, photo.licence) == ("Ann & Bob", "CC BY 4.0")
    assert (photo.size_bytes, photo.site_sha1) == (4711, "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    assert (photo.reasons, photo.error) == ((), None)


def test_a_new_upload_of_a_file_is_a_new_version():
    assert mediawiki_api.found(page(), None).version != mediawiki_api.found(page(sha1="0" * 40), None).version


def test_wikis_without_licences_leave_them_empty():
    photo = mediawiki_api.found(page(extmetadata="absent"), None)
    assert (photo.licence, photo.licence_url, photo.owner_name) == (None, None, "Ann")


def test_empty_extmetadata_comes_as_a_list():  # PHP writes an empty mapping so
    assert mediawiki_api.found(page(extmetadata=[]), None).licence is None


def test_a_file_that_is_no_jpeg_is_refused_by_its_listing():
    assert mediawiki_api.found(page(mime="image/png"), None).reasons == ("not_jpeg",)


@pytest.mark.parametrize(
    "entry", [page(filemissing=True), page(url="absent"), {"pageid": 5, "ns": 6, "title": "File:x"}]
)
def test_a_page_without_its_file_has_failed(entry):
    assert "filemissing" in mediawiki_api.found(entry, None).error


def test_a_page_that_comes_in_parts_is_put_together_and_others_than_files_are_left_out():
    pages = {}
    members = [{"pageid": 5, "ns": 6, "title": "File:Dawn.jpg"}, {"pageid": 6, "ns": 14, "title": "Category:x"}]
    mediawiki_api.merge_pages(pages, {"query": {"pages": members}})
    mediawiki_api.merge_pages(pages, {"query": {"pages": [page()]}})
    mediawiki_api.merge_pages(pages, {"query": {"pages": members}})  # a later part repeats the page without properties
    mediawiki_api.merge_pages(pages, {"batchcomplete": True})  # nothing found
    assert list(pages) == [5]
    assert mediawiki_api.found(pages[5], None).size_bytes == 4711


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a<br>b", "a b"),
        ("<style>p {}</style><p>Zo&eacute;</p>\n<p>X</p>", "Zoé X"),
        ("an <b>open tag", "an open tag"),
        ("1 &lt; 2", "1 < 2"),
    ],
)
def test_html_is_reduced_to_its_text(html, text):
    assert mediawiki_api.plain_text(html) == text


def test_a_lagging_server_is_asked_again_when_it_says():
    fault = mediawiki_api.fault({"error": {"code": "maxlag", "info": "Waiting"}}, "7")
    assert (fault.meaning, fault.wait_s) == ("retry", 7)
    assert mediawiki_api.fault({"error": {"code": "maxlag", "info": "Waiting"}}).wait_s == 5


def test_unknown_errors_stop_the_crawl_and_bad_titles_skip_the_category():
    assert mediawiki_api.fault({"error": {"code": "badvalue"}}).meaning == "stop"
    assert mediawiki_api.fault({"error": {"code": "invalidcategory"}}).meaning == "skip"
    assert mediawiki_api.fault({"query": {}}) is None
