"""A corpus with known verdicts is judged right in one part and in many, here and on workers that are killed."""

import os
import signal
import threading
from contextlib import nullcontext

import pytest

from benchmarks.curation.planted import catalogue, plant
from benchmarks.curation.planted_check import wrong_natives, wrong_verdicts
from corpus.sections import Consensus, Curation, Rules, Support
from corpus.storage import open_store
from curation.cluster.frames import Frames
from curation.cluster.workers import Workers
from curation.generations import Past
from curation.judging.inputs import find_inputs
from curation.judging.whole_corpus import JudgeSettings, judge_all

pytestmark = pytest.mark.slow

PHOTOS = 4_000
CAP = 8


def judged(store, client=None, *, part_photos=20_000):
    """Return the rows of the corpus, what was learned, and the ledger."""
    curation = Curation(judge_photos=part_photos, owner_photos_max=CAP)
    support = Support(photos_min=20, owners_min=5)
    # a corpus so small closes a camera with fewer photos than a real one
    consensus = Consensus(closed_photos_min=10, closed_owners_min=5)
    judge_settings = JudgeSettings(catalogue().opened(), support, Rules(), consensus, curation)
    inputs = find_inputs(store, "decoded")
    found = judge_all(
        inputs, Past(store, None), [], judge_settings, Frames(client), lambda *_: nullcontext(lambda _: None)
    )
    rows = [row for table, _, _ in found.parts for row in table.to_pylist()]
    return rows, found.learned, found.ledger


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return a store with the corpus and its truths."""
    store = open_store("data", tmp_path_factory.mktemp("planted"))
    return store, plant(store, PHOTOS)


@pytest.fixture(scope="module")
def at_once(corpus):
    """Return the judgement in one part, in this process."""
    return judged(corpus[0])


def test_every_planted_truth_is_found_and_nothing_else(corpus, at_once):
    rows, learned, _ = at_once
    assert wrong_verdicts(rows, corpus[1], CAP) == []
    assert wrong_natives(learned) == []
    assert {"duplicate", "placeholder", "claimed_by_two_cameras", "not_native_tables", "not_native_segments",
            "not_native_size", "edited_by_software", "beyond_owner_cap"} <= {
        reason for row in rows for reason in row["reasons"]}  # fmt: skip


def test_copies_name_the_photo_that_stays(at_once):
    rows = {row["photo"]: row for row in at_once[0]}
    copies = [row for row in rows.values() if "duplicate" in row["reasons"]]
    assert copies
    assert all(rows[row["duplicate_of"]]["kept"] or rows[row["duplicate_of"]]["reasons"] == ["beyond_owner_cap"]
               for row in copies)  # fmt: skip


def test_the_same_corpus_in_many_parts_gives_the_same_verdicts(corpus, at_once):
    assert judged(corpus[0], part_photos=700) == at_once


def test_workers_killed_while_all_is_judged_cost_time_and_change_nothing(corpus, at_once):
    with Workers(None, 2) as workers:
        client = workers.client
        ended = threading.Event()

        def kill_one_now_and_then():
            for _ in range(2):
                if ended.wait(1.5):
                    return
                os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

        killer = threading.Thread(target=kill_one_now_and_then)
        killer.start()
        try:
            found = judged(corpus[0], client, part_photos=700)
        finally:
            ended.set()
            killer.join()
    assert found == at_once
