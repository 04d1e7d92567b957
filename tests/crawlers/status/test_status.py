"""`python -m crawlers.status`: what is done, what is being done, what there is to do."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from corpus.leases import take
from corpus.receipts import publish_receipt
from corpus.sections import Flickr
from corpus.storage import open_store
from corpus.text import unique_slug
from crawlers.network.quota import Quota, quota_name
from crawlers.status.__main__ import main
from crawlers.status.counts import count_windows
from crawlers.vetting.door import Refused
from crawlers.windows.checkpoint import Checkpoint
from crawlers.windows.markers import marker_of
from crawlers.windows.records import ListedPhoto, failed, refused, stored, table
from crawlers.windows.time_slices import TimeSlice, period
from crawlers.windows.work_units import leases_folder

ONE, TWO = "Category:Taken with Acme One", "Category:Taken with Acme Two"
DAY_S = 86400
SINCE_S = 1577836800  # 2020-01-01
KEY = "0123456789abcdef0123456789abcdef"


class Crawled:
    """A store with windows as crawls leave them, and the command on it."""

    def __init__(self, folder, cameras_file, capsys):
        self.folder, self.capsys = folder, capsys
        self.store = open_store(str(folder / "data"))
        times = {"since": "2020-01-01", "until": "2020-01-11"}
        self.tree = {
            "storage": "data",
            "catalogue": str(cameras_file),
            "crawl": {"limits_folder": str(folder / "limits")},
            "sources": {"flickr": times, "wikimedia": times | {"depth": 0}},
        }

    def window(self, name, rows, *, source="wikimedia", query=ONE, days=(0, 1), **details):
        """Publish a whole window of some days after 2020-01-01."""
        part = [SINCE_S + day * DAY_S for day in days]
        details = details or {"query": query, "window": part, "span": part}
        path = f"crawl/{source}/{name}"
        self.store.publish_table(f"{path}/records.parquet", table(rows))
        self.store.mark_done(path, marker_of(rows, details, "rules", relist=False))
        return path

    def write(self):
        file = self.folder / "pipelines.yaml"
        file.write_text(yaml.safe_dump(self.tree))
        return file

    def run(self, *arguments):
        """Return the exit code and what was printed."""
        code = main([*arguments, "--config", str(self.write())])
        return code, self.capsys.readouterr().out

    def json(self):
        return json.loads(self.run("--json")[1])


@pytest.fixture
def crawled(tmp_path, cameras_file, capsys, monkeypatch):
    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    return Crawled(tmp_path, cameras_file, capsys)


def photo(number, camera="acme-one", source="wikimedia"):
    return ListedPhoto(f"{source}:{number}", source, version=f"{number:010}", claimed_camera=camera)


def kept(number, size_bytes=1000, **more):
    return stored(photo(number, **more), "original", bytes(size_bytes))


def turned_away(number, *reasons, **more):
    return refused(photo(number, **more), Refused(reasons or ("not_native_size",)))


def broken(number, *, is_transient=True, attempts=0, **more):
    found = dataclasses.replace(photo(number, **more), attempts=attempts)
    return failed(found, f"HTTP 503 from {number}", 503, is_transient=is_transient)


def line_of(text, start):
    """Return the words of the line that begins so."""
    [line] = [line for line in text.splitlines() if line.strip().startswith(start)]
    return line.split()


def test_an_empty_store_is_said_to_be_empty(crawled):
    code, text = crawled.run()
    assert code == 0
    assert "no crawl has left anything here yet" in text
    assert crawled.json() == {"flickr_calls_left": None, "sources": {}}


def test_every_photo_is_counted_under_its_camera_by_what_became_of_it(crawled):
    rows = [kept(1), kept(2, 4000), turned_away(3), broken(4), broken(5, is_transient=False)]
    crawled.window("a", rows)
    crawled.window("b", [kept(6, camera="acme-two"), turned_away(7, camera=None)], query=TWO)
    cameras = crawled.json()["sources"]["wikimedia"]["cameras"]
    [moment] = [row["failed_at"] for row in rows if row["is_transient"]]
    assert cameras == {
        "-": {**cameras["-"], "found": 1, "refused": 1, "size_bytes": 0},
        "acme-one": {
            "found": 5,
            "stored": 2,
            "refused": 1,
            "failed_transient": 1,
            "failed_final": 1,
            "deleted": 0,
            "size_bytes": 5000,
            "next_attempt": moment,
        },
        "acme-two": {**cameras["acme-two"], "found": 1, "stored": 1, "size_bytes": 1000, "next_attempt": None},
    }


def test_the_tables_show_the_same_with_a_sum(crawled):
    crawled.window("a", [kept(1), turned_away(2), broken(3), broken(4, is_transient=False)])
    crawled.window("b", [kept(5, 2_000_000, camera="acme-two")], query=TWO)
    _, text = crawled.run()
    assert line_of(text, "acme-one")[:8] == ["acme-one", "4", "1", "1", "1", "1", "0", "0.0"]
    assert line_of(text, "(all)")[:8] == ["(all)", "5", "2", "1", "1", "1", "0", "2.0"]
    assert "\x1b" not in text


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_an_upload_in_several_windows_counts_once_as_what_came_furthest(crawled, order):
    outcomes = [broken(1), turned_away(1), kept(1), {**kept(1), "state": "deleted"}]
    for place, chosen in enumerate(order):
        crawled.window(f"w{place}", [outcomes[chosen]], days=(place, place + 1))
    tally = count_windows(crawled.store, "wikimedia").cameras["acme-one"]
    assert (tally.found, tally.deleted, tally.size_bytes) == (1, 1, 1000)
    assert (tally.stored, tally.refused, tally.failed_transient, tally.failed_final) == (0, 0, 0, 0)
    counts = count_windows(crawled.store, "wikimedia")
    assert (counts.refusals, counts.failures) == ({}, [])


def test_another_version_of_a_photo_is_another_upload(crawled):
    crawled.window("a", [kept(1), {**kept(1), "version": "other"}])
    assert count_windows(crawled.store, "wikimedia").cameras["acme-one"].found == 2


def test_refusals_are_counted_by_each_reason_and_camera(crawled):
    crawled.window("a", [turned_away(1, "edited_by_software", "not_native_size"), turned_away(2)])
    crawled.window("b", [turned_away(3, camera="acme-two")], query=TWO)
    expected = {"edited_by_software": {"acme-one": 1}, "not_native_size": {"acme-one": 2, "acme-two": 1}}
    assert crawled.json()["sources"]["wikimedia"]["refusals"] == expected
    _, text = crawled.run()
    assert line_of(text, "edited_by_software") == ["edited_by_software", "acme-one", "1"]
    shown = [line.split() for line in text.splitlines() if "not_native_size" in line]
    assert shown == [["not_native_size", "acme-one", "2"], ["not_native_size", "acme-two", "1"]]


def test_failures_are_listed_on_request_with_when_they_are_tried_again(crawled):
    rows = [broken(1), broken(2, attempts=5), broken(3, is_transient=False)]
    crawled.window("a", rows)
    assert "wikimedia:1" not in crawled.run()[1]
    _, text = crawled.run("--failures")
    assert line_of(text, "wikimedia:1")[-3:] == ["transient", "next", "crawl"]
    after_sixteen_hours = crawled.json()["sources"]["wikimedia"]["failures"][1]["next_attempt"]
    assert line_of(text, "wikimedia:2")[-3:] == ["6", "transient", after_sixteen_hours]
    assert line_of(text, "wikimedia:3")[-2:] == ["final", "never"]
    assert line_of(text, "wikimedia:1")[2:8] == ["HTTP", "503:", "HTTP", "503", "from", "1"]
    assert rows[0]["failed_at"] in line_of(text, "wikimedia:1")


def test_what_a_stranger_has_written_cannot_command_the_terminal(crawled):
    row = failed(ListedPhoto("wikimedia:1", "wikimedia"), "\x1b[2J [red]\nx", is_transient=True)
    crawled.window("a", [row])
    _, text = crawled.run("--failures")
    assert r"\x1b[2J [red]\nx" in text
    assert "\x1b" not in text


def test_the_share_of_the_period_that_whole_windows_cover_is_said_query_by_query(crawled):
    crawled.window("a", [kept(1)], days=(0, 2))
    crawled.window("b", [], days=(5, 8))
    status = crawled.json()["sources"]["wikimedia"]
    one, two = status["queries"]
    assert (one["query"], one["camera"], one["windows"], one["share"]) == (ONE, "acme-one", 2, 0.5)
    assert one["to_do"] == [
        ["2020-01-03T00:00:00Z", "2020-01-06T00:00:00Z"],
        ["2020-01-09T00:00:00Z", "2020-01-11T00:00:00Z"],
    ]
    assert (two["query"], two["windows"], two["share"], len(two["to_do"])) == (TWO, 0, 0.0, 1)
    assert (status["windows"], status["share"]) == (2, 0.25)
    _, text = crawled.run()
    assert "wikimedia: 2 windows whole, 25.0 % of the time covered" in text
    assert line_of(text, ONE)[4:] == [
        *("acme-one", "2", "50.0", "%", "5.0", "2"),
        *("2020-01-03T00:00:00Z", "to", "2020-01-06T00:00:00Z"),
    ]


def test_a_query_that_is_almost_covered_is_not_said_to_be_whole(crawled):
    crawled.window("a", [], days=(0, 9.9999))
    assert "99.9 %" in crawled.run()[1]
    crawled.window("b", [], days=(9, 10))
    assert "100.0 %" in crawled.run()[1]


def test_subcategories_are_shown_with_the_camera_they_were_met_under(crawled):
    crawled.tree["sources"]["wikimedia"]["depth"] = 2
    crawled.window("a", [kept(1, camera="acme-two")], query="Category:Details", days=(0, 10))
    queries = {each["query"]: each for each in crawled.json()["sources"]["wikimedia"]["queries"]}
    assert (queries["Category:Details"]["camera"], queries["Category:Details"]["is_asked"]) == ("acme-two", True)
    assert crawled.json()["sources"]["wikimedia"]["share"] == pytest.approx(1 / 3, abs=1e-6)


def test_queries_that_are_no_longer_asked_for_are_shown_but_not_counted(crawled):
    crawled.window("a", [kept(1, source="flickr")], source="flickr", query="acme/gone", days=(0, 10))
    status = crawled.json()["sources"]["flickr"]
    assert status["share"] == 0.0
    assert [each["query"] for each in status["queries"]] == ["acme/gone", "acme/one", "acme/two"]
    assert "acme/gone (no longer asked for)" in crawled.run()[1]


def test_the_period_ends_with_the_last_full_hour_where_no_other_end_is_configured(crawled):
    now_s = SINCE_S + 10 * 3600 + 1234.5
    assert period(Flickr(since="2020-01-01"), now_s) == TimeSlice(SINCE_S, SINCE_S + 10 * 3600)
    assert period(Flickr(since="2020-01-01", until="2030-01-01"), now_s).end_s == SINCE_S + 10 * 3600
    assert period(Flickr(since="2019-01-01", until="2020-01-01"), now_s).end_s == SINCE_S


def test_a_folder_has_windows_and_no_times(crawled):
    row = stored(ListedPhoto("folder:a/b.jpg", "folder", version="1"), "original", b"x")
    crawled.window("a", [row], source="folder", directory="a", files={})
    status = crawled.json()["sources"]["folder"]
    assert (status["windows"], status["share"], status["queries"]) == (1, None, [])
    assert "folder: 1 windows whole\n" in crawled.run()[1]


def test_windows_in_work_and_who_works_are_shown(crawled):
    details = {"query": "q", "span": [0, 60]}
    Checkpoint(crawled.store, "wikimedia", "half-a-window", "rules", details).write(0, [kept(1)])
    lease = take(crawled.store, leases_folder("wikimedia"), unique_slug("Category:X 2020"), time.time())
    status = crawled.json()["sources"]["wikimedia"]
    assert (status["windows"], status["cameras"]) == (0, {})  # what is put aside does not count yet
    assert status["unfinished"] == ["half-a-window"]
    assert list(status["leases"]) == [unique_slug("Category:X 2020")]
    _, text = crawled.run()
    assert "half-a-window" in text
    assert f"{lease.unit}: process " in text
    lease.release()
    assert crawled.json()["sources"]["wikimedia"]["leases"] == {}


def test_the_calls_that_the_key_has_left_are_shown_and_none_is_taken(crawled, monkeypatch):
    monkeypatch.setenv("FLICKR_API_KEY", KEY)
    quota = Quota(crawled.folder / "limits", quota_name(KEY), 3600)
    left = quota.left(time.time())
    assert quota.try_take(time.time()) is None
    assert [crawled.json()["flickr_calls_left"] for _ in range(2)] == [left - 1] * 2
    assert f"calls that the Flickr key may make now: {left - 1}" in crawled.run()[1]


def test_windows_that_are_not_whole_do_not_count(crawled):
    path = crawled.window("a", [kept(1)])
    (crawled.folder / "data" / path / "_done.json").unlink()
    assert crawled.json()["sources"]["wikimedia"]["cameras"] == {}


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("records.parquet", b"no Parquet"),
        ("records.parquet", None),
        ("_done.json", b"{"),
        ("_done.json", b"[]"),
        ("_done.json", b'{"details": {}, "retry": 3}'),
    ],
)
def test_a_window_that_cannot_be_read_is_named_and_the_others_count(crawled, file, data):
    path = crawled.window("a", [kept(1)])
    crawled.window("b", [kept(2)], days=(1, 2))
    target = crawled.folder / "data" / path / file
    target.unlink() if data is None else target.write_bytes(data)
    code, text = crawled.run()
    assert code == 1
    assert f"{path}: cannot be read" in text
    assert line_of(text, "acme-one")[1] == "1"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc")
@pytest.mark.parametrize("file", ["records.parquet", "_done.json"])
def test_a_window_on_a_bad_sector_is_named_and_the_others_count(crawled, file):
    path = crawled.window("a", [kept(1)])
    crawled.window("b", [kept(2)], days=(1, 2))
    target = crawled.folder / "data" / path / file
    target.unlink()
    target.symlink_to("/proc/self/mem")  # reading it fails
    code, text = crawled.run()
    assert code == 1
    assert f"{path}: cannot be read" in text
    assert "look at the disk" in text
    assert line_of(text, "acme-one")[1] == "1"


def test_records_of_another_shape_are_troubles_too(crawled):
    path = crawled.window("a", [kept(1)])
    crawled.store.publish_table(f"{path}/records.parquet", pa.table({"photo": ["x"], "state": ["sold"]}))
    assert "a photo's state is 'sold'" in crawled.run()[1]


def test_refused_photos_that_curation_wants_since_the_last_crawl_are_told_until_the_next(crawled):
    crawled.window("a", [kept(1), turned_away(2)])
    store = crawled.store
    store.publish_json("curated/0001-a/funnel.json", {"sources": {"wikimedia": {"wanted": 58}}})
    store.mark_done("curated/0001-a", {})
    publish_receipt(store, "crawl-wikimedia", {})
    publish_receipt(store, "curation", {"wanted": 58})
    _, text = crawled.run()
    assert "wanted: 58 photos refused before the download" in text
    assert "run scrapy crawl wikimedia again" in text
    assert crawled.json()["sources"]["wikimedia"]["wanted"] == 58
    publish_receipt(store, "crawl-wikimedia-2-of-2", {})
    assert crawled.json()["sources"]["wikimedia"]["wanted"] == 0
    assert "wanted" not in crawled.run()[1]


def test_nothing_is_changed(crawled):
    crawled.window("a", [kept(1), broken(2)])
    before = {path: path.stat().st_mtime_ns for path in (crawled.folder / "data").rglob("*")}
    crawled.run("--failures")
    assert {path: path.stat().st_mtime_ns for path in (crawled.folder / "data").rglob("*")} == before


def test_the_command_says_it_without_colours_where_nobody_watches(crawled, repository):
    crawled.window("a", [kept(1)])
    command = [sys.executable, "-m", "crawlers.status", "--config", str(crawled.write())]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert line_of(done.stdout, "acme-one")[1] == "1"
    assert "\x1b" not in done.stdout


def test_what_a_real_crawl_leaves_behind_is_understood(make_crawler, start_site, uploads, capsys, monkeypatch):
    crawler = make_crawler(start_site(cut_after_bytes={"_o.jpg": (100, 1)}))
    crawler.run("flickr", "crawl.retries=0")
    monkeypatch.setenv("FLICKR_API_KEY", KEY)
    assert main(["--json", "--config", str(crawler.folder / "pipelines.yaml")]) == 0
    status = json.loads(capsys.readouterr().out)
    flickr = status["sources"]["flickr"]
    states = [row["state"] for row in crawler.rows("flickr")]
    for name, state in (("stored", "stored"), ("refused", "refused"), ("failed_transient", "failed")):
        assert sum(tally[name] for tally in flickr["cameras"].values()) == states.count(state) > 0
    assert sum(tally["found"] for tally in flickr["cameras"].values()) == len(uploads.of("flickr"))
    assert (flickr["share"], flickr["unfinished"], flickr["leases"]) == (1.0, [], {})
    assert len(flickr["failures"]) == 1
    assert 0 < status["flickr_calls_left"] <= 360
