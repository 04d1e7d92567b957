"""Later crawls: what they fetch and what they leave alone as sites, rules and time change."""

import dataclasses
import os
import time

import pytest

pytestmark = pytest.mark.slow

DAY_S = 86400


@pytest.fixture
def world(start_site, make_crawler, uploads):
    """Return a function that crawls a new site with some settings and returns both site and crawler."""

    def begin(source, **settings):
        site = start_site(uploads.write_again())
        crawler = make_crawler(site)
        crawler.tree["sources"][source] |= settings
        crawl = crawler.run(source)
        assert crawl.exit_code == 0, crawl.log
        return site, crawler

    return begin


def grow_old(crawler, source, days):
    """Date the listings of a crawl's windows back by some days."""
    then_s = time.time() - days * DAY_S
    for path in (crawler.folder / "data" / "crawl" / source).glob("[!_]*/*"):
        if path.name == "listed" and path.stat().st_size:
            path.write_text(repr(then_s))
        elif path.name in ("listed", "_done.json"):
            os.utime(path, (then_s,) * 2)


def rows_by_photo(crawler, source):
    rows = {}
    for row in crawler.rows(source):
        rows.setdefault(row["photo"], []).append(row)
    return rows


def file_requests(site, before):
    return [request.path for request in site.requests[before:] if request.file]


def run(crawler, source, *settings):
    crawl = crawler.run(source, *settings)
    assert crawl.exit_code == 0, crawl.log
    return crawl


@pytest.mark.parametrize("source", ["flickr", "wikimedia"])
def test_windows_are_listed_anew_when_due_and_nothing_is_fetched_twice(world, source):
    site, crawler = world(source, revisit_days=30)
    before, tree = len(site.requests), crawler.tree_of_bytes()
    run(crawler, source)
    lately = len(site.requests) - before
    grow_old(crawler, source, 31)
    run(crawler, source)
    assert len(site.requests) - before - lately > lately
    assert file_requests(site, before) == []
    assert crawler.tree_of_bytes() == tree
    between = len(site.requests)
    run(crawler, source)  # they have just been listed
    assert len(site.requests) - between == lately


@pytest.mark.parametrize("source", ["flickr", "wikimedia"])
def test_photos_that_appear_late_are_found_within_the_look_back(start_site, make_crawler, uploads, source):
    first_s = int(time.time()) - 3 * DAY_S
    of_now = [
        dataclasses.replace(each, uploaded_at_s=first_s + 60 * place) for place, each in enumerate(uploads.listed)
    ]
    site = start_site(dataclasses.replace(uploads, listed=of_now).write_again())
    crawler = make_crawler(site)
    since = time.strftime("%Y-%m-%d", time.gmtime(first_s - DAY_S))
    crawler.tree["sources"][source] |= {"since": since, "until": None, "look_back_days": 2, "revisit_days": 0}
    run(crawler, source)
    late = dataclasses.replace(of_now[0], site=source, id="7777", title="Late")
    site.add(late)
    grow_old(crawler, source, 1)
    run(crawler, source)  # the window ended a moment ago, so within two days
    (row,) = rows_by_photo(crawler, source)[f"{source}:7777"]
    assert row["state"] == "stored"
    assert all(len(rows) == 1 for rows in rows_by_photo(crawler, source).values())
    site.add(dataclasses.replace(late, id="7778", title="Too late"))
    grow_old(crawler, source, 1)
    run(crawler, source, f"sources.{source}.look_back_days=0")
    assert f"{source}:7778" not in rows_by_photo(crawler, source)


def test_a_photo_that_keeps_failing_does_not_hide_late_photos_of_its_window(start_site, make_crawler, uploads):
    first_s = int(time.time()) - 3 * DAY_S
    of_now = [dataclasses.replace(each, uploaded_at_s=first_s + place) for place, each in enumerate(uploads.listed)]
    site = start_site(dataclasses.replace(uploads, listed=of_now).write_again(), fail_first={"/1000_": (500, 9)})
    crawler = make_crawler(site)
    since = time.strftime("%Y-%m-%d", time.gmtime(first_s - DAY_S))
    crawler.tree["sources"]["flickr"] |= {"since": since, "until": None, "revisit_days": 0}
    run(crawler, "flickr", "crawl.retries=0")
    site.add(dataclasses.replace(of_now[1], id="7777", title="Late"))
    grow_old(crawler, "flickr", 1)
    run(crawler, "flickr", "crawl.retries=0")
    rows = rows_by_photo(crawler, "flickr")
    assert (rows["flickr:1000"][0]["attempts"], rows["flickr:7777"][0]["state"]) == (2, "stored")


