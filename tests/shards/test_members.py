"""Bytes at places of tars: coalesced, bounded, in order; one place that fails does not fail the others."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import open_store
from shards import members as members_module
from shards.members import GAP_BYTES, OPEN_TARS_MAX, REQUEST_BYTES, Members, plan_requests
from shards.remote.ranges import RangeReads

SIZE = 300_000
TARS = {name: random.Random(name).randbytes(SIZE) for name in ("a.tar", "b.tar", "c.tar")}


@pytest.fixture(params=["folder", "memory", "s3"])
def members(request, tmp_path):
    """Members of a store of each kind, with three tars."""
    url = {"folder": str(tmp_path / "data"), "memory": f"memory://{tmp_path}"}.get(request.param)
    store = open_store(url or f"{request.getfixturevalue('bucket')}/{tmp_path.name}")
    for name, data in TARS.items():
        store.publish(f"shards/tars/{name}", data)
    with Members(store) as made:
        yield made


def some_places(count, seed=0):
    rng = random.Random(seed)
    starts = [(rng.choice(sorted(TARS)), rng.randrange(SIZE - 20_000)) for _ in range(count)]
    return [(tar, start, rng.randrange(20_000)) for tar, start in starts]


def test_each_place_gives_its_bytes_in_the_order_asked(members):
    places = some_places(100)
    wanted = [TARS[tar][start : start + length] for tar, start, length in places]
    assert members.fetch(places) == wanted
    assert list(members.read((number, place) for number, place in enumerate(places))) == list(enumerate(wanted))
    assert members.fetch([]) == []


def test_one_place_that_fails_does_not_fail_the_others(members):
    places = [("a.tar", 0, 5), ("none.tar", 0, 5), ("a.tar", SIZE - 4, 10), ("b.tar", SIZE + 5, 10), ("b.tar", 7, 3)]
    answers = members.fetch(places)
    assert (answers[0], answers[4]) == (TARS["a.tar"][:5], TARS["b.tar"][7:10])
    assert [type(answer) for answer in answers[1:4]] == [StorageError] * 3
    assert [str(answer).split(": ", 1)[1].partition(";")[0] for answer in answers[1:4]] == [
        "no file shards/tars/none.tar",
        f"shards/tars/a.tar has 4 bytes at {SIZE - 4}, not 10",
        f"shards/tars/b.tar has 0 bytes at {SIZE + 5}, not 10",
    ]
    read = list(members.read(enumerate(places)))
    assert [(number, str(answer)) for number, answer in read] == list(enumerate(map(str, answers)))


def test_a_service_that_does_not_answer_is_not_a_missing_tile(bucket):
    with Members(open_store("s3://no-such-bucket/x")) as members, pytest.raises(StorageUnavailableError):
        members.fetch([("a.tar", 0, 5)])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1 << 24), st.integers(0, 1 << 20)), max_size=60))
def test_requests_hold_every_place_and_waste_little(places):
    requests = plan_requests(places)
    assert sorted(number for request in requests for number in request.numbers) == list(range(len(places)))
    for request in requests:
        covered = request.start
        for tar, start, length in sorted(places[number] for number in request.numbers):
            assert tar == request.tar
            assert request.start <= start <= start + length <= request.end
            assert start - covered <= GAP_BYTES
            covered = max(covered, start + length)
        assert covered == request.end
        assert request.end - request.start <= REQUEST_BYTES or len(request.numbers) == 1
    for one, other in pairwise(requests):  # neighbours are apart, or together too large
        assert (
            one.tar != other.tar
            or other.start - one.end > GAP_BYTES
            or max(one.end, other.end) - one.start > REQUEST_BYTES
            or places[other.numbers[0]][2] + one.end - one.start > REQUEST_BYTES
        )


def test_what_is_asked_for_ahead_is_bounded(tmp_path, monkeypatch):
    store = open_store(f"memory://{tmp_path}")
    store.publish("shards/tars/a.tar", bytes(4 << 20))
    asked, given_out = [], []
    plain = RangeReads.submit

    def submit(self, relative, start, end):
        asked.append(end - start)
        return plain(self, relative, start, end)

    monkeypatch.setattr(RangeReads, "submit", submit)
    monkeypatch.setattr(members_module, "AHEAD_BYTES", 100_000)
    monkeypatch.setattr(members_module, "BATCH_PLACES", 4)
    monkeypatch.setattr(members_module, "GAP_BYTES", -1)  # a request a place
    rng = random.Random(1)
    places = [(number, ("a.tar", rng.randrange(4000) * 1024, 1000)) for number in range(2000)]
    most_bytes = 0
    with Members(store) as members:
        for number, data in members.read(iter(places)):
            most_bytes = max(most_bytes, sum(asked) - 1000 * len(given_out))
            given_out.append(number)
            assert len(data) == 1000
    assert 96_000 <= most_bytes <= 100_000 + 4000
    assert given_out == list(range(2000))


def test_no_more_tars_are_held_open_than_a_process_may(tmp_path):
    store = open_store(str(tmp_path))
    for number in range(OPEN_TARS_MAX + 10):
        store.publish(f"shards/tars/{number}.tar", b"%04d" % number)
    numbers = [*range(OPEN_TARS_MAX + 10), *range(OPEN_TARS_MAX + 10)]
    with Members(store) as members:
        for number, data in members.read((number, (f"{number}.tar", 0, 4)) for number in numbers):
            assert data == b"%04d" % number
            assert len(members._open) <= OPEN_TARS_MAX
    assert members._open == {}


def test_threads_share_one_reader_while_tars_are_closed_for_others(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(members_module, "OPEN_TARS_MAX", 2)
    store = open_store(str(tmp_path))
    for number in range(12):
        store.publish(f"shards/tars/{number}.tar", b"%04d" % number * 2000)
    rng = random.Random(0)
    numbers = [rng.randrange(12) for _ in range(4000)]
    with Members(store) as members, ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda number: members.fetch([(f"{number}.tar", 400, 4)])[0], numbers))
    assert read == [b"%04d" % number for number in numbers]
