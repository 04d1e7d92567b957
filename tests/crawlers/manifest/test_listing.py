"""Taking a list in: what a stranger's may not ask for, and lists of addresses by others."""

import hashlib
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scrapy import Request
from scrapy.utils.test import get_crawler

from corpus.configuration import read_configuration
from corpus.errors import ConfigurationError
from corpus.leases import CURATION_UNIT, LEASES, held
from corpus.manifests.about import About, Learned, schema_about
from corpus.manifests.handed_on import handed_on
from corpus.records import MANIFEST, original_path, version_of
from corpus.storage import Store, open_store
from corpus.takedowns import takedown
from crawlers.download.fetcher import Rejected
from crawlers.forget.__main__ import forget, survey
from crawlers.forget.removal import JUDGING, strip_manifests
from crawlers.manifest.foreign import parse_columns
from crawlers.manifest.listing import is_wanted, photo_of, refused_row, take_in
from crawlers.manifest.originals import ManifestDownloader, ManifestPhoto, _difference
from crawlers.manifest.outcome import Outcome
from crawlers.network.hosts import ALLOWED_HOSTS_SETTING
from crawlers.network.politeness import KIND, Politeness
from crawlers.network.scrapy_settings import scrapy_settings
from crawlers.vetting.door import Refused
from crawlers.windows.records import refused
from curation.cluster.frames import SPOOL

HOSTS = ("live.staticflickr.com", "upload.wikimedia.org")
SHA256 = "ab" * 32


def row(number, **changes):
    said = dict.fromkeys(MANIFEST.names) | {
        "photo": f"flickr:{number}", "source": "flickr", "kept": True,
        "url": f"https://live.staticflickr.com/{number}_o.jpg", "sha256": SHA256, "size_bytes": 1000,
        "camera": "iphone-6", "is_labelled": False, "group": "0123456789abcdef", "has_side": True, "split": "train",
        "fold": 0, "reasons": [], "licence": "CC BY 2.0", "author": "Ada", "owner": "00112233445566aa",
    } | changes  # fmt: skip
    return said | {"version": changes.get("version", version_of("/".join(["", *said["url"].split("/")[3:]])))}


@pytest.fixture
def store(tmp_path):
    return open_store("data", tmp_path)


@pytest.fixture
def taken(tmp_path, store):
    """Return a function that writes a file and takes it in."""

    def take(content, *, name="list.csv", columns="", about=None, mirror=False, most_bytes=1 << 20):
        file = tmp_path / name
        if isinstance(content, str):
            file.write_text(content)
        else:
            pq.write_table(
                pa.Table.from_pylist(content, schema_about(about or About(generation="0001-ab", folds=5))), file
            )
        (tmp_path / "made").mkdir(exist_ok=True)
        return take_in(store, str(file), columns, HOSTS, most_bytes, tmp_path / "made", is_mirrored=mirror)

    return take


def refusal(taken, store, *arguments, **options):
    with pytest.raises(ConfigurationError) as told:
        taken(*arguments, **options)
    assert store.names("manifests") == []
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://169.254.169.254/latest/meta-data", "host 169.254.169.254 is not one of the source's hosts"),
        ("https://live.staticflickr.com@evil.example/1.jpg", "host evil.example is not one of"),
        ("https://LIVE.staticflickr.com.evil.example/1.jpg", "is not one of the source's hosts"),
        ("https://[::1/1.jpg", "is not an address"),
        ("https://live.staticflickr.com:22/1.jpg", "port 22 of live.staticflickr.com is not asked for files"),
        ("https://live.staticflickr.com:x/1.jpg", "is not an address"),
    ],
)
def test_a_host_that_is_not_allowed_is_refused_before_anything_is_fetched(taken, store, url, said):
    told = refusal(taken, store, [row(1), row(2, url=url)], name="m.parquet")
    assert said in told
    assert "row 2: flickr:2" in told
    assert "nothing was fetched" in told