@pytest.mark.parametrize("source", ["flickr", "wikimedia"])
def test_a_replaced_original_is_fetched_beside_the_old_one(world, uploads, source):
    site, crawler = world(source, revisit_days=30)
    each = uploads.of(source)[0]
    old = rows_by_photo(crawler, source)[f"{source}:{each.id}"]
    site.replace(each.id, "genuine-3.jpg")
    grow_old(crawler, source, 31)
    run(crawler, source)
    rows = rows_by_photo(crawler, source)[f"{source}:{each.id}"]
    assert len(rows) == 2
    assert old[0] in rows
    files = {crawler.store.read(row["original"]) for row in rows}
    assert files == {uploads.data(each), (uploads.folder / "genuine-3.jpg").read_bytes()}


@pytest.mark.parametrize("source", ["flickr", "wikimedia"])
def test_a_deleted_photo_is_marked_and_its_original_stays(world, uploads, source):
    site, crawler = world(source, revisit_days=30)
    each = uploads.of(source)[0]
    site.delete(each.id)
    grow_old(crawler, source, 31)
    run(crawler, source)
    (row,) = rows_by_photo(crawler, source)[f"{source}:{each.id}"]
    assert row["state"] == "deleted"
    assert crawler.store.exists(row["original"])
    assert crawler.store.read_json(f"receipts/crawl-{source}.json")["deleted"] == 1


def test_refused_photos_are_fetched_again_only_when_other_rules_would_let_them_in(world, uploads):
    site, crawler = world("flickr")
    before = len(site.requests)
    run(crawler, "flickr", "rules.quality_factor_min=96")  # stricter: nothing is fetched
    assert file_requests(site, before) == []
    run(crawler, "flickr", "rules.native_size=false")
    rows = {photo: rows[0] for photo, rows in rows_by_photo(crawler, "flickr").items()}
    by_file = {each.file: rows[f"flickr:{each.id}"] for each in uploads.of("flickr")}
    assert by_file["resized.jpg"]["state"] == "stored"
    assert by_file["edited-and-resized.jpg"]["reasons"] == ["edited_by_software"]
    asked = {path.rpartition("/")[2].partition("_")[0] for path in file_requests(site, before)}
    # the latter was refused by its listing, which did not mention an editor
    assert asked == {each.id for each in uploads.of("flickr") if each.file in ("resized.jpg", "edited-and-resized.jpg")}
    between = len(site.requests)
    run(crawler, "flickr", "rules.native_size=false")
    assert file_requests(site, between) == []


def test_photos_of_a_licence_that_is_newly_allowed_are_fetched(start_site, make_crawler, uploads):
    listed = [
        dataclasses.replace(each, licence="0") if each.file == "genuine-0.jpg" else each for each in uploads.listed
    ]
    site = start_site(dataclasses.replace(uploads, listed=listed).write_again())
    crawler = make_crawler(site)
    run(crawler, "flickr", "cameras=[acme-one]")
    photo = next(f"flickr:{each.id}" for each in uploads.of("flickr") if each.file == "genuine-0.jpg")
    assert rows_by_photo(crawler, "flickr")[photo][0]["reasons"] == ["licence_not_allowed"]
    run(crawler, "flickr", "cameras=[acme-one]", "sources.flickr.licences=['0','4']")
    (row,) = rows_by_photo(crawler, "flickr")[photo]
    assert row["state"] == "stored"


def test_a_forgotten_photo_is_not_fetched_again(world, uploads, repository):
    site, crawler = world("flickr", revisit_days=30)
    each = uploads.of("flickr")[0]
    assert crawler.module("crawlers.forget", f"flickr:{each.id}").returncode == 0
    before = len(site.requests)
    grow_old(crawler, "flickr", 31)
    run(crawler, "flickr", "rules.quality_factor_min=90")
    (row,) = rows_by_photo(crawler, "flickr")[f"flickr:{each.id}"]
    assert (row["state"], row["reasons"], row["owner_id"]) == ("refused", ["forgotten"], None)
    assert not [path for path in file_requests(site, before) if f"/{each.id}_" in path]


def test_the_next_attempt_waits_longer_with_every_crawl_that_fails(start_site, make_crawler):
    site = start_site(fail_first={"/1000_": (500, 6)})
    crawler = make_crawler(site)
    run(crawler, "flickr", "crawl.retries=0")
    run(crawler, "flickr", "crawl.retries=0")
    (row,) = rows_by_photo(crawler, "flickr")["flickr:1000"]
    assert (row["state"], row["attempts"], row["is_transient"], row["http_status"]) == ("failed", 2, True, 500)
    before = len(site.requests)
    run(crawler, "flickr", "crawl.retries=0")  # an hour has not passed
    assert file_requests(site, before) == []
