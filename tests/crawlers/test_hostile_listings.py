"""Hostile listings: an answer that is no listing leaves its query open; an entry that is no photo still has a row."""

import gzip
import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

pytestmark = pytest.mark.slow

OK = {"stat": "ok"}
MIB = 1 << 20


def answer(**parts):
    return json.dumps(OK | parts).encode()


ANSWERS = {
    "html": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "nothing": b"",
    "cut": answer(photos={"total": 1, "photo": [{"id": "1"}]})[:-9],
    "null": b"null",
    "list": b"[]",
    "text": b'"ok"',
    "not-utf-8": b'{"stat": "ok", "photos": "\xff\xfe\xfa"}',
    "deep": b"[" * 200_000,
    "long-number": b'{"stat": "ok", "photos": {"total": ' + b"9" * 6000 + b"}}",
    "no-status": b"{}",
    "photos-missing": answer(),
    "photos-null": answer(photos=None),
    "photos-a-list": answer(photos=[]),
    "photo-a-mapping": answer(photos={"total": 1, "photo": {"id": "1"}}),
    "photo-a-text": answer(photos={"total": 1, "photo": "none"}),
    "packed-bomb": b"",  # 1 GiB, sent as 1 MiB; the handler makes it
    "too-long": b" " * (17 * MIB) + answer(photos={"total": 0, "photo": []}),
    "endless": b"",
}
"""Answers to a search that are no listing, by the query they are given to."""