@pytest.mark.parametrize(
    ("number", "changes", "said"),
    [
        (1, {"source": "wikimedia"}, "row 1: flickr:1 is said to be of another source, wikimedia"),
        (1, {"version": "0123456789"}, "row 1: flickr:1: version 0123456789 is not the one that a crawl gives to"),
        (1, {"photo": "folder:a.jpg", "source": "folder"}, "is not the one that a crawl gives to"),
        (1, {"photo": "manifest:a", "source": None, "version": "0123456789"}, "is not the one that a crawl gives to"),
    ],
)
def test_a_list_cannot_name_the_upload_that_another_crawl_will_look_for(taken, store, number, changes, said):
    assert said in refusal(taken, store, [row(number, **changes)], name="m.parquet", mirror=True)


def test_bytes_of_wikimedia_that_are_not_those_of_the_listed_version_are_not_taken(taken, store):
    """The version is made of the SHA-1 of the file."""
    data = b"\xff\xd8 another picture \xff\xd9"
    own, other = version_of(hashlib.sha1(data).hexdigest()), "0123456789"
    for version, state in ((other, "refused"), (own, "stored")):
        said = row(1, photo="wikimedia:1", source="wikimedia", url="https://upload.wikimedia.org/a.jpg",
                   version=version, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))  # fmt: skip
        [window] = taken([said], name="m.parquet").windows()
        path = original_path("wikimedia:1", version)
        store.publish(path, data)
        downloader = ManifestDownloader(store, None, None, 0, "", None, Counter())
        got = downloader._known(photo_of(window.rows[0]), path)
        assert got["state"] == state, got["error"]
        assert got["reasons"] == ([] if state == "stored" else ["changed_at_source"])


def test_a_mirror_stands_for_all_hosts(taken):
    assert taken([row(1, url="https://elsewhere.example/1.jpg")], name="m.parquet", mirror=True).rows == 1


def test_more_than_the_largest_original_is_refused(taken, store):
    told = refusal(taken, store, [row(1, size_bytes=2 << 20)], name="m.parquet")
    assert "flickr:1 has 2,097,152 bytes, more than crawl.original_max_bytes, 1,048,576" in told


def test_reasons_and_what_is_said_of_cameras_are_checked(taken, store):
    unknown = row(1, kept=False, has_side=False, reasons=["made_up"])
    assert "made_up is not a reason that this program gives" in refusal(taken, store, [unknown], name="m.parquet")
    for aspect, value, said in (
        ("size", "9999999x1", "sizes.0"),
        ("table family", "1 2 3", "table_families.0"),
        ("mood", "good", "'mood' is nothing that is learned"),
    ):
        learned = Learned(
            camera="iphone-6", aspect=aspect, value=value, text="", photos=9, owners=9, share=1.0, native=True,
            source="learned",
        )  # fmt: skip
        about = About(generation="0001-ab", folds=5, natives=[learned])
        assert said in refusal(taken, store, [row(1)], name="m.parquet", about=about)


def test_a_manifest_stands_in_the_store_as_it_was(taken, store, tmp_path):
    listing = taken([row(1), row(2, kept=False, has_side=False, reasons=["duplicate"], author=None)], name="m.parquet")
    assert store.read(f"manifests/{listing.digest}.parquet") == (tmp_path / "m.parquet").read_bytes()
    assert handed_on(store).sides() == ({"0123456789abcdef": "train"}, {5: {"0123456789abcdef": 0}})
    [window] = listing.windows()
    kept, refused = window.rows
    assert (is_wanted(kept, with_refused=False), is_wanted(refused, with_refused=False)) == (True, False)
    assert is_wanted(refused, with_refused=True)
    assert (refused_row(refused)["state"], refused_row(refused)["reasons"]) == ("refused", ["duplicate"])
    photo = photo_of(kept)
    assert (photo.owner_id, photo.owner_name, photo.wanted_sha256) == ("00112233445566aa", "Ada", SHA256)


