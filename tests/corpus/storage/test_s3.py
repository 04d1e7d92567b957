"""What the store promises on S3 beyond files: few requests, parts for what is large, one winner, no leftovers."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corpus.errors import StorageUnavailableError
from corpus.leases import held, take
from corpus.storage import Store, files, open_store, s3
from corpus.storage.kept import ORIGINAL, KeptStore, keeping, read_once
from corpus.storage.requests import counted, sentence

pytest.importorskip("s3fs", reason="needs the extra s3")


@pytest.fixture
def client(bucket: str) -> Any:
    """Return a client of that S3, other than the store's."""
    import boto3

    return boto3.client("s3")


@pytest.fixture
def place(bucket: str) -> Store:
    there = open_store(bucket)
    there.has_conditional_writes("leases")  # tried out once a process
    return there


def asked(act: Callable[[], object]) -> dict[str, int]:
    """Return the requests of an act, by method."""
    with counted() as requests:
        act()
        return dict(requests())


def test_each_act_is_one_request(place: Store) -> None:
    assert asked(lambda: place.publish("w/a/x", b"1")) == {"PUT": 1}
    assert asked(lambda: place.read("w/a/x")) == {"GET": 1}
    assert asked(lambda: place.read("w/a/x", 0, 1)) == {"GET": 1}
    assert asked(lambda: place.size_bytes("w/a/x")) == {"HEAD": 1}
    for path in ("w/a/x", "w/a/nothing", "w/a", "nothing"):
        assert asked(lambda path=path: place.exists(path)) == {"HEAD": 1}
    for path in ("w", "w/a", "nothing"):
        assert asked(lambda path=path: place.names(path)) == {"LIST": 1}
    assert asked(lambda: place.mark_done("w/a", {})) == {"PUT": 1}
    assert asked(lambda: place.done("w/a")) == {"GET": 1}
    assert asked(lambda: place.done("w/b")) == {"GET": 1}
    assert asked(lambda: place.done_names("w")) == {"LIST": 2}
    assert asked(lambda: place.remove_file("w/a/x")) == {"DELETE": 1}
    for name in range(5):
        place.publish(f"w/a/{name}", b"")
    assert asked(lambda: place.remove("w/a")) == {"LIST": 1, "DELETE": 1, "POST": 1}
    assert place.names("w") == []


