"""Servers that lie about ranges and lengths: every photo ends as one row, and bytes are never mixed up."""

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.slow

STORED, REFUSED, FAILED, LATER = "stored", "refused", "failed", "failed for now"

ODDITIES = {
    # ranges
    "refuses-ranges": (STORED, ""),
    "changes-between-ranges": (STORED, ""),
    "changes-without-a-word": (STORED, ""),
    "changes-its-size": (STORED, ""),
    "has-no-validator": (STORED, ""),
    "sends-less-than-asked": (STORED, ""),
    "sends-more-than-asked": (STORED, ""),
    "sends-the-wrong-range": (STORED, ""),
    "sends-less-than-the-range-it-names": (STORED, ""),
    "sends-less-than-the-range-it-names-in-chunks": (STORED, ""),
    "sends-more-than-the-range-it-names": (STORED, ""),
    "sends-a-range-unasked": (FAILED, "HTTP 206"),
    "does-not-know-its-size": (STORED, ""),
    "counts-beyond-reason": (STORED, ""),
    # lengths
    "sends-in-chunks": (STORED, ""),
    "sends-more-than-announced": (STORED, ""),
    "sends-less-than-announced": (LATER, "ResponseDataLossError from 127.0.0.1"),
    "breaks-off-in-chunks": (LATER, "ResponseDataLossError from 127.0.0.1"),
    "breaks-off-unannounced": (LATER, "ends before its picture does, and nobody said how long it is"),
    "is-truncated": (REFUSED, "truncated"),
    "announces-a-terabyte": (REFUSED, "too_large"),
    "announces-nonsense": (LATER, "from 127.0.0.1"),
    "endless-photo": (REFUSED, "too_large"),
    "endless-noise": (REFUSED, "not_jpeg"),
    "endless-text": (LATER, "a text instead of the file"),
    "endless-error": (FAILED, "HTTP 404 (Not Found)"),
    "hangs-up": (LATER, "DownloadFailedError from 127.0.0.1"),
    "empty": (LATER, "an empty answer instead of the file"),
}
"""How a file is served → the state of its photo, and what its row says."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, data, other):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data, self.other = data, other
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.sent_bytes = {}
        self.is_open = True
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # clients that hang up are what these tests are about

    def listing(self, names):
        usual = {"owner": "1@N00", "license": "4", "dateupload": "1577836800", "media": "photo", "can_download": 1}
        photos = [{"id": name, "url_o": f"{self.url}/{name}", **usual} for name in names]
        return {"photos": {"total": len(photos), "photo": photos}, "stat": "ok"}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def pour(self, pieces, status=200, **headers):
        """Send a body of unstated length for as long as the client receives it."""
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for piece in pieces:
            if not self.server.is_open:
                return
            self.wfile.write(piece)
            self.server.sent_bytes[self.path] = self.server.sent_bytes.get(self.path, 0) + len(piece)

    def range(self, data, total=None, shift=0, most=None, says=0, **headers):
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if match is None:
            return self.send(200, data, **headers)
        headers = {"ETag": '"one"', **headers}
        first = int(match[1]) + shift
        body = data[first : int(match[2]) + 1][:most]
        size = len(data) if total is None else total
        return self.send(206, body, Content_Range=f"bytes {first}-{first + len(body) - 1 + says}/{size}", **headers)

    def do_GET(self):
        parts, data, other = urlsplit(self.path), self.server.data, self.server.other
        name, is_range = parts.path.strip("/"), "Range" in self.headers
        begins = self.headers.get("Range", "bytes=0").startswith("bytes=0")
        mixed = other[: len(data)] + data[len(other) :]  # another file of the same length
        match name:
            case "rest" | "slow":
                ask = parse_qs(parts.query)["method"][0]
                listing = self.server.listing(ODDITIES if name == "rest" else ["drips"])
                answer = {"licenses": {"license": []}, "stat": "ok"} if "licenses" in ask else listing
                self.send(200, json.dumps(answer).encode())
            case "refuses-ranges" if is_range:
                self.send(416, Content_Range="bytes */0")
            case "changes-between-ranges":
                changed = self.headers.get("If-Range") not in (None, '"new"')
                self.send(200, other) if changed else self.range(data, ETag='"old"')
            case "changes-without-a-word" if not begins:
                self.range(mixed, ETag='"two"')
            case "changes-its-size" if not begins:
                self.range(mixed, total=len(data) + 1)
            case "has-no-validator":
                self.range(data if begins else mixed, ETag="")
            case "sends-less-than-the-range-it-names-in-chunks" if is_range and begins:
                says = {"Content_Range": f"bytes 0-4095/{len(data)}", "ETag": '"one"', "Transfer_Encoding": "chunked"}
                self.pour([b"fa0\r\n%s\r\n" % data[:4000], b"0\r\n\r\n"], 206, **says)
            case "sends-less-than-the-range-it-names-in-chunks" if is_range:
                self.range(mixed)
            case "sends-less-than-asked":
                self.range(data, most=5000)
            case "sends-more-than-asked" if is_range:
                self.send(206, data, Content_Range=f"bytes 0-{len(data) - 1}/{len(data)}", ETag='"one"')
            case "sends-the-wrong-range" if not begins:
                self.range(data, shift=1)
            case "sends-less-than-the-range-it-names":
                self.range(data, most=4000, says=96)
            case "sends-more-than-the-range-it-names":
                self.range(data, says=-1)
            case "sends-a-range-unasked":
                self.send(206, data[:4096], Content_Range=f"bytes 0-4095/{len(data)}") if not is_range else self.send(
                    416
                )
            case "does-not-know-its-size":
                self.range(data, total="*")
            case "counts-beyond-reason":
                self.range(data, total="9" * 5000)
            case "sends-in-chunks" | "breaks-off-in-chunks":
                pieces = [data[first : first + 7000] for first in range(0, len(data), 7000)]
                ends = [b"0\r\n\r\n"] if name == "sends-in-chunks" else []
                some = pieces if ends else pieces[:3]
                self.pour([*(b"%x\r\n%s\r\n" % (len(each), each) for each in some), *ends], Transfer_Encoding="chunked")
            case "sends-more-than-announced":
                self.send(200, data + b"HTTP/1.1 200 OK\r\n\r\n", length=len(data))
                self.close_connection = True
            case "sends-less-than-announced":
                self.send(200, data[: len(data) // 2], length=len(data))
                self.close_connection = True
            case "breaks-off-unannounced":
                self.pour([data[: len(data) // 2]])
            case "is-truncated":
                self.range(data[: len(data) // 2])
            case "announces-a-terabyte":
                self.send(200, data, length=10**12)
                self.close_connection = True
            case "announces-nonsense":
                self.send(200, data, length="many")
                self.close_connection = True
            case "endless-photo":
                self.pour(itertools.chain([data], itertools.repeat(bytes(1 << 16))))
            case "endless-noise":
                self.pour(itertools.repeat(bytes(range(256)) * 256))
            case "endless-text" | "endless-error":
                self.pour(itertools.repeat(b"sorry " * 10_000), 200 if name == "endless-text" else 404)
            case "hangs-up":
                self.close_connection = True
            case "drips":
                self.pour(itertools.chain([data[:5000]], (threading.Event().wait(0.1) or b"x" for _ in range(100))))
            case "empty":
                self.send(416 if is_range else 200)
            case _:
                self.range(data)


@pytest.fixture(scope="module")
def photo(uploads):
    return lambda name: (uploads.folder / name).read_bytes()


@pytest.fixture(scope="module")
def server(photo):
    server = _Server(photo("genuine-0.jpg"), photo("genuine-1.jpg"))
    yield server
    server.is_open = False
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def crawl(server, make_crawler):
    def crawl(path, *settings):
        crawler = make_crawler()
        section = {"api_url": f"{server.url}/{path}", "hosts": ["127.0.0.1"], "file_requests": 4}
        crawler.tree["sources"] = {"flickr": {**section, "since": "2020-01-01", "until": "2020-02-01"}}
        done = crawler.run("flickr", "cameras=[acme-one]", "crawl.original_max_bytes=1048576", *settings)
        assert done.exit_code == 0, done.log
        assert "Traceback" not in done.log
        return crawler

    return crawl


@pytest.fixture(scope="module")
def crawler(crawl):
    return crawl("rest", "crawl.retries=1")


@pytest.fixture(scope="module")
def rows(crawler):
    return {row["photo"].removeprefix("flickr:"): row for row in crawler.rows("flickr")}


def outcome(row):
    return LATER if row["state"] == "failed" and row["is_transient"] else row["state"]


@pytest.mark.parametrize("oddity", ODDITIES)
def test_a_file_from_an_odd_server_ends_as_one_row_that_says_why(oddity, rows):
    expected, says = ODDITIES[oddity]
    row = rows[oddity]
    assert outcome(row) == expected, row["error"]
    assert says in (",".join(row["reasons"]) if expected == REFUSED else row["error"] or "")


def test_every_photo_has_a_row_and_no_other_has(rows, crawler):
    assert len(crawler.rows("flickr")) == len(rows)
    assert rows.keys() == ODDITIES.keys()


def test_a_stored_original_is_one_file_and_never_joined_from_two(rows, crawler, photo):
    for oddity, row in rows.items():
        if row["state"] == "stored":
            expected = "genuine-1.jpg" if oddity == "changes-between-ranges" else "genuine-0.jpg"
            assert crawler.store.read(row["original"]) == photo(expected), oddity


@pytest.mark.parametrize("oddity", [oddity for oddity in ODDITIES if oddity.startswith("endless")])
def test_an_endless_answer_is_stopped(oddity, rows, server):
    # beyond the limit of 1 MiB (or the few KB of what is no JPEG) there is what is still in the sockets' buffers
    assert server.sent_bytes[f"/{oddity}"] < 32 << 20


def test_a_server_that_sends_too_slowly_is_left_for_a_later_crawl(crawl):
    (row,) = crawl("slow", "crawl.retries=0", "crawl.timeout_s=2").rows("flickr")
    assert outcome(row) == LATER
    assert row["error"] == "DownloadTimeoutError from 127.0.0.1"
