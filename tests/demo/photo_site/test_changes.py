"""What is on the photo site can be replaced, deleted and added while it runs."""

import dataclasses
import hashlib
import threading

import pytest

from demo.uploads.upload import read_listing


@pytest.fixture
def site(open_site, changing_uploads):
    return open_site(folder=changing_uploads)


def original_url(flickr, site, photo_id):
    photos = flickr(site, camera="ash/one", extras="url_o,o_dims")["photos"]["photo"]
    return next(photo["url_o"] for photo in photos if photo["id"] == photo_id)


def info(wiki, site, number):
    query = {"pageids": number, "prop": "imageinfo", "iiprop": "url|sha1|timestamp|size|commonmetadata"}
    return wiki(site, **query)["query"]["pages"][0]["imageinfo"][0]


def test_a_replaced_file_of_the_wiki_has_another_digest_and_time_at_the_same_address(
    site, wiki, client, changing_uploads
):
    old = info(wiki, site, 200)
    site.replace("200", "other.jpg")
    new, data = info(wiki, site, 200), (changing_uploads / "other.jpg").read_bytes()
    assert new["sha1"] == hashlib.sha1(data).hexdigest() != old["sha1"]
    assert new["timestamp"] > old["timestamp"]
    assert {"name": "Make", "value": "Birch"} in new["commonmetadata"]
    assert new["url"] == old["url"]
    assert client.get(new["url"], timeout=10).content == data


def test_a_replaced_file_stays_in_its_category_since_it_came_into_it(site, wiki):
    query = {"list": "categorymembers", "cmtitle": "Category:Taken with Ash One", "cmprop": "ids|timestamp"}
    before = wiki(site, **query)
    site.replace("200", "other.jpg")
    assert wiki(site, **query) == before


def test_a_replaced_original_of_flickr_has_another_address_and_the_old_one_is_gone(
    site, flickr, client, changing_uploads
):
    old = original_url(flickr, site, "100")
    site.replace("100", "other.jpg")
    new = original_url(flickr, site, "100")
    assert client.get(new, timeout=10).content == (changing_uploads / "other.jpg").read_bytes()
    assert client.get(old, timeout=10).status_code == 404


def test_a_range_of_the_file_before_brings_the_whole_new_one(site, wiki, client):
    old = client.get(info(wiki, site, 200)["url"], timeout=10)
    site.replace("200", "other.jpg")
    for condition in (old.headers["ETag"], old.headers["Last-Modified"]):
        answer = client.get(old.url, headers={"Range": "bytes=0-9", "If-Range": condition}, timeout=10)
        assert answer.status_code == 200


def test_deleted_photos_are_gone_from_lists_pages_and_files(site, wiki, flickr, client):
    url, original = info(wiki, site, 200)["url"], original_url(flickr, site, "100")
    site.delete("200")
    site.delete("100")
    assert wiki(site, pageids="200")["query"]["pages"] == [{"pageid": 200, "missing": True}]
    listed = wiki(site, list="categorymembers", cmtitle="Category:Taken with Ash One", cmtype="file")
    assert [row["pageid"] for row in listed["query"]["categorymembers"]] == [201]
    assert [photo["id"] for photo in flickr(site, camera="ash/one")["photos"]["photo"]] == ["101"]
    assert flickr(site, method="flickr.photos.getInfo", photo_id="100")["code"] == 1
    assert [client.get(each, timeout=10).status_code for each in (url, original)] == [404, 404]


def test_added_photos_are_listed_and_served(site, wiki, flickr, changing_uploads):
    uploads, _ = read_listing(changing_uploads)
    for number, (upload_id, model) in enumerate((("150", uploads[0]), ("250", uploads[2]))):
        site.add(dataclasses.replace(model, id=upload_id, file="other.jpg", uploaded_at_s=model.uploaded_at_s + number))
    assert original_url(flickr, site, "150")
    assert info(wiki, site, 250)["width"] == 64
    with pytest.raises(ValueError, match="150 is there already"):
        site.add(dataclasses.replace(uploads[0], id="150"))


def test_categories_keep_their_page_ids_when_files_are_added(site, wiki, changing_uploads):
    query = {"list": "categorymembers", "cmtitle": "Category:Taken with Ash One", "cmtype": "subcat"}
    before = wiki(site, **query)
    site.add(dataclasses.replace(read_listing(changing_uploads)[0][2], id="250"))
    assert wiki(site, **query) == before


def test_what_is_not_there_cannot_be_changed(site):
    for change in (lambda: site.delete("999"), lambda: site.replace("999", "other.jpg")):
        with pytest.raises(KeyError, match="999"):
            change()


def test_many_changes_at_once_are_all_made(site, flickr, changing_uploads):
    model, _ = read_listing(changing_uploads)[0][:2]
    new = [dataclasses.replace(model, id=str(number)) for number in range(1000, 1020)]
    threads = [threading.Thread(target=site.add, args=(upload,)) for upload in new]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flickr(site, camera="ash/one")["photos"]["total"] == 22


def test_trouble_that_ends_is_not_begun_anew_by_a_change(open_site, changing_uploads, flickr):
    site = open_site(folder=changing_uploads, unavailable_answers=1)
    assert flickr(site, camera="ash/one")["code"] == 105
    site.delete("100")
    assert flickr(site, camera="ash/one")["stat"] == "ok"
