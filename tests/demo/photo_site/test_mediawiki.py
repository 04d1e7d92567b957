"""The Wikimedia half of the photo site answers as MediaWiki does."""

import hashlib

import pytest
import requests

from demo.uploads.upload import read_listing

FIRST_S = 1_600_000_000
ASH = "Category:Taken with Ash One"
ALL_PROPERTIES = "url|size|sha1|mime|user|timestamp|extmetadata|commonmetadata"
BATCH = {
    "generator": "categorymembers",
    "gcmtitle": ASH,
    "gcmtype": "file",
    "prop": "imageinfo",
    "iiprop": ALL_PROPERTIES,
}


def walk(wiki, site, **query):
    """Return all answers of a query, each `continue` object passed back whole."""
    answers = [wiki(site, **query)]
    while "continue" in answers[-1]:
        answers.append(wiki(site, **query, **answers[-1]["continue"]))
        assert len(answers) < 50
    return answers


def described(answers):
    """Return page id → imageinfo of all pages that have one."""
    pages = [page for answer in answers for page in answer["query"]["pages"]]
    return {page["pageid"]: page["imageinfo"][0] for page in pages if "imageinfo" in page}


def test_the_site_says_what_it_is_and_how_many_files_a_category_has(wiki, open_site):
    site = open_site()
    assert wiki(site, meta="siteinfo", siprop="general|dbrepllag")["query"]["general"]["sitename"] == "Photo site"
    rows = wiki(site, titles=f"{ASH}|Category:None", prop="categoryinfo")["query"]["pages"]
    assert [row.get("categoryinfo", {}).get("files") for row in rows] == [7, None]
    assert rows[1]["missing"]


def test_category_lists_its_files_and_its_subcategory(wiki, open_site):
    site = open_site()
    files = wiki(site, list="categorymembers", cmtitle=ASH, cmtype="file", cmlimit="max")["query"]["categorymembers"]
    assert [(row["pageid"], row["ns"]) for row in files] == [(n, 6) for n in (200, 201, 202, 204, 205, 206, 208)]
    assert files[0]["title"] == "File:Harbour at dusk & 200 200.jpg"
    subcategories = wiki(site, list="categorymembers", cmtitle=ASH, cmtype="subcat")["query"]["categorymembers"]
    assert [(row["ns"], row["title"]) for row in subcategories] == [(14, f"{ASH} (details)")]


def test_subcategory_holds_other_files_and_its_own_parent(wiki):
    rows = wiki(list="categorymembers", cmtitle=f"{ASH} (details)", cmtype="file|subcat")["query"]["categorymembers"]
    assert [row["title"] for row in rows] == [
        "File:Harbour at dusk & 203 203.jpg",
        "File:Harbour at dusk & 207 207.jpg",
        ASH,
    ]


def test_type_is_ignored_when_sorted_by_timestamp(wiki):
    query = {"list": "categorymembers", "cmtitle": ASH, "cmtype": "file", "cmlimit": "max", "cmsort": "timestamp"}
    assert {row["ns"] for row in wiki(**query)["query"]["categorymembers"]} == {6, 14}


def test_timestamps_bound_a_category_inclusively_in_both_directions(wiki, open_site):
    site = open_site()
    query = {"list": "categorymembers", "cmtitle": ASH, "cmsort": "timestamp"}
    asc = wiki(site, **query, cmstart="2020-09-13T12:26:41Z", cmend="2020-09-13T13:33:20Z")
    desc = wiki(site, **query, cmdir="desc", cmstart="20200913133320", cmend=FIRST_S + 1)
    assert [row["pageid"] for row in asc["query"]["categorymembers"]] == [201, 202, 204]
    assert [row["pageid"] for row in desc["query"]["categorymembers"]] == [204, 202, 201]


def test_every_file_is_described_when_all_of_continue_is_passed_back(wiki, open_site):
    for sort in ("timestamp", "sortkey"):
        answers = walk(wiki, open_site(imageinfo_per_answer=2), **BATCH, gcmlimit=3, gcmsort=sort)
        assert set(described(answers)) == {200, 201, 202, 204, 205, 206, 208}


def test_batch_is_described_in_parts_before_the_next_begins(wiki, open_site):
    answers = walk(wiki, open_site(imageinfo_per_answer=2), **BATCH, gcmlimit=3)
    assert [[page["pageid"] for page in answer["query"]["pages"]] for answer in answers[:3]] == [
        [200, 201, 202],
        [200, 201, 202],
        [204, 205, 206],
    ]
    assert [set(described([answer])) for answer in answers[:2]] == [{200, 201}, {202}]
    assert answers[0]["continue"] == {
        "iicontinue": "Harbour_at_dusk_&_202_202.jpg|20200913130000",
        "continue": "||",
    }
    assert ["batchcomplete" in answer for answer in answers] == [False, True, False, True, True]
    assert set(answers[1]["continue"]) == {"gcmcontinue", "continue"}
    assert set(answers[2]["continue"]) == {"gcmcontinue", "iicontinue", "continue"}


