"""Proof: a worker that does not see what the driver has written does no work, and says why."""

import hashlib
from dataclasses import replace

import pytest

from corpus.errors import StageError
from corpus.storage import open_store
from curation.cluster import proof
from curation.cluster.proof import FOLDER, Answer, OnProved, answer, check_answers, probe_in


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "APPEARS_WITHIN_S", 0.1)
    return open_store("data", tmp_path)


def test_a_worker_that_sees_the_probe_answers_where_the_driver_reads_it(store):
    with probe_in(store) as probe:
        said = answer(probe)
        assert hashlib.sha256(store.read(said.path)).hexdigest() == said.sha256
        check_answers(probe, {"tcp://a": said})
    assert not store.exists(FOLDER)


def test_a_worker_elsewhere_is_told_by_what_it_cannot_read(store, tmp_path):
    with probe_in(store) as probe:
        elsewhere = open_store("elsewhere", tmp_path)
        said = answer(replace(probe, store=elsewhere))
        with pytest.raises(StageError, match=r"worker tcp://a does not see the storage .*not there; mount the same"):
            check_answers(probe, {"tcp://a": said})
        elsewhere.publish(probe.path, b"a file of the same name")
        assert "other bytes" in answer(replace(probe, store=elsewhere)).objection


def test_a_worker_whose_files_do_not_arrive_is_told(store):
    with probe_in(store) as probe:
        lost = Answer(f"{FOLDER}/nowhere", "00")
        with pytest.raises(StageError, match="does not arrive on this machine"):
            check_answers(probe, {"tcp://a": lost})


def test_a_worker_with_another_version_is_told_with_both(store):
    with probe_in(store) as probe:
        older = replace(probe, program="shutterprint 0.0.1 on Python 3.9")
        with pytest.raises(StageError, match=r"runs shutterprint .* this machine shutterprint 0\.0\.1 on Python 3\.9"):
            check_answers(probe, {"tcp://a": answer(older)})


def test_a_worker_that_has_ended_meanwhile_is_passed_over_and_one_that_fails_is_not(store):
    with probe_in(store) as probe:
        check_answers(probe, {"tcp://gone": OSError("closed")})
        with pytest.raises(StageError, match="tcp://b cannot be asked"):
            check_answers(probe, {"tcp://b": ValueError("no such function")})


def test_a_task_on_a_worker_that_was_not_asked_is_proved_first(store, tmp_path):
    calls = []
    with probe_in(store) as probe:
        OnProved(probe, calls.append)(1)
        with pytest.raises(StageError, match="does not see the storage"):
            OnProved(replace(probe, store=open_store("elsewhere", tmp_path), path=f"{FOLDER}/x"), calls.append)(2)
    assert calls == [1]
