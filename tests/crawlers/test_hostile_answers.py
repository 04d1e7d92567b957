"""Servers that send something other than the file: the row says what, and nothing wrong is ever stored."""

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.slow

STORED, REFUSED, FAILED, LATER = "stored", "refused", "failed", "failed for now"

ODDITIES = {
    # kinds
    "page-of-html": (LATER, "an HTML page instead of the file"),
    "page-called-a-jpeg": (LATER, "an HTML page instead of the file"),
    "page-in-utf-16": (LATER, "a text instead of the file"),
    "xml": (LATER, "an HTML or XML page instead of the file"),
    "json": (LATER, "a text instead of the file"),
    "jpeg-called-a-page": (STORED, ""),
    "png": (REFUSED, "not_jpeg"),
    "gif": (REFUSED, "not_jpeg"),
    "unavailable": (REFUSED, "no_camera_model"),
    "other-size-than-listed": (LATER, "the site states 400×300 pixels and served 320×240"),
    "turned-by-the-site": (STORED, ""),
    "compressed": (FAILED, "compressed though asked not to be"),
    "compressed-bomb": (FAILED, "compressed though asked not to be"),
    "compressed-error": (FAILED, "HTTP 404 (Not Found)"),
    # statuses
    "not-found": (FAILED, "HTTP 404 (Not Found)"),
    "teapot": (LATER, "HTTP 418"),
    "unheard-of": (LATER, "HTTP 799 (unknown status)"),
    "broken": (LATER, "HTTP 500"),
    # addresses
    "redirected-within": (STORED, ""),
    "redirected-away": (LATER, "host 127.0.0.2 is not one of the source's hosts"),
    "redirected-inside": (LATER, "host 169.254.169.254 is not one of the source's hosts"),
    "redirected-forever": (FAILED, "max redirections reached"),
    "redirected-to-a-file": (FAILED, "HTTP 302 (Found)"),
    "redirected-to-data": (FAILED, "HTTP 302 (Found)"),
    "redirected-to-ftp": (FAILED, "HTTP 302 (Found)"),
    "redirected-to-nonsense": (FAILED, "ValueError"),
    "on-another-host": (LATER, "host 127.0.0.2 is not one of the source's hosts"),
    "in-a-file": (FAILED, ""),
    "in-data": (FAILED, ""),
    "no-host": (FAILED, ""),
    "no-address": (FAILED, ""),
    "twin-one": (STORED, ""),
    "twin-two": (STORED, ""),
}
"""What is sent for a file → the state of its photo, and what its row says."""

STATED = {
    "as-stated": (STORED, {}),
    "wrong-sha1": (LATER, {"sha1": "0" * 40}),
    "wrong-size": (LATER, {"size": 4711}),
    "wrong-pixels": (LATER, {"width": 400, "height": 300}),
    "turned-pixels": (STORED, {"width": 240, "height": 320}),
}
"""Files of a wiki, which states size and SHA-1 → the state of the photo, and what it states wrongly."""

HTML = b"\n<!DOCTYPE html><html>Please log in</html>"
BODIES = {
    "page-of-html": (HTML, {"Content-Type": "text/html"}),
    "page-called-a-jpeg": (HTML, {"Content-Type": "image/jpeg"}),
    "page-in-utf-16": (HTML.decode().encode("utf-16"), {}),
    "xml": (b'<?xml version="1.0"?><Error>AccessDenied</Error>', {}),
    "json": (b'{"error": "busy"}', {}),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(10_000), {}),
    "gif": (b"GIF89a" + bytes(10_000), {}),
}
STATUSES = {"not-found": 404, "teapot": 418, "unheard-of": 799, "broken": 500}
SIZES = {"other-size-than-listed": (400, 300), "turned-by-the-site": ("240", "320")}