def test_a_list_by_others_needs_addresses_alone(taken, store):
    listing = taken("link,hash,rights\nhttps://upload.wikimedia.org/b.jpg,,\n"
                    f"https://upload.wikimedia.org/a.jpg,{SHA256.upper()},CC0\n",
                    columns="url=link,sha256=hash,licence=rights")  # fmt: skip
    [window] = listing.windows()
    by_url = {said["url"].rpartition("/")[2]: said for said in window.rows}
    assert [by_url["a.jpg"][name] for name in ("sha256", "licence", "author", "kept")] == [
        SHA256,
        "CC0",
        "unknown",
        None,
    ]
    assert [by_url["b.jpg"][name] for name in ("sha256", "licence", "author")] == [None, "unknown", "unknown"]
    assert all(said["photo"].startswith("manifest:") for said in window.rows)
    assert not photo_of(by_url["a.jpg"]).has_verdict
    assert handed_on(store).sides() == ({}, {})


def test_a_list_by_others_may_be_parquet(tmp_path, store):
    file = tmp_path / "list.parquet"
    pq.write_table(pa.table({"url": ["https://upload.wikimedia.org/a.jpg"], "bytes": [123], "x": [0.5]}), file)
    (tmp_path / "made").mkdir()
    listing = take_in(store, str(file), "size_bytes=bytes", HOSTS, 1 << 20, tmp_path / "made", is_mirrored=False)
    assert next(listing.windows()).rows[0]["size_bytes"] == 123
    with pytest.raises(ConfigurationError, match="column x, for sha256, is of type double, no text"):
        take_in(store, str(file), "sha256=x", HOSTS, 1 << 20, tmp_path / "made", is_mirrored=False)


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("link\nhttps://upload.wikimedia.org/a.jpg\n", "", "has no column url; say which it is"),
        ("url\nhttps://upload.wikimedia.org/a.jpg\n", "url=link", "has no column link, for url"),
        ("url\nftp://upload.wikimedia.org/a.jpg\n", "", "row 1: url 'ftp://upload.wikimedia.org/a.jpg' is no address"),
        ("url\nhttps://evil.example/a.jpg\n", "", "host evil.example is not one of"),
        ("url,sha256\nhttps://upload.wikimedia.org/a.jpg,xyz\n", "", "sha256 'xyz' is no SHA-256"),
        ("url,size_bytes\nhttps://upload.wikimedia.org/a.jpg,-1\n", "", "size_bytes '-1' is no size"),
        ("url,title\nhttps://upload.wikimedia.org/a.jpg,a\x1bb\n", "", "title is too long or has control characters"),
        ("url\nhttps://upload.wikimedia.org/a.jpg\nhttps://upload.wikimedia.org/a.jpg\n", "", "is in row 1 too"),
        ("url,title\nhttps://upload.wikimedia.org/a.jpg\n", "", "line 2 has 1 cells, the first line 2"),
        ("url\n", "", "lists nothing"),
        ("", "", "has no column url"),
        ('url\n"open', "", "is not CSV in UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_by_others_is_one_sentence(taken, store, text, columns, said):
    assert said in refusal(taken, store, text, columns=columns)


@pytest.mark.parametrize("text", ["url", "link=url", "url=a,url=b", "url="])
def test_columns_that_cannot_be_mapped_are_named(text):
    with pytest.raises(ConfigurationError, match="is not of the form name=column"):
        parse_columns(text)


def test_a_forgotten_photo_is_not_in_a_manifest_that_is_taken_in(taken, store):
    takedown(store, "flickr:1")
    listing = taken([row(1), row(2)], name="m.parquet")
    table = store.read_table(f"manifests/{listing.digest}.parquet", ["photo"])
    assert table["photo"].to_pylist() == ["flickr:2"]
    assert handed_on(store).about()[0].generation == "0001-ab"


def test_what_is_forgotten_later_leaves_the_manifest_too(taken, store):
    listing = taken([row(1), row(2)], name="m.parquet")
    traces = survey(store, ["flickr:1"], [])
    assert traces["flickr:1"].rows == 1
    assert forget(store, traces, [])["flickr:1"].rows == 1
    assert store.read_table(f"manifests/{listing.digest}.parquet", ["photo"])["photo"].to_pylist() == ["flickr:2"]
    assert handed_on(store).about()[0].generation == "0001-ab"


def test_a_manifest_never_stands_with_what_is_forgotten(taken, store, monkeypatch):
    """A crawl that is killed right after it was published does not leave it with those rows."""
    takedown(store, "flickr:1")
    publish_file, seen = Store.publish_file, []

    def publish_and_look(self, relative, local):
        publish_file(self, relative, local)
        seen.append(self.read_table(relative, ["photo"])["photo"].to_pylist())

    monkeypatch.setattr(Store, "publish_file", publish_and_look)
    taken([row(1), row(2)], name="m.parquet")
    assert seen == [["flickr:2"]]


def test_each_damaged_manifest_is_a_problem_of_its_own_and_the_others_are_done(taken, store):
    listing = taken([row(1), row(2)], name="m.parquet")
    store.publish("manifests/0000.parquet", b"PAR1")
    store.publish("manifests/ffff.parquet", b"no table")
    problems = []
    assert strip_manifests(store, ["flickr:1"], problems) == {"flickr:1": 1}
    assert [problem.partition(" is damaged")[0].rpartition("/")[2] for problem in problems] == [
        "0000.parquet",
        "ffff.parquet",
    ]
    assert store.read_table(f"manifests/{listing.digest}.parquet", ["photo"])["photo"].to_pylist() == ["flickr:2"]


def test_what_a_killed_curation_left_is_forgotten_unless_another_is_at_work(store):
    assert JUDGING == SPOOL
    store.publish(f"{JUDGING}/0123/verdicts-0.arrow", b"rows")
    with held(store, LEASES, CURATION_UNIT):
        forget(store, survey(store, ["flickr:1"], []), [])
        assert store.exists(f"{JUDGING}/0123/verdicts-0.arrow")
    forget(store, survey(store, ["flickr:1"], []), [])
    assert store.names(JUDGING) == []


def test_what_the_list_itself_refuses_is_no_loss(taken):
    said = row(1, kept=False, has_side=False, reasons=["changed_at_source"])
    [window] = taken([said], name="m.parquet").windows()
    outcome = Outcome()
    outcome.add([refused_row(window.rows[0])])
    assert next(outcome.lines()).startswith("0 of 0 photographs")
    changed = refused(photo_of(window.rows[0]), Refused(("changed_at_source",), error="other bytes"))
    outcome.add([changed])
    assert "other bytes there now: 1" in next(outcome.lines())


@pytest.mark.parametrize(
    ("size_bytes", "reason", "is_of_bytes"),
    [(1000, "too_large", True), (None, "too_large", False), (1000, "not_jpeg", True)],
)
def test_a_file_that_is_larger_than_listed_has_changed_and_another_may_be_too_large(size_bytes, reason, is_of_bytes):
    listed = ManifestPhoto("flickr:1", "flickr", size_bytes=size_bytes, wanted_sha256=SHA256, has_verdict=True)
    rejected = Rejected(Refused((reason,)), 2000)
    assert ManifestDownloader(None, None, None, 0, "", None, Counter())._is_of_bytes(listed, rejected) is is_of_bytes
    wanted = "1,000 bytes of a JPEG" if size_bytes else "a JPEG"
    what = "too many" if reason == "too_large" else "no JPEG"
    assert _difference(listed, rejected) == f"2,000 bytes were served, {what}; listed: {wanted}"


def test_each_site_keeps_its_own_limits(tmp_path):
    (tmp_path / "pipelines.yaml").write_text("storage: data\nsources: {flickr: {file_requests: 7}}\n")
    configuration = read_configuration(tmp_path / "pipelines.yaml", [f"crawl.limits_folder={tmp_path}"])
    sources = configuration.sources
    own = sources.manifest.model_copy(update={"hosts": ("mirror.example",), "file_requests": 9})
    told = scrapy_settings(configuration, own, None, (sources.flickr, sources.wikimedia))
    politeness = Politeness.from_crawler(get_crawler(settings_dict=told))
    hosts = ("mirror.example", "live.staticflickr.com", "upload.wikimedia.org")
    queues = [politeness._queue(Request(f"https://{host}/a.jpg", meta={KIND: "file"})) for host in hosts]
    assert [queue.semaphore.tokens for queue in queues] == [9, 7, 2]
    assert set(told[ALLOWED_HOSTS_SETTING]) > set(hosts) - {"live.staticflickr.com"}