ENTRIES = [
    "a text",
    4711,
    None,
    [],
    {},
    {"id": None},
    {"id": ""},
    {"id": True},
    {"id": ["1"]},
    {"id": {"_content": "1"}},
    {"id": "../../../../etc/passwd"},
    {"id": "/etc/passwd"},
    {"id": "..\\..\\windows"},
    {"id": "a\0b"},
    {"id": "half \ud800"},
    {"id": "日本"},
    {"id": "a:b"},
    {"id": "x" * 10_000},
    {"id": 1.5},
    {"id": "number", "owner": 5, "title": 6, "license": 4, "dateupload": 1577836800},
    {"id": "title", "title": {"_content": ["nested"]}, "ownername": {"a": 1}, "pathalias": []},
    {"id": "long-title", "title": "T" * 10_000_00, "ownername": "\0\ud800\n" * 1000},
    {"id": "path-in-owner", "owner": "../..", "pathalias": "../../x"},
    {"id": "time", "dateupload": "soon"},
    {"id": "far-future", "dateupload": str(10**18)},
    {"id": "before-time", "dateupload": -(10**18)},
    {"id": "sizes", "o_width": "wide", "o_height": -5},
    {"id": "large-sizes", "o_width": 10**30, "o_height": 1e308},
    {"id": "url-number", "url_o": 5},
    {"id": "url-script", "url_o": "javascript:alert(1)"},
    {"id": "url-long", "url_o": "http://127.0.0.1/" + "x" * 10_000},
    {"id": "url-bad", "url_o": "http://[::1"},
    {"id": "url-port", "url_o": "http://127.0.0.1:99999/x"},
    {"id": "url-nul", "url_o": "http://127.0.0.1/\0"},
    {"id": "media", "media": 7},
    {"id": "format", "originalformat": {}},
    {"id": "forbidden", "can_download": "no"},
]
"""Entries of an otherwise good listing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data, self.is_mended, self.is_open = data, False, True
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.sent_bytes = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def entry(self, number, entry):
        usual = {
            "owner": "1@N00",
            "license": "4",
            "dateupload": "1577836800",
            "media": "photo",
            "can_download": 1,
            "url_o": f"{self.url}/{number}.jpg",
        }
        return usual | entry if isinstance(entry, dict) else entry


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, body, **headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        parts = urlsplit(self.path)
        ask = parse_qs(parts.query)
        if parts.path == "/api.php":
            is_strange = "Acme One" in (ask.get("cmtitle") or ask.get("gcmtitle") or [""])[0] and "list" in ask
            self.send(json.dumps({"query": {"categorymembers": {} if is_strange else [], "pages": []}}).encode())
            return
        name = ask.get("camera", [""])[0].rpartition("/")[2]
        if parts.path != "/rest":
            self.send(self.server.data)
        elif name == "good":
            self.send(answer(photos={"total": 1, "photo": [self.server.entry("good", {"id": "good"})]}))
        elif name == "entries":
            entries = [self.server.entry(number, entry) for number, entry in enumerate(ENTRIES)]
            self.send(answer(photos={"total": len(entries), "photo": entries}))
        elif name == "" or self.server.is_mended:
            self.send(answer(licenses={"license": []}, photos={"total": 0, "photo": []}))
        elif name == "packed-bomb":
            self.send(gzip.compress(b" " * (16 * MIB)) * 64, Content_Encoding="gzip")
        elif name == "endless":
            self.close_connection = True
            self.send_response(200)
            self.end_headers()
            for piece in itertools.repeat(b" " * MIB):
                if not self.server.is_open:
                    return
                self.wfile.write(piece)
                self.server.sent_bytes += len(piece)
        else:
            self.send(ANSWERS[name])


@pytest.fixture(scope="module")
def server(uploads):
    server = _Server((uploads.folder / "genuine-0.jpg").read_bytes())
    yield server
    server.is_open = False
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def crawler(server, make_crawler, cameras_file):
    """Return a crawler whose catalogue has a camera for each answer; the good one comes last."""
    crawler = make_crawler()
    cameras = yaml.safe_load(cameras_file.read_text())
    paths = [*ANSWERS, "entries", "good"]
    named = {f"a{number:02}": {"name": path, "make": ["X"], "model": [path]} for number, path in enumerate(paths)}
    for (key, camera), path in zip(named.items(), paths, strict=True):
        cameras[key] = camera | {"sizes": ["320x240"], "flickr": f"hostile/{path}"}
    for key in ("acme-one", "acme-two"):
        cameras[key].pop("flickr")
    catalogue = crawler.folder / "cameras.yaml"
    catalogue.write_text(yaml.safe_dump(cameras))
    times = {"since": "2020-01-01", "until": "2020-02-01"}
    crawler.tree["catalogue"] = str(catalogue)
    crawler.tree["sources"] = {"flickr": {"api_url": f"{server.url}/rest", "hosts": ["127.0.0.1"], **times}}
    return crawler


@pytest.fixture(scope="module")
def crawl(crawler):
    return crawler.run("flickr", "crawl.retries=0")


@pytest.fixture(scope="module")
def rows(crawl, crawler):
    return crawler.rows("flickr")


def test_a_crawl_with_failed_listings_says_so_and_writes_no_receipt(crawl, crawler):
    assert crawl.exit_code == 1
    assert "Traceback" not in crawl.log
    assert not crawler.store.exists("receipts/crawl-flickr.json")


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_no_listing_leaves_its_query_open(name, crawl, rows, crawler):
    assert f"hostile/{name}: stays open" in crawl.log
    markers = [crawler.store.done(f"crawl/flickr/{window}") for window in crawler.store.done_names("crawl/flickr")]
    assert f"hostile/{name}" not in {marker["details"]["query"] for marker in markers}


def test_the_other_queries_go_on(rows):
    assert "flickr:good" in {row["photo"] for row in rows if row["state"] == "stored"}


def test_an_endless_answer_is_stopped(crawl, server):
    assert 0 < server.sent_bytes < 64 * MIB


def test_every_entry_of_a_listing_has_a_row_of_its_own(rows):
    photos = [row["photo"] for row in rows]
    assert len(photos) == len(set(photos)) == len(ENTRIES) + 1
    assert all(row["state"] in ("stored", "refused", "failed") for row in rows)


def test_no_name_from_a_site_leads_outside_its_folder(rows, crawler):
    assert all(re.fullmatch(r"flickr:[A-Za-z0-9_-]{1,80}", row["photo"]) for row in rows)
    assert all(".." not in (row["page_url"] or "") for row in rows)
    files = {path for path in crawler.tree_of_bytes() if path.startswith("originals/")}
    assert files == {row["original"] for row in rows if row["state"] == "stored"}
    outside = [path for path in crawler.folder.iterdir() if path.name not in ("data", "limits")]
    assert {path.name for path in outside} <= {"pipelines.yaml", "cameras.yaml"}


def test_texts_from_a_site_are_bounded(rows):
    assert max(len(value) for row in rows for value in row.values() if isinstance(value, str)) <= 2500


def test_once_the_site_works_again_the_open_queries_are_crawled(crawl, rows, server, crawler):
    server.is_mended = True
    done = crawler.run("flickr", "crawl.retries=0")
    assert done.exit_code == 0, done.log
    markers = [crawler.store.done(f"crawl/flickr/{window}") for window in crawler.store.done_names("crawl/flickr")]
    assert {f"hostile/{name}" for name in ANSWERS} <= {marker["details"]["query"] for marker in markers}


def test_subcategories_that_are_no_list_leave_the_crawl_without_a_receipt_and_the_other_categories_go_on(
    server, make_crawler
):
    crawler = make_crawler()
    section = {"api_url": f"{server.url}/api.php", "hosts": ["127.0.0.1"], "since": "2020-01-01", "until": "2020-02-01"}
    crawler.tree["sources"] = {"wikimedia": section}
    crawl = crawler.run("wikimedia", "crawl.retries=0")
    assert crawl.exit_code == 1
    assert "Traceback" not in crawl.log
    markers = [
        crawler.store.done(f"crawl/wikimedia/{window}") for window in crawler.store.done_names("crawl/wikimedia")
    ]
    assert {marker["details"]["query"] for marker in markers} == {
        "Category:Taken with Acme One",
        "Category:Taken with Acme Two",
    }