def test_whole_directories_are_found_among_more_objects_than_a_listing_has(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        for file in range(4):
            place.publish(f"w/{name}/{file}", b"")
    place.mark_done("w/one", {})
    place.mark_done("w/two", {})
    place.publish("w/two/deep/_done.json", b"")
    assert place.done_names("w") == ["one", "two"]
    pages = s3._pages
    monkeypatch.setattr(s3, "_pages", lambda *a, **k: pages(*a, **k, MaxKeys=1))
    assert place.done_names("w") == ["one", "two"]
    assert place.names("w/one") == ["0", "1", "2", "3", "_done.json"]


def test_a_unit_that_nobody_holds_costs_three_requests(place: Store) -> None:
    def work() -> None:
        with held(place, "leases", "unit") as lease:
            assert lease is not None
            assert lease.is_ours()

    assert asked(work) == {"PUT": 1, "LIST": 1, "DELETE": 1}
    assert place.names("leases") == []


def test_a_check_of_a_lease_is_one_listing_also_after_it_was_renewed(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpus.leases.CHECKED_S", 0.0)
    with held(place, "leases", "unit") as holding, held(place, "leases", "unit2") as other:
        assert holding is not None
        assert other is not None
        assert asked(holding.is_ours) == {"LIST": 1}
        monkeypatch.setattr("corpus.leases.RENEW_EVERY_S", 0.0)
        assert holding.is_ours()
        monkeypatch.setattr("corpus.leases.RENEW_EVERY_S", 1e9)
        assert asked(holding.is_ours) == {"LIST": 1}
        assert asked(holding.release) == {"LIST": 1, "DELETE": 1}
        place.publish("leases/unit.0.json", b"another's")
        holding.release()
        assert place.read("leases/unit.0.json") == b"another's"
    assert place.names("leases") == ["unit.0.json"]
    place.remove("leases")


def test_a_lease_that_was_taken_over_is_noticed_and_the_newer_one_is_left(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpus.leases.CHECKED_S", 0.0)
    with held(place, "leases", "unit") as holding:
        assert holding is not None
        assert holding.is_ours()
        theirs = take(place, "leases", "unit", 4e9)
        assert theirs is not None
        assert not holding.is_ours()
    assert place.names("leases") == ["unit.0.json", "unit.1.json"]
    place.remove_file("leases/unit.0.json")
    assert take(place, "leases", "unit", 4e9) is None, "the newer lease stands, though number 0 is free"
    assert place.names("leases") == ["unit.1.json"]
    theirs.release()
    assert place.names("leases") == []


def test_a_machine_that_was_suspended_looks_at_its_lease_again(place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(place, "leases", "unit") as holding:
        assert holding is not None
        assert take(place, "leases", "unit", 4e9) is not None
        assert holding.is_ours(), "it was looked at a moment ago"
        now_s = time.time()
        monkeypatch.setattr("corpus.leases.time.time", lambda: now_s + 3600)  # the monotonic clock stood still
        assert not holding.is_ours()
    place.remove("leases")


def test_a_refused_first_lease_of_another_process_is_left_alone(place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our writing number 0 and our listing another process has taken over, and its lease is number 0, too."""
    create = Store.create

    def create_and_lose(store: Store, path: str, data: bytes) -> bool:
        done = create(store, path, data)
        store.publish(path, b"theirs")
        store.publish(path.replace(".0.", ".1."), b"another's")
        return done

    monkeypatch.setattr(Store, "create", create_and_lose)
    take(place, "leases", "unit", 1.0)
    assert place.read("leases/unit.0.json") == b"theirs"
    place.remove("leases")


@pytest.mark.parametrize("is_refused", [False, True], ids=["passed over", "501"])
def test_a_store_without_the_condition_is_found_out_and_its_leases_wait(
    place: Store, monkeypatch: pytest.MonkeyPatch, is_refused: bool
) -> None:
    from botocore.exceptions import ClientError

    filesystem = place.filesystem

    def create(_: Any, path: str, data: bytes) -> bool:
        if is_refused:
            said = {"Error": {"Code": "NotImplemented", "Message": "A header you provided implies functionality"}}
            raise OSError(5, "Input/output error") from ClientError(said, "PutObject")
        return filesystem.pipe_file(path, data) is not None

    monkeypatch.setattr(s3, "create", create)
    monkeypatch.setattr(files, "_conditional", {})
    slept: list[float] = []
    monkeypatch.setattr("corpus.leases.time.sleep", slept.append)
    assert not place.has_conditional_writes("leases")
    assert asked(lambda: place.has_conditional_writes("leases")) == {}
    lease = take(place, "leases", "unit", 1.0)
    assert lease is not None
    assert slept == [2.0]
    assert take(place, "leases", "unit", 2.0) is None
    lease.release()


@pytest.mark.parametrize(
    ("code", "asked_times", "said"), [("SlowDown", 2, "it asks to slow down"), ("AccessDenied", 1, "access is denied")]
)
def test_one_object_of_many_that_is_not_removed_is_told_as_any_refusal_is(
    place: Store, monkeypatch: pytest.MonkeyPatch, code: str, asked_times: int, said: str
) -> None:
    for name in "ab":
        place.publish(f"w/{name}", b"")
    calls, call = [], place.filesystem.call_s3

    def answer(method: str, **given: Any) -> Any:
        if method != "delete_objects":
            return call(method, **given)
        calls.append(method)
        return {"Errors": [{"Key": "w/a", "Code": code, "Message": "no"}]}

    monkeypatch.setattr(place.filesystem, "call_s3", answer)
    monkeypatch.setattr("corpus.storage.errors.RETRY_PAUSES_S", (0.01,))
    with pytest.raises(StorageUnavailableError, match=said):
        place.remove("w")
    assert len(calls) == asked_times


def test_what_is_large_goes_in_parts_and_comes_back(
    place: Store, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    data = bytes(range(256)) * (11 << 12)
    (tmp_path / "file").write_bytes(data)
    parts = {"POST": 2, "PUT": 3}
    assert asked(lambda: place.publish("large", data)) == parts
    assert asked(lambda: place.publish_file("larger", tmp_path / "file")) == parts
    assert place.read("large") == place.read("larger") == data


def test_parts_of_a_writer_that_was_killed_are_given_up(place: Store, client: Any) -> None:
    name, _, prefix = place.path("tars").partition("/")
    begun = client.create_multipart_upload(Bucket=name, Key=f"{prefix}/a.tar")
    client.upload_part(Bucket=name, Key=f"{prefix}/a.tar", UploadId=begun["UploadId"], PartNumber=1, Body=b"x")
    client.create_multipart_upload(Bucket=name, Key=f"{prefix}-else/a.tar")
    assert place.sweep_temporary("tars", 1e9) == 0  # moto's begin in 2010
    assert place.sweep_temporary("tars", 0) == 1
    left = client.list_multipart_uploads(Bucket=name).get("Uploads", [])
    assert [one["Key"] for one in left] == [f"{prefix}-else/a.tar"]


def test_parts_are_given_up_beyond_the_first_page(place: Store, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (name, _, prefix), call = place.path("tars").partition("/"), place.filesystem.call_s3
    for number in range(3):
        client.create_multipart_upload(Bucket=name, Key=f"{prefix}/{number}.tar")

    def one_a_page(method: str, **given: Any) -> Any:
        if method != "list_multipart_uploads":
            return call(method, **given)
        page = call(method, Bucket=given["Bucket"], Prefix=given["Prefix"])  # moto knows no markers
        after = [one for one in page.get("Uploads", ()) if one["Key"] > given.get("KeyMarker", "")]
        last = {"NextKeyMarker": after[0]["Key"], "NextUploadIdMarker": after[0]["UploadId"]} if after else {}
        return {"Uploads": after[:1], "IsTruncated": len(after) > 1} | last

    monkeypatch.setattr(place.filesystem, "call_s3", one_a_page)
    assert place.sweep_temporary("tars", 0) == 3


def test_a_bucket_that_is_not_there_is_a_sentence(client: Any) -> None:
    there = open_store("s3://no-such-bucket/x")
    for act in (lambda: there.names("."), lambda: there.read("a"), lambda: there.publish("a", b"")):
        with pytest.raises(StorageUnavailableError, match="there is no such bucket"):
            act()


def test_requests_are_told_by_method_and_for_each_photograph() -> None:
    requests = Counter({"PUT": 240, "GET": 812, "LIST": 12})
    assert sentence(requests, 560) == "requests: GET 812, PUT 240, LIST 12: 1.9 a photograph"
    assert sentence(Counter(), 560) == "requests: none"


def test_a_listing_tells_of_each_object_what_differs_when_it_was_replaced(place: Store) -> None:
    for path, data in (("w/2019_a/x", b"1"), ("w/2020_a/x", b"22"), ("w/2020_a/.tmp-1", b""), ("v", b"3")):
        place.publish(path, data)
    assert asked(lambda: place.entries("w")) == {"LIST": 1}
    told = place.entries("w")
    assert [(path, entry.size_bytes) for path, entry in told.items()] == [("w/2019_a/x", 1), ("w/2020_a/x", 2)]
    assert [entry.state for entry in told.values()] == [s3.state_of(b"1"), s3.state_of(b"22")]
    assert list(place.entries("w", "2020")) == ["w/2020_a/x"]
    assert place.names("w", "2020") == ["2020_a"]
    place.publish("w/2019_a/x", b"2")
    assert place.entries("w")["w/2019_a/x"].state == s3.state_of(b"2") != told["w/2019_a/x"].state


def test_a_probe_that_a_killed_process_has_left_is_swept_by_the_next_one(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.publish("leases/.tmp-left", b"")
    monkeypatch.setattr(files, "_conditional", {})
    assert place.has_conditional_writes("leases")
    there = lambda: place.filesystem.find(place.path("leases"))  # noqa: E731
    assert [path.rpartition("/")[2] for path in there()] == [".tmp-left"], "it may be another process's at work"
    monkeypatch.setattr(s3, "PROBE_S", -60.0)
    monkeypatch.setattr(files, "_conditional", {})
    assert place.has_conditional_writes("leases")
    assert there() == []


def test_markers_are_kept_together_and_only_those_that_have_changed_are_read(place: Store) -> None:
    from crawlers.windows.markers import Markers

    def refreshed() -> Markers:
        markers = Markers(place, "flickr")
        markers.refresh()
        return markers

    for number in range(3):
        place.mark_done(f"crawl/flickr/{number}_a", {"details": {"query": "a"}, "photos": number})
    assert asked(refreshed) == {"GET": 3, "LIST": 1}, "the listing tells that none are together yet"
    first = refreshed()
    place.mark_done("crawl/flickr/0_a", marker := {"details": {"query": "a"}, "photos": 7})
    first.published("0_a", marker)
    assert asked(first.keep) == {"PUT": 1}
    assert asked(first.keep) == {}
    assert asked(refreshed) == {"GET": 1, "LIST": 1}
    place.mark_done("crawl/flickr/1_a", {"details": {"query": "a"}, "photos": 8})
    assert asked(refreshed) == {"GET": 2, "LIST": 1}
    assert [refreshed().all[f"{number}_a"]["photos"] for number in range(3)] == [7, 8, 2]
    for damaged in (b"{", b"[]", b'{"format": 1, "markers": {"0_a": [1]}}', b'{"format": 2}'):
        place.publish("crawl/flickr/_markers.json", damaged)
        assert [refreshed().all[f"{number}_a"]["photos"] for number in range(3)] == [7, 8, 2]


def test_what_a_run_reads_more_than_once_is_asked_for_once(place: Store, tmp_path: Path) -> None:
    place.publish("originals/a", b"bytes")
    place.publish("crawl/w/records.parquet", b"old")
    with keeping(place, 1) as kept:
        assert isinstance(kept, KeptStore)
        assert asked(lambda: [read_once(kept, "originals/a", ORIGINAL) for _ in range(3)]) == {"GET": 1}
        assert read_once(kept, "crawl/w/records.parquet", "1") == b"old"
        place.publish("crawl/w/records.parquet", b"new")
        assert read_once(kept, "crawl/w/records.parquet", "2") == b"new"
        assert asked(lambda: [read_once(kept, "originals/a", "") for _ in range(2)]) == {"GET": 2}
        for path in Path(kept.folder).iterdir():
            path.unlink()
        no_room = KeptStore(kept.url, kept.is_patient, kept.folder, 0)
        assert asked(lambda: [read_once(no_room, "originals/a", ORIGINAL) for _ in range(2)]) == {"GET": 2}
        read_once(kept, "originals/a", ORIGINAL)
        with keeping(place, 1) as after_a_kill:
            assert isinstance(after_a_kill, KeptStore)
            assert list(Path(after_a_kill.folder).iterdir()) == [], "what a killed run has left is removed"
    assert not Path(kept.folder).exists()
    with keeping(open_store(str(tmp_path)), 1) as local:
        assert not isinstance(local, KeptStore)


def test_who_takes_a_photograph_down_waits_until_no_crawl_goes_by_the_list_as_it_was(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from corpus.takedowns import ASKED_S
    from crawlers.forget import __main__ as forgetting

    slept: list[float] = []
    monkeypatch.setattr(forgetting.time, "sleep", slept.append)
    for _ in range(2):
        forgetting.forget(place, {"flickr:1": forgetting.Traces()}, [])
        assert slept == [ASKED_S], "once: the second time it is on the list"