class _Elsewhere(BaseHTTPRequestHandler):
    """A host that may not be contacted."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_error(404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.elsewhere = ThreadingHTTPServer(("127.0.0.2", 0), _Elsewhere)
        self.elsewhere.asked = []
        self.data = data
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.other_url = f"http://127.0.0.2:{self.elsewhere.server_address[1]}"
        self.locations = {
            "redirected-within": "/whole",
            "redirected-away": f"{self.other_url}/whole",
            "redirected-inside": "http://169.254.169.254/latest/meta-data/",
            "redirected-forever": "/redirected-forever",
            "redirected-to-a-file": "file:///etc/passwd",
            "redirected-to-data": "data:image/jpeg;base64,/9j/",
            "redirected-to-ftp": "ftp://127.0.0.1/whole",
            "redirected-to-nonsense": "http://[::",
        }
        self.addresses = {
            "on-another-host": f"{self.other_url}/x.jpg",
            "in-a-file": "file:///etc/passwd",
            "in-data": "data:image/jpeg;base64,/9j/",
            "no-host": "http://",
            "no-address": "nonsense",
            "twin-one": f"{self.url}/whole",
            "twin-two": f"{self.url}/whole",
        }
        for server in (self, self.elsewhere):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # clients that hang up are what these tests are about

    def stop(self):
        for server in (self, self.elsewhere):
            server.shutdown()
            server.server_close()

    def flickr(self):
        photos = [
            {
                "id": name,
                "owner": "1@N00",
                "title": "half a character \ud83d",
                "license": "4",
                "dateupload": "1577836800",
                "media": "photo",
                "can_download": 1,
                "url_o": self.addresses.get(name, f"{self.url}/{name}"),
                **dict(zip(("o_width", "o_height"), SIZES.get(name, ()), strict=False)),
            }
            for name in ODDITIES
        ]
        return {"photos": {"total": len(photos), "photo": photos}, "stat": "ok"}

    def wiki(self):
        true = {"size": len(self.data), "sha1": hashlib.sha1(self.data, usedforsecurity=False).hexdigest()}
        pages = [
            {
                "pageid": number,
                "ns": 6,
                "title": f"File:{name}.jpg",
                "imageinfo": [{"url": f"{self.url}/{name}", "mime": "image/jpeg", **true, **otherwise}],
            }
            for number, (name, (_, otherwise)) in enumerate(STATED.items(), 1)
        ]
        return {"query": {"pages": pages}}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        parts, data = urlsplit(self.path), self.server.data
        name, asked = parts.path.strip("/"), parse_qs(parts.query)
        if name == "rest":
            is_one = asked.get("camera") == ["acme/one"]
            listing = self.server.flickr() if is_one else {"stat": "ok", "photos": {"total": 0, "photo": []}}
            self.send(200, json.dumps({"licenses": {"license": []}, **listing}).encode())
        elif name == "api.php":
            is_one = "Taken with Acme One" in asked.get("gcmtitle", [""])[0]
            listing = self.server.wiki() if is_one else {"query": {"pages": [], "categorymembers": []}}
            self.send(200, json.dumps(listing).encode())
        elif name in self.server.locations:
            self.send(302, Location=self.server.locations[name])
        elif name in BODIES:
            self.send(200, BODIES[name][0], **BODIES[name][1])
        elif name in STATUSES:
            self.send(STATUSES[name], b"short and stout")
        elif name == "jpeg-called-a-page":
            self.send(200, data, Content_Type="text/html; charset=utf-16")
        elif name == "unavailable":
            self.send(200, b"\xff\xd8" + data[data.index(b"\xff\xdb") :])  # the picture without its EXIF
        elif name.startswith("compressed"):
            body = gzip.compress(bytes(1 << 26) if name == "compressed-bomb" else data)
            self.send(404 if name == "compressed-error" else 200, body, Content_Encoding="gzip")
        else:
            self.send(200, data)


@pytest.fixture(scope="module")
def photo(uploads):
    return (uploads.folder / "genuine-0.jpg").read_bytes()


@pytest.fixture(scope="module")
def server(photo):
    server = _Server(photo)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def crawl(server, make_crawler):
    def crawl(source, path):
        crawler = make_crawler()
        section = {"api_url": f"{server.url}/{path}", "hosts": ["127.0.0.1"], "file_requests": 4}
        crawler.tree["sources"] = {source: {**section, "since": "2020-01-01", "until": "2020-02-01"}}
        done = crawler.run(source, "crawl.retries=0")
        assert done.exit_code == 0, done.log
        assert "Traceback" not in done.log
        return crawler

    return crawl


@pytest.fixture(scope="module")
def crawler(crawl):
    return crawl("flickr", "rest")


@pytest.fixture(scope="module")
def rows(crawler):
    return {row["photo"].removeprefix("flickr:"): row for row in crawler.rows("flickr")}


def outcome(row):
    return LATER if row["state"] == "failed" and row["is_transient"] else row["state"]


@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_odd_response_ends_as_one_row_that_says_what_it_was(oddity, rows):
    expected, says = ODDITIES[oddity]
    row = rows[oddity]
    assert outcome(row) == expected, row["error"]
    assert says in (",".join(row["reasons"]) if expected == REFUSED else row["error"] or "")


def test_every_photo_has_a_row_and_no_other_has(rows, crawler):
    assert len(crawler.rows("flickr")) == len(rows)
    assert rows.keys() == ODDITIES.keys()


def test_the_store_holds_exactly_the_files_of_the_stored_rows_as_served(rows, crawler, photo):
    originals = {path: data for path, data in crawler.tree_of_bytes().items() if path.startswith("originals/")}
    assert originals.keys() == {row["original"] for row in rows.values() if row["state"] == "stored"}
    assert set(originals.values()) == {photo}


def test_other_hosts_are_never_contacted(rows, server):
    assert server.elsewhere.asked == []


def test_bytes_that_differ_from_what_the_wiki_states_are_fetched_again_and_not_stored(crawl, photo):
    crawler = crawl("wikimedia", "api.php")
    rows = {row["title"].removesuffix(".jpg"): row for row in crawler.rows("wikimedia")}
    assert {name: outcome(row) for name, row in rows.items()} == {name: state for name, (state, _) in STATED.items()}
    assert "SHA-1" in rows["wrong-sha1"]["error"]
    assert "states 4711 bytes" in rows["wrong-size"]["error"]
    assert "400×300 pixels" in rows["wrong-pixels"]["error"]
    for row in rows.values():
        if row["state"] == "stored":
            assert crawler.store.read(row["original"]) == photo
