"""A bucket in trouble: what may pass is tried again for a bounded time, everything else is one sentence at once."""

import time
from collections.abc import Iterator

import pytest

from benchmarks.storage.object_store import Fault, ObjectStore
from corpus.errors import StorageUnavailableError
from corpus.leases import held
from corpus.storage import Store, open_store

pytest.importorskip("s3fs", reason="needs the extra s3")
pytest.importorskip("moto.server", reason="needs moto, a make-believe S3")

CURES = {
    "503": "it asks to slow down",
    "403": "access is denied .*give the credentials the right",
    "read-only": "access is denied .*give the credentials the right",
    "full": "the object store is full .*free space there",
    "no bucket": "there is no such bucket .*create it",
    "gone": "(the connection was cut off|no server answers); check the network",
    "cut": "(it does not answer in time|the connection was cut off); check the network",
}


@pytest.fixture(scope="module")
def service() -> Iterator[ObjectStore]:
    import s3fs

    with ObjectStore() as service, pytest.MonkeyPatch.context() as patch:
        for name, value in service.environment().items():
            patch.setenv(name, value)
        patch.setattr("corpus.storage.errors.RETRY_PAUSES_S", (0.05, 0.1))
        patch.setattr("corpus.storage.s3.TIMEOUTS", {"connect_timeout": 1, "read_timeout": 0.5})
        s3fs.S3FileSystem.clear_instance_cache()
        yield service
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def place(service: ObjectStore, request: pytest.FixtureRequest) -> Iterator[Store]:
    yield open_store(f"{service.url}/{abs(hash(request.node.name))}")
    service.fault = None


@pytest.mark.parametrize("kind", CURES)
def test_each_fault_is_one_sentence_and_leaves_what_was_there(service: ObjectStore, place: Store, kind: str) -> None:
    place.publish("w/old", b"old")
    acts = {
        "publish": lambda: place.publish("w/old", b"new"),
        "create": lambda: place.create("w/new", b"new"),
        "remove": lambda: place.remove("w"),
        "read": lambda: place.read("w/old"),
    }
    if kind in ("read-only", "full"):  # reading goes on
        del acts["read"]
    if kind == "cut":  # three attempts of two requests, a second each
        acts = {"publish": acts["publish"]}
    elif kind != "503":  # else as many pauses
        acts = {name: act for name, act in acts.items() if name in ("publish", "remove", "read")}
    else:
        acts = {"create": acts["create"]}
    for name, act in acts.items():
        service.fault = Fault(kind)
        with pytest.raises(StorageUnavailableError, match=CURES[kind]) as told:
            act()
        assert "\n" not in str(told.value), name
    service.fault = None
    assert place.read("w/old") == b"old"
    assert place.names("w") == ["old"]


@pytest.mark.parametrize("kind", ["503", "gone", "cut"])
def test_a_fault_that_passes_is_sat_out(
    service: ObjectStore, place: Store, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpus.storage.errors.RETRY_PAUSES_S", (0.2,) * 20)  # together longer than the fault
    service.fault = Fault(kind, seconds=0.5)
    place.publish("w/a", b"1")
    service.fault = Fault(kind, seconds=0.5)
    assert place.read("w/a") == b"1"
    service.fault = Fault(kind, seconds=0.5)
    assert place.names("w") == ["a"]


def test_a_refusing_bucket_is_not_asked_again_and_a_busy_one_a_bounded_number_of_times(
    service: ObjectStore, place: Store
) -> None:
    for kind, most in (("403", 1), ("503", 6), ("gone", 12)):  # aiohttp asks twice where a connection is reset
        service.fault = Fault(kind)
        with pytest.raises(StorageUnavailableError):
            place.publish("w/a", b"1")
        assert service.fault.hits <= most, kind


def test_a_file_whose_answer_was_lost_is_created_once_and_the_unit_is_taken(service: ObjectStore, place: Store) -> None:
    place.has_conditional_writes("leases")
    service.lose_answer = lambda request: request.kind == "PUT"
    with held(place, "leases", "unit") as lease:
        assert lease is not None
        assert lease.lease.stands()
    assert place.names("leases") == []


def test_a_lease_outlives_a_cut_that_is_shorter_than_it(service: ObjectStore, place: Store) -> None:
    with held(place, "leases", "unit") as lease:
        assert lease is not None
        service.fault = Fault("503", seconds=0.5)
        assert lease.lease.renew(time.time())
    assert place.names("leases") == []