def test_files_are_lost_when_only_the_generator_is_continued(wiki, open_site):
    site = open_site(imageinfo_per_answer=2)
    first = wiki(site, **BATCH, gcmlimit=3)
    second = wiki(site, **BATCH, gcmlimit=3, iicontinue=first["continue"]["iicontinue"])
    third = wiki(site, **BATCH, gcmlimit=3, gcmcontinue=second["continue"]["gcmcontinue"])
    fourth = wiki(site, **BATCH, gcmlimit=3, gcmcontinue=third["continue"]["gcmcontinue"])  # without its iicontinue
    assert fourth["query"]["pages"] == third["query"]["pages"]


def test_description_holds_size_digest_user_and_exif_before_any_download(wiki, open_site, small_uploads):
    site = open_site()
    info = described(walk(wiki, site, **BATCH, gcmlimit="max"))[205]
    upload = next(u for u in read_listing(small_uploads)[0] if u.file == "wikimedia-205.jpg")
    assert (info["size"], info["width"], info["height"]) == (upload.size_bytes, 64, 48)
    assert info["sha1"] == upload.sha1
    assert info["user"] == "Ann & Co 1"
    assert info["timestamp"] == "2020-09-13T13:50:00Z"
    assert info["mime"] == "image/jpeg"
    assert {"name": "Make", "value": "Ash"} in info["commonmetadata"]
    assert {"name": "ExposureTime", "value": "1/125"} in info["commonmetadata"]
    assert info["descriptionurl"] == f"{site.url}/wiki/File:Harbour_at_dusk_%26_205_205.jpg"
    folder = hashlib.md5(b"Harbour_at_dusk_&_205_205.jpg").hexdigest()
    assert info["url"] == f"{site.url}/images/{folder[0]}/{folder[:2]}/Harbour_at_dusk_%26_205_205.jpg"


def test_licence_and_artist_are_html(wiki):
    extended = described([wiki(**BATCH, gcmlimit="max")])[200]["extmetadata"]
    assert extended["Artist"]["value"].endswith('title="User:Ann &amp; Co 2">Ann &amp; Co 2</a>')
    assert extended["LicenseShortName"]["value"] == '<span lang="en">CC BY-SA 4.0</span>'
    assert extended["LicenseUrl"]["value"] == "https://creativecommons.org/licenses/by-sa/4.0/"
    assert extended["UsageTerms"]["value"] == "<i>CC BY-SA 4.0</i>"


def test_only_properties_asked_for_are_told(wiki):
    info = described([wiki(**{**BATCH, "iiprop": "sha1"}, gcmlimit="max")])[200]
    assert set(info) == {"sha1"}


def test_media_type_is_that_of_the_bytes_not_of_the_name(wiki):
    info = described([wiki(**{**BATCH, "gcmtitle": "Category:Taken with Birch Two"})])[209]
    assert info["mime"] == "image/png"
    assert info["commonmetadata"] == []


def test_missing_file_says_so_and_cannot_be_had(wiki, open_site, client):
    site = open_site(missing_files=["200"])
    infos = described([wiki(site, **BATCH, gcmlimit="max")])
    assert set(infos[200]) == {"descriptionurl", "descriptionshorturl", "filemissing"}
    well = described([wiki(**BATCH, gcmlimit="max")])[200]["url"]
    path = "/" + well.split("/", 3)[3]
    assert client.get(site.url + path, timeout=10).status_code == 404


def test_first_format_keys_pages_by_id_and_writes_true_as_empty_text(wiki, open_site):
    site = open_site(missing_files=["200"], imageinfo_per_answer=3)
    answer = wiki(site, **BATCH, gcmlimit=4, formatversion="1")
    assert list(answer["query"]["pages"]) == ["200", "201", "202", "204"]
    assert answer["query"]["pages"]["200"]["imageinfo"][0]["filemissing"] == ""
    assert set(answer["warnings"]["result"]) == {"*"}
    complete = wiki(site, list="categorymembers", cmtitle=ASH, formatversion="1")
    assert complete["batchcomplete"] == ""
    assert isinstance(complete["query"]["categorymembers"], list)
    assert set(wiki(site, list="categorymembers", formatversion="1")["error"]) == {"code", "info", "*"}


def test_unknown_category_is_empty(wiki, open_site):
    site = open_site()
    assert wiki(site, list="categorymembers", cmtitle="Category:Nope")["query"] == {"categorymembers": []}
    assert wiki(site, **{**BATCH, "gcmtitle": "Category:Nope"}) == {"batchcomplete": True}


def test_titles_are_normalised_and_unknown_ones_are_missing(wiki):
    titles = "File:harbour_at_dusk_&_200_200.jpg|File:Nope.jpg"
    pages = wiki(titles=titles, prop="imageinfo", iiprop="sha1")["query"]["pages"]
    assert [(page["title"], "missing" in page, "imageinfo" in page) for page in pages] == [
        ("File:Harbour at dusk & 200 200.jpg", False, True),
        ("File:Nope.jpg", True, False),
    ]


SEARCH = {"generator": "search", "gsrnamespace": 6, "prop": "imageinfo", "iiprop": "sha1"}


