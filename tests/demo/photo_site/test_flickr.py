"""The Flickr half of the photo site answers as Flickr does."""

import json

import pytest
import requests

from demo.photo_site.server.site import API_KEY

FIRST_S = 1_600_000_000
ALL_EXTRAS = "license,date_upload,date_taken,owner_name,original_format,o_dims,url_o,media,path_alias,can_download"


def ids(answer):
    return [int(photo["id"]) for photo in answer["photos"]["photo"]]


def test_search_finds_the_photographs_listed_under_a_camera_newest_first(flickr):
    assert ids(flickr(camera="ash/one")) == list(range(109, 99, -1))
    assert ids(flickr(camera="birch/two")) == [111, 110]
    assert ids(flickr(camera="no/such")) == []


def test_upload_dates_are_inclusive_on_both_sides(flickr):
    found = flickr(camera="ash/one", min_upload_date=FIRST_S + 2000, max_upload_date=FIRST_S + 4000)
    assert ids(found) == [104, 103, 102]
    assert ids(flickr(camera="ash/one", min_upload_date=FIRST_S + 2001, max_upload_date=FIRST_S + 3999)) == [103]


def test_upload_dates_may_be_written_as_in_mysql(flickr):
    assert ids(flickr(min_upload_date="2020-09-13 15:30:00")) == [111]  # 12 s before the last upload


def test_licences_filter_and_misspelt_parameters_are_ignored(flickr):
    assert ids(flickr(camera="ash/one", license="1,4")) == [108, 106, 104, 102, 100]
    assert len(ids(flickr(camera="ash/one", licence="4"))) == 10


def test_sort_goes_both_ways_and_by_date_taken(flickr):
    assert ids(flickr(camera="birch/two", sort="date-posted-asc")) == [110, 111]
    assert ids(flickr(camera="birch/two", sort="date-taken-asc")) == [111, 110]
    assert ids(flickr(camera="birch/two", sort="date-taken-desc")) == [110, 111]


def test_pages_are_numbered_from_one_and_told(flickr, open_site):
    site = open_site()
    answer = flickr(site, camera="ash/one", per_page=4, page=3)
    assert ids(answer) == [101, 100]
    assert {key: answer["photos"][key] for key in ("page", "pages", "perpage", "total")} == {
        "page": 3,
        "pages": 3,
        "perpage": 4,
        "total": 10,
    }
    assert flickr(site, camera="ash/one", per_page=501)["photos"]["perpage"] == 500
    assert flickr(site, camera="ash/one")["photos"]["perpage"] == 100


def test_results_end_at_the_limit_and_later_pages_repeat_the_last(flickr, open_site):
    site = open_site(results_max=4)
    pages = [flickr(site, camera="ash/one", per_page=2, page=page) for page in (1, 2, 3, 5)]
    assert [ids(page) for page in pages] == [[109, 108], [107, 106], [107, 106], [107, 106]]
    assert pages[0]["photos"]["total"] == 10


def test_extras_come_only_when_asked(flickr, open_site):
    site = open_site()
    plain = flickr(site, camera="birch/two")["photos"]["photo"][0]
    assert set(plain) == {"id", "owner", "secret", "server", "farm", "title", "ispublic", "isfriend", "isfamily"}
    assert plain["title"] == "harbour <at> dusk & 111"
    full = flickr(site, camera="birch/two", extras=ALL_EXTRAS)["photos"]["photo"][0]
    added = {key: full[key] for key in set(full) - set(plain)}
    assert added.pop("url_o").startswith(f"{site.url}/flickr-files/111_{full['originalsecret']}_o.jpg")
    assert len(added.pop("originalsecret")) == 10
    assert added == {
        "license": "0",
        "dateupload": str(FIRST_S + 11_000),
        "datetaken": "2020-01-01 10:00:00",
        "datetakengranularity": 0,
        "datetakenunknown": 0,
        "ownername": "Ann & Co 0",
        "originalformat": "jpg",
        "o_width": 64,
        "o_height": 48,
        "width_o": 64,
        "height_o": 48,
        "media": "photo",
        "media_status": "ready",
        "pathalias": None,
        "can_download": 1,
    }


