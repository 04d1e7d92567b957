"""The photo site keeps a log of what it serves, and makes the trouble it is asked for."""

import threading
import time

import pytest
import requests

from demo.photo_site.server.log import RequestLog


@pytest.fixture
def original(flickr):
    """Return a function that gives the address of one original of a site."""
    return lambda site: flickr(site, camera="birch/two", extras="url_o")["photos"]["photo"][0]["url_o"]


def test_requests_are_logged_with_what_was_asked_and_sent(open_site, original, client):
    site = open_site()
    url = original(site)
    client.get(url, headers={"Range": "bytes=0-9"}, timeout=10)
    call, ranged = site.requests
    assert call.path == "/services/rest/"
    assert "camera=birch%2Ftwo" in call.query
    assert url.endswith(ranged.path)
    assert (ranged.status, ranged.sent_bytes, ranged.range_header) == (206, 10, "bytes=0-9")
    assert ranged.user_agent == "test/1.0 (tests@example.org)"
    assert call.at_s <= ranged.at_s


def test_downloads_tell_whole_files_from_parts(open_site, original, client, small_uploads):
    site = open_site()
    url = original(site)
    size = (small_uploads / "flickr-111.jpg").stat().st_size
    client.get(url, timeout=10)
    client.get(url, headers={"Range": "bytes=0-9"}, timeout=10)
    client.get(url, headers={"Range": "bytes=0-"}, timeout=10)
    client.get(url, headers={"Range": f"bytes={size}-"}, timeout=10)
    client.head(url, timeout=10)
    assert list(site.downloads) == ["flickr-111.jpg"]
    downloads = site.downloads["flickr-111.jpg"]
    assert (downloads.whole, downloads.partial, downloads.sent_bytes) == (1, 2, 2 * size + 10)


def test_first_requests_fail_as_often_as_asked(open_site, original, client):
    site = open_site(fail_first={"_o.jpg": (429, 2)}, retry_after_s=7)
    url = original(site)
    answers = [client.get(url, timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"


def test_every_nth_request_of_all_is_refused(open_site, client):
    site = open_site(refuse_every=3, retry_after_s=7)
    answers = [client.get(site.url, timeout=10) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [404, 404, 429, 404, 404, 429, 404]
    assert answers[2].headers["Retry-After"] == "7"


def test_failure_of_the_server_has_no_retry_after(open_site, original, client):
    site = open_site(fail_first={"_o.jpg": (500, 1)})
    answer = client.get(original(site), timeout=10)
    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers


def test_site_may_ignore_ranges(open_site, original, client, small_uploads):
    site = open_site(honour_range=False)
    answer = client.get(original(site), headers={"Range": "bytes=0-9"}, timeout=10)
    assert (answer.status_code, answer.content) == (200, (small_uploads / "flickr-111.jpg").read_bytes())
    assert "Accept-Ranges" not in answer.headers


def test_connection_is_cut_in_the_body_as_often_as_asked(open_site, original, client):
    site = open_site(cut_after_bytes={"_o.jpg": (100, 1)})
    url = original(site)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):  # the end came early; a wait would raise another
        client.get(url, timeout=10)
    assert client.get(url, timeout=10).status_code == 200
    assert next(served.sent_bytes for served in site.requests if served.file) == 100
    downloads = site.downloads["flickr-111.jpg"]
    assert (downloads.whole, downloads.partial) == (1, 1)


def test_requests_behind_one_another_are_never_counted_as_parallel(open_site, original, monkeypatch):
    end = RequestLog.end

    def end_late(log, served):
        time.sleep(0.02)  # time enough for a client that has its answer to ask again
        end(log, served)

    monkeypatch.setattr(RequestLog, "end", end_late)
    site = open_site()
    url = original(site)
    for _ in range(5):
        requests.get(url, timeout=10)  # on a connection of its own, so that another thread answers it
        requests.head(url, timeout=10)
    assert site.peak_parallel_requests == 1


def test_requests_beside_one_another_are_counted(open_site, original):
    site = open_site(delay_s=0.5)
    barrier = threading.Barrier(3)

    def fetch():
        barrier.wait()
        requests.get(site.url, timeout=10)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.peak_parallel_requests == 3
    assert sorted(served.in_work for served in site.requests) == [1, 2, 3]
    assert (site.peak_parallel("page"), site.peak_parallel("file")) == (3, 0)


def test_requests_are_counted_by_what_they_are_for(open_site, original, client):
    site = open_site()
    url = original(site)
    client.get(url, timeout=10)
    client.get(site.wikimedia_api_url, timeout=10)
    client.get(f"{site.url}/images/0/00/x.jpg", timeout=10)
    client.get(f"{site.url}/photos/1@N01/103", timeout=10)
    assert [served.kind for served in site.requests] == ["api", "file", "api", "file", "page"]
    assert [site.peak_parallel(kind) for kind in ("api", "file", "page")] == [1, 1, 1]


def test_connection_is_kept_for_further_requests(open_site):
    site = open_site()
    with requests.Session() as session:
        answers = [session.get(site.url, timeout=10, stream=True) for _ in range(2)]
        sockets = {id(answer.raw._original_response) for answer in answers}
        assert len(sockets) == 2
        assert all(answer.headers.get("Connection") != "close" and answer.raw.version == 11 for answer in answers)


def test_paced_client_that_hangs_up_has_cost_little(open_site, original, client, small_uploads):
    size = (small_uploads / "flickr-111.jpg").stat().st_size
    site = open_site(bytes_per_s=size / 2)
    with client.get(original(site), timeout=10, stream=True) as answer:
        next(answer.iter_content(16))
    client.close()
    site.stop()
    sent_bytes = site.downloads["flickr-111.jpg"].sent_bytes
    assert 16 <= sent_bytes < size
    assert site.downloads["flickr-111.jpg"].whole == 0


def test_unknown_setting_is_refused(open_site):
    with pytest.raises(TypeError, match="fail_frist"):
        open_site(fail_frist={})


def test_stopped_site_answers_no_more_even_on_kept_connections(open_site):
    site = open_site()
    with requests.Session() as session:
        assert session.get(site.url, timeout=10).status_code == 404
        site.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(site.url, timeout=10)
