"""File servers that bend the rules of HTTP: every photo still ends as one row, and bytes are never mixed up."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

ODDITIES = {
    "redirected-within": ("stored", None, None),
    "redirected-away": ("failed", None, "host localhost is not one of the source's hosts"),
    "redirected-forever": ("failed", None, "max redirections reached"),
    "refuses-ranges": ("stored", None, None),
    "empty": ("refused", ["unreadable"], "offset 0"),
    "changes-between-ranges": ("stored", None, None),
    "changes-its-size": ("stored", None, None),
    "sends-less-than-asked": ("stored", None, None),
    "sends-the-wrong-range": ("stored", None, None),
    "does-not-know-its-size": ("stored", None, None),
    "sends-in-chunks": ("stored", None, None),
    "hangs-up": ("failed", None, "DownloadFailedError"),
    "not-found": ("failed", None, "HTTP 404 (Not Found)"),
    "teapot": ("failed", None, "HTTP 418"),
    "page-of-html": ("refused", ["unreadable"], "not a JPEG"),
    "png": ("refused", ["unreadable"], "PNG"),
    "no-host": ("failed", None, "is not one of the source's hosts"),
    "no-address": ("failed", None, "Missing scheme"),
}
"""How a file is served → state, reasons, and what the error says."""


class _Server(ThreadingHTTPServer):
    def __init__(self, data: bytes, other: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data, self.other = data, other
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def listing(self) -> dict:
        photos = [
            {
                "id": name,
                "owner": "1@N00",
                "title": "half a character \ud83d",
                "license": "4",
                "dateupload": "1577836800",
                "media": "photo",
                "can_download": 1,
                "url_o": {"no-host": "http://", "no-address": "nonsense"}.get(name, f"{self.url}/{name}"),
            }
            for name in ODDITIES
        ]
        return {"photos": {"total": len(photos), "photo": photos}, "stat": "ok"}


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

    def range(self, data, total=None, shift=0, most=None, **headers):
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if match is None:
            return self.send(200, data)
        first = int(match[1]) + shift
        body = data[first : int(match[2]) + 1][:most]
        size = len(data) if total is None else total
        return self.send(206, body, Content_Range=f"bytes {first}-{first + len(body) - 1}/{size}", **headers)

    def do_GET(self):
        parts, data, other = urlsplit(self.path), self.server.data, self.server.other
        begins = self.headers.get("Range", "bytes=0").startswith("bytes=0")
        match parts.path.strip("/"):
            case "rest":
                ask = parse_qs(parts.query)["method"][0]
                answer = {"licenses": {"license": []}, "stat": "ok"} if "licenses" in ask else self.server.listing()
                self.send(200, json.dumps(answer).encode())
            case "redirected-within":
                self.send(302, Location="/whole")
            case "redirected-away":
                self.send(302, Location=self.server.url.replace("127.0.0.1", "localhost") + "/whole")
            case "redirected-forever":
                self.send(302, Location="/redirected-forever")
            case "refuses-ranges" if "Range" in self.headers:
                self.send(416, Content_Range="bytes */0")
            case "empty":
                self.send(416 if "Range" in self.headers else 200)
            case "changes-between-ranges":
                changed = self.headers.get("If-Range") not in (None, '"new"')
                self.send(200, other) if changed else self.range(data, ETag='"old"')
            case "changes-its-size" if not begins:
                self.range(data, total=len(data) + 1)
            case "sends-less-than-asked":
                self.range(data, most=5000)
            case "sends-the-wrong-range" if not begins:
                self.range(data, shift=1)
            case "does-not-know-its-size":
                self.range(data, total="*")
            case "sends-in-chunks":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for first in range(0, len(data), 7000):
                    piece = data[first : first + 7000]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")
            case "hangs-up":
                self.close_connection = True
            case "not-found":
                self.send(404, b"no")
            case "teapot":
                self.send(418, b"short and stout")
            case "page-of-html":
                self.send(200, b"<html>Please log in</html>")
            case "png":
                self.range(b"\x89PNG\r\n\x1a\n" + bytes(10_000))
            case _:
                self.range(data)


@pytest.fixture(scope="module")
def photo(uploads):
    return lambda name: (uploads.folder / name).read_bytes()


@pytest.fixture(scope="module")
def crawler(photo, make_crawler):
    server = _Server(photo("genuine-0.jpg"), photo("genuine-1.jpg"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    crawler = make_crawler()
    flickr = {"api_url": f"{server.url}/rest", "hosts": ["127.0.0.1"], "since": "2020-01-01", "until": "2020-02-01"}
    crawler.tree["sources"] = {"flickr": flickr}
    crawl = crawler.run("flickr", "cameras=[acme-one]", "crawl.retries=1", "crawl.requests_per_host=4")
    server.shutdown()
    server.server_close()
    assert crawl.exit_code == 0, crawl.log
    return crawler


@pytest.fixture(scope="module")
def rows(crawler):
    return {row["photo"].removeprefix("flickr:"): row for row in crawler.rows("flickr")}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_a_file_from_an_odd_server_ends_as_one_row(oddity, rows):
    state, reasons, error = ODDITIES[oddity]
    row = rows[oddity]
    assert (row["state"], row["reasons"]) == (state, reasons or [])
    assert (error or "") in (row["error"] or "")


def test_bytes_of_two_versions_are_never_joined(rows, crawler, photo):
    for oddity, row in rows.items():
        if row["state"] == "stored":
            expected = "genuine-1.jpg" if oddity == "changes-between-ranges" else "genuine-0.jpg"
            assert crawler.store.read(row["original"]) == photo(expected), oddity


def test_only_what_may_pass_is_marked_for_another_attempt(rows, crawler):
    (window,) = crawler.store.done_names("crawl/flickr")
    assert crawler.store.done(f"crawl/flickr/{window}")["retry"] == ["flickr:hangs-up"]
    assert len(rows) == len(ODDITIES)
