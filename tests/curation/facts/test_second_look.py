"""Second look: what a worker says becomes a verdict only where this machine finds the same."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from corpus.errors import StageError
from corpus.storage import open_store
from curation.cluster.alone import Alone
from curation.facts.examine import Batch, Original, Trouble, examine_batch
from curation.facts.second_look import check_lost, confirmed, examined_alone

pytestmark = pytest.mark.slow

DECODED = "decoded"


@pytest.fixture
def alone():
    with Alone() as process:
        yield process


def said_of(store, original):
    """Return what a worker says of an original that has no facts."""
    (trouble,) = examine_batch(store, Batch((original,), DECODED))
    return trouble


def test_an_original_that_nobody_sees_is_lost_and_one_whose_bytes_all_see_changed_is_damaged(store, put, jpeg, alone):
    gone, changed = Original("flickr:9", "v", "originals/9.jpg", "00"), put(jpeg(1), sha256="00" * 32)
    for original, reason in ((gone, "original_lost"), (changed, "original_damaged")):
        said = said_of(store, original)
        assert confirmed(store, original, DECODED, said, alone) == said
        assert said.reason == reason
    assert not store.exists("facts")


def test_what_only_a_worker_misses_or_reads_otherwise_stops_the_run(store, put, jpeg, alone, tmp_path):
    original = put(jpeg(1))
    elsewhere = open_store("elsewhere", tmp_path)
    missing = said_of(elsewhere, original)
    elsewhere.publish(original.path, b"other bytes")
    other = said_of(elsewhere, original)
    for said in (missing, other):
        with pytest.raises(StageError, match=r"do not see the same storage .* there, as its record says"):
            confirmed(store, original, DECODED, said, alone)
    # this machine sees other bytes as well, but not those that the worker saw
    Path(store.path(original.path)).write_bytes(b"and yet others")
    with pytest.raises(StageError, match="do not see the same storage"):
        confirmed(store, original, DECODED, other, alone)
    assert not store.exists("facts")


def test_a_fault_that_only_a_worker_has_stops_the_run(store, put, jpeg, alone):
    original = put(jpeg(1))
    said = Trouble(original.key, "not_examined", "originals/1.jpg: AttributeError: simplejpeg has no such function")
    with pytest.raises(StageError, match=r"do not examine alike.*no such function.*examined without an error"):
        confirmed(store, original, DECODED, said, alone)


def test_an_original_that_needed_more_memory_than_its_worker_had_gets_its_facts(store, put, jpeg, alone):
    original = put(jpeg(1))
    said = Trouble(original.key, "kills_examiner", "asking for more memory than its process could get")
    assert confirmed(store, original, DECODED, said, alone) is None
    (row,) = store.read_table(Batch((original,), DECODED).path).to_pylist()
    assert row["perceptual_hash"]


def test_an_original_that_ends_its_examiner_alone_too_has_that_as_its_fact_and_the_others_theirs(store, put, jpeg):
    class Killed(Alone):
        """Ends the real process of one original by a real signal."""

        def call(self, function, *arguments):
            killer = arguments[1].photo == "flickr:2"
            return super().call(signal.raise_signal, signal.SIGSEGV) if killer else super().call(function, *arguments)

    batch = Batch(tuple(put(jpeg(number), str(number)) for number in (1, 2, 3)), DECODED)
    batch = Batch((*batch.originals, Original("flickr:4", "v", "originals/none.jpg", "00")), DECODED)
    with Killed() as alone:
        troubles = examined_alone(store, batch, alone)
    assert [(one.key.photo, one.reason) for one in troubles] == [
        ("flickr:2", "kills_examiner"),
        ("flickr:4", "original_lost"),
    ]
    assert f"SHA-256 {batch.originals[1].sha256}" in troubles[0].error
    rows = store.read_table(batch.path).to_pylist()
    assert [row["photo"] for row in rows] == ["flickr:1", "flickr:2", "flickr:3"]
    assert (rows[1]["facts"], rows[1]["error"], rows[1]["pixel_error"]) == (None, None, troubles[0].error)
    assert rows[2]["facts"]


def test_a_signal_from_outside_stops_the_run_and_nothing_is_published(store, put, jpeg):
    batch = Batch((put(jpeg(1)),), DECODED)
    ended = threading.Event()

    def end_every_child():
        while not ended.wait(0.02):
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=end_every_child)
    killer.start()
    try:
        with Alone() as alone, pytest.raises(StageError, match="ended by signal SIGKILL"):
            examined_alone(store, batch, alone)
    finally:
        ended.set()
        killer.join()
    assert not store.exists("facts")


def test_more_than_a_hundredth_lost_stops_the_run(store):
    check_lost(store, 1, 100, "originals/1.jpg")
    with pytest.raises(StageError, match=r"more than 1% of the 100 stored originals are lost, among them originals/1"):
        check_lost(store, 2, 100, "originals/1.jpg")