def test_owner_who_forbids_downloads_shows_no_original(flickr, open_site):
    site = open_site(download_forbidden=["111"])
    forbidden, allowed = flickr(site, camera="birch/two", extras=ALL_EXTRAS)["photos"]["photo"]
    assert (forbidden["can_download"], allowed["can_download"]) == (0, 1)
    assert not {"url_o", "originalsecret", "originalformat", "o_width", "width_o"} & set(forbidden)
    well = flickr(camera="birch/two", extras="url_o")["photos"]["photo"][0]["url_o"]
    guessed = site.url + "/" + well.split("/", 3)[3]
    assert requests.get(guessed, timeout=10).status_code == 404
    assert requests.get(allowed["url_o"], timeout=10).status_code == 200


def test_numbers_may_come_as_text(flickr, open_site):
    site = open_site(numbers_as_text=True)
    found = flickr(site, camera="birch/two", extras="o_dims")["photos"]
    assert found["total"] == "2"
    assert found["photo"][0]["o_width"] == "64"
    assert flickr(site)["code"] == "3"


def test_licences_are_listed_with_their_addresses(flickr):
    rows = flickr(method="flickr.photos.licenses.getInfo")["licenses"]["license"]
    by_id = {row["id"]: row for row in rows}
    assert set(by_id) == {str(number) for number in range(17)}
    assert by_id["4"] == {
        "id": "4",
        "name": "Attribution License",
        "url": "https://creativecommons.org/licenses/by/2.0/",
    }
    assert by_id["12"]["url"] == "https://creativecommons.org/licenses/by-sa/4.0/"


def test_one_photograph_is_told_of_or_not_found(flickr, open_site):
    site = open_site()
    photo = flickr(site, method="flickr.photos.getInfo", photo_id="103")["photo"]
    assert (photo["id"], photo["owner"]["nsid"], photo["title"]["_content"]) == (
        *("103", "1@N01"),
        "harbour <at> dusk & 103",
    )
    lost = flickr(site, method="flickr.photos.getInfo", photo_id="999")
    assert (lost["stat"], lost["code"], lost["message"]) == ("fail", 1, 'Photo "999" not found (invalid ID)')


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({"api_key": "short", "camera": "ash/one"}, 100, "Invalid API Key (Key has invalid format)"),
        ({"method": "flickr.photos.serch"}, 112, 'Method "flickr.photos.serch" not found'),
        ({}, 3, "Parameterless searches have been disabled"),
        ({"camera": "ash/one", "format": "rest"}, 111, 'Format "rest" not found'),
    ],
)
def test_failures_have_status_200_and_a_code(flickr, parameters, code, words):
    answer = flickr(**parameters)
    assert (answer["stat"], answer["code"]) == ("fail", code)
    assert answer["message"].startswith(words)


def test_service_may_be_unavailable_for_a_while(flickr, open_site):
    site = open_site(unavailable_answers=2)
    answers = [flickr(site, camera="birch/two") for _ in range(3)]
    assert [answer.get("code") for answer in answers] == [105, 105, None]
    assert ids(answers[2]) == [111, 110]


def test_without_nojsoncallback_the_document_is_wrapped_in_a_call(open_site):
    query = {"method": "flickr.photos.search", "api_key": API_KEY, "format": "json", "camera": "ash/one"}
    text = requests.get(open_site().flickr_api_url, params=query, timeout=10).text
    assert text.startswith("jsonFlickrApi(")
    assert json.loads(text.removeprefix("jsonFlickrApi(").removesuffix(")"))["stat"] == "ok"


def test_photograph_has_a_page_for_people(open_site):
    answer = requests.get(f"{open_site().url}/photos/1@N01/103/", timeout=10)
    assert answer.status_code == 200
    assert "harbour &lt;at&gt; dusk &amp; 103" in answer.text