def test_search_by_camera_finds_files_of_all_categories_in_batches(wiki, open_site):
    site = open_site(imageinfo_per_answer=2)
    query = {**SEARCH, "gsrsearch": "haswbstatement:P4082=Q11", "gsrlimit": 4, "gsrsort": "create_timestamp_asc"}
    answers = walk(wiki, site, **query)
    assert sorted(described(answers)) == list(range(200, 209))
    assert answers[0]["continue"] == {"iicontinue": "Harbour_at_dusk_&_202_202.jpg|20200913130000", "continue": "||"}
    assert answers[1]["continue"] == {"gsroffset": "4", "continue": "gsroffset||"}
    assert answers[2]["continue"]["gsroffset"] == "4"


def test_search_ends_at_the_limit_of_results(wiki, open_site):
    site = open_site(search_results_max=5)
    answers = walk(wiki, site, **SEARCH, gsrsearch="haswbstatement:P4082=Q11", gsrlimit=2)
    assert sorted(described(answers)) == [200, 201, 202, 203, 204]


@pytest.mark.parametrize(
    "changes", [{"gsrsearch": "haswbstatement:P4082=Q99"}, {"gsrsearch": "harbour"}, {"gsrnamespace": 0}]
)
def test_search_for_anything_else_finds_nothing(wiki, changes):
    assert wiki(**{**SEARCH, "gsrsearch": "haswbstatement:P4082=Q11", **changes}) == {"batchcomplete": True}


def test_pages_are_found_by_their_ids_and_unknown_ones_are_missing(wiki):
    pages = wiki(pageids="201|999|203|201", prop="imageinfo", iiprop="sha1")["query"]["pages"]
    assert [page["pageid"] for page in pages] == [201, 203, 999]
    assert ["imageinfo" in page for page in pages] == [True, True, False]
    assert pages[2] == {"pageid": 999, "missing": True}


def test_a_picture_stored_lying_is_told_upright(wiki, open_site, turned_uploads):
    site = open_site(folder=turned_uploads)
    info = wiki(site, pageids="300", prop="imageinfo", iiprop="size|commonmetadata")["query"]["pages"][0]["imageinfo"][
        0
    ]
    assert (info["width"], info["height"]) == (48, 64)
    assert {"name": "Orientation", "value": 6} in info["commonmetadata"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"action": "zap"}, "badvalue"),
        ({"list": "categorymembers"}, "missingparam"),
        ({**SEARCH}, "missingparam"),
        ({**SEARCH, "gsrsearch": "x", "gsrsort": "by_beauty"}, "badvalue"),
        ({"pageids": "1|x"}, "badinteger"),
        ({"pageids": "|".join(map(str, range(51)))}, "toomanyvalues"),
        ({"list": "categorymembers", "cmtitle": "Nope"}, "invalidcategory"),
        ({"list": "categorymembers", "cmtitle": ASH, "cmcontinue": "zzz"}, "badcontinue"),
        ({**BATCH, "iicontinue": "zzz"}, "badcontinue"),
        ({"list": "categorymembers", "cmtitle": ASH, "cmsort": "timestamp", "cmstart": "yesterday"}, "badtimestamp"),
    ],
)
def test_wrong_requests_are_named(wiki, query, code):
    assert wiki(**query)["error"]["code"] == code


def test_limits_above_500_are_lowered_with_a_warning(wiki):
    answer = wiki(list="categorymembers", cmtitle=ASH, cmlimit=600)
    assert answer["warnings"]["categorymembers"]["warnings"].endswith("must be between 1 and 500.")
    assert len(answer["query"]["categorymembers"]) == 8


def test_lagging_wiki_asks_those_who_care_to_wait(open_site, client):
    site = open_site(maxlag_answers=1, retry_after_s=3)
    query = {"action": "query", "format": "json", "list": "categorymembers", "cmtitle": ASH}
    careless = client.get(site.wikimedia_api_url, params=query, timeout=10)
    assert "error" not in careless.json()
    first, second = (client.get(site.wikimedia_api_url, params={**query, "maxlag": 5}, timeout=10) for _ in range(2))
    assert first.status_code == 200
    assert first.json()["error"]["code"] == "maxlag"
    assert first.headers["Retry-After"] == "3"
    assert first.headers["MediaWiki-API-Error"] == "maxlag"
    assert "error" not in second.json()


@pytest.mark.parametrize(("agent", "status"), [("python-requests/2", 403), ("", 403), ("x (a@b.org)", 200)])
def test_client_must_name_somebody_to_write_to(open_site, agent, status):
    query = {"action": "query", "list": "categorymembers", "cmtitle": ASH, "format": "json"}
    answer = requests.get(open_site().wikimedia_api_url, params=query, headers={"User-Agent": agent}, timeout=10)
    assert answer.status_code == status


def test_file_has_a_page_for_people(wiki, open_site, client):
    site = open_site()
    url = described([wiki(site, **BATCH)])[200]["descriptionurl"]
    page = client.get(url, timeout=10)
    assert page.status_code == 200
    assert "CC BY-SA 4.0" in page.text
