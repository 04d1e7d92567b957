"""`scrapy crawl wikimedia` against a site that answers as Wikimedia Commons does."""

import pytest

pytestmark = pytest.mark.slow

PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)


@pytest.fixture(scope="module")
def missing(uploads):
    return uploads.of("wikimedia")[0]


@pytest.fixture(scope="module")
def site(start_site, missing):
    return start_site(imageinfo_per_answer=2, maxlag_answers=1, missing_files=[missing.id])


@pytest.fixture(scope="module")
def crawler(site, make_crawler):
    return make_crawler(site)


@pytest.fixture(scope="module")
def crawl(crawler):
    return crawler.run("wikimedia")


@pytest.fixture(scope="module")
def rows(crawl, crawler):
    return {row["photo"]: row for row in crawler.rows("wikimedia")}


def test_the_crawl_succeeds_though_the_servers_lag_at_first(crawl, crawler, uploads):
    assert crawl.exit_code == 0, crawl.log
    receipt = crawler.store.read_json("receipts/crawl-wikimedia.json")
    assert receipt["found"] == len(uploads.of("wikimedia"))


def test_every_file_of_the_categories_and_subcategories_has_exactly_one_row(crawl, crawler, uploads):
    photos = sorted(row["photo"] for row in crawler.rows("wikimedia"))
    assert photos == sorted(f"wikimedia:{each.id}" for each in uploads.of("wikimedia"))


def test_genuine_photos_are_stored_byte_for_byte_and_the_others_have_their_reasons(rows, crawler, uploads, missing):
    for each in uploads.of("wikimedia"):
        row = rows[f"wikimedia:{each.id}"]
        if each == missing:
            continue
        assert tuple(row["reasons"]) == each.expected_reasons
        assert row["site_sha1"] == each.sha1
        if not each.expected_reasons:
            assert crawler.store.read(row["original"]) == uploads.data(each)


def test_a_page_without_its_file_has_a_failed_row(rows, missing):
    row = rows[f"wikimedia:{missing.id}"]
    assert row["state"] == "failed"
    assert "filemissing" in row["error"]


def test_author_and_licence_are_read_from_html(rows, uploads):
    row = rows[f"wikimedia:{uploads.of('wikimedia')[1].id}"]
    assert (row["owner_name"], row["licence"]) == ("Owner <1>", "CC BY 2.0")
    assert row["licence_url"] == "https://creativecommons.org/licenses/by/2.0/"
    assert "/wiki/File:" in row["page_url"]


def test_a_second_crawl_downloads_nothing_and_changes_nothing(crawl, crawler, site):
    before, requests = crawler.tree_of_bytes(), len(site.requests)
    assert crawler.run("wikimedia").exit_code == 0
    assert crawler.tree_of_bytes() == before
    assert {request.path for request in site.requests[requests:]} == {"/w/api.php"}  # subcategories may be new


def test_a_file_that_is_not_what_the_site_states_is_not_stored(start_site, make_crawler, uploads):
    folder = uploads.write_again()
    spoilt, other = folder.of("wikimedia")[0], folder.of("wikimedia")[1]
    data = bytearray(folder.data(spoilt))
    data[-100] ^= 1
    (folder.folder / spoilt.file).write_bytes(data)
    (folder.folder / other.file).write_bytes(PNG)  # and one that is no JPEG according to the wiki
    site = start_site(folder)
    crawler = make_crawler(site)
    assert crawler.run("wikimedia", "cameras=[acme-one]").exit_code == 0
    rows = {row["photo"]: row for row in crawler.rows("wikimedia")}
    assert rows[f"wikimedia:{spoilt.id}"]["state"] == "failed"
    assert "SHA-1" in rows[f"wikimedia:{spoilt.id}"]["error"]
    assert rows[f"wikimedia:{other.id}"]["reasons"] == ["not_jpeg"]
    assert other.file not in site.downloads
