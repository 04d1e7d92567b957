"""One trainer: of several processes one trains a run; the others show how far it is, and go on where it has died."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.errors import StageError
from corpus.leases import LEASE_S, Lease, held
from corpus.sections import Training
from corpus.storage import Store, open_store
from train.runs import one_trainer
from train.runs.one_trainer import UNIT, TrainedElsewhereError, check_lease, own_job, train_alone, trainer_of
from train.runs.run import Run, RunConfig, begin_run, open_run, run_of

EPOCH = {
    "epoch": 1, "loss": 0.5, "accuracy": 0.9, "seconds": 60.0, "crops_per_s": 10.0, "data_wait": 0.01, "skipped": 0
}  # fmt: skip


@pytest.fixture(params=["folder", "memory"])
def run(request: pytest.FixtureRequest, tmp_path: Path, settings: Callable[..., Training]) -> Run:
    url = str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}-{request.node.name}"
    return open_run(open_store(url), RunConfig("0001-abc", ("a", "b"), settings(epochs=3)))


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_trainer, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(one_trainer, "_AGAIN_WITHIN_S", 0.01)


def foreign(run: Run, for_s: float = 60, **changes: object) -> None:
    """Let a process of another machine train a run for so many seconds more."""
    now_s = time.time()
    holder = {"host": "elsewhere", "machine": "another", "pid": 7, "started": "1", "token": "t", "job": "a-job"}
    value = {**holder, "since_s": now_s - 1, "expires_at_s": now_s + for_s, **changes}
    run.store.publish_json(f"{run.directory}/{UNIT}.0.json", value)


def finish(run: Run) -> None:
    run.store.mark_done(run.directory, {})


def refuse(*_: object) -> None:
    raise AssertionError("two processes would train it")


def test_whoever_trains_holds_the_lease_and_leaves_nothing_behind(run: Run) -> None:
    seen = []
    train_alone(lambda: run, lambda _, lease: (seen.append(trainer_of(run)), finish(run))[1], seen.append)
    assert [trainer.pid for trainer in seen if trainer is not None] == [one_trainer.os.getpid()]
    assert sorted(run.store.names(run.directory)) == ["_done.json", "config.json"]
    train_alone(lambda: run, refuse, seen.append)  # it is finished


def test_a_lease_that_is_there_already_ends_a_second_training_with_what_to_do(run: Run) -> None:
    foreign(run)
    with pytest.raises(
        TrainedElsewhereError, match=r"Ray job a-job \(process 7 on elsewhere\), since .* UTC, trains it"
    ):
        train_alone(lambda: run, refuse, print, waits=False)
    assert trainer_of(run) is not None


def test_who_waits_sees_each_epoch_once_and_the_end(run: Run) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "trains it already" in line:
            publish_epochs(run, 2)
        elif "2/3" in line:
            publish_epochs(run, 3)
        elif "3/3" in line:
            finish(run)

    foreign(run)
    train_alone(lambda: run, refuse, say)
    assert [line[:11] for line in said[1:]] == ["epoch   1/3", "epoch   2/3", "epoch   3/3"]


def publish_epochs(run: Run, number: int) -> None:
    lines = [json.dumps({**EPOCH, "epoch": each}) for each in range(1, number + 1)]
    run.store.publish(f"{run.directory}/metrics.jsonl", "\n".join(lines).encode())


def test_who_waits_for_one_that_is_stopped_does_not_train_on(run: Run) -> None:
    foreign(run)
    stop = threading.Timer(0.1, run.store.remove, [f"{run.directory}/{UNIT}.0.json"])
    stop.start()
    with pytest.raises(TrainedElsewhereError, match="was stopped; the same command goes on from its last checkpoint"):
        train_alone(lambda: run, refuse, lambda _: None)
    stop.join()


def test_who_waits_for_one_that_dies_takes_over_within_the_time_of_its_lease(run: Run) -> None:
    said: list[str] = []
    foreign(run, for_s=0.2)
    train_alone(lambda: run, lambda *_: finish(run), said.append)
    assert run.finished is not None
    assert said[-1].endswith(f"not heard of for {LEASE_S / 60:.0f} minutes; taking over")


def test_of_many_that_wait_for_one_that_dies_one_goes_on(run: Run) -> None:
    foreign(run, for_s=0.2)
    begun: list[int] = []

    def work(*_: object) -> None:
        begun.append(1)
        time.sleep(0.1)
        finish(run)

    waiting = [threading.Thread(target=train_alone, args=(lambda: run, work, lambda _: None)) for _ in range(3)]
    for each in waiting:
        each.start()
    for each in waiting:
        each.join(30)
    assert begun == [1]


def test_an_interrupted_wait_says_that_the_training_goes_on_and_how_to_stop_it(run: Run) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "trains it already" in line:
            raise KeyboardInterrupt

    foreign(run)
    with pytest.raises(KeyboardInterrupt):
        train_alone(lambda: run, refuse, say)
    assert "the training itself goes on" in said[-1]
    assert "`shutterprint jobs stop a-job` stops it" in said[-1]


def test_who_has_lost_the_lease_publishes_nothing_more(run: Run) -> None:
    with held(run.store, run.directory, UNIT) as lease:
        assert lease is not None
        check_lease(run, lease.lease)
        foreign(run)  # over ours, as if it had been taken over
        with pytest.raises(StageError, match="has taken this training over"):
            check_lease(run, lease.lease)
    check_lease(run, None)


def test_a_run_that_was_begun_in_another_folder_meanwhile_is_trained_there(
    run: Run, settings: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, config = run.store, RunConfig("0002-def", ("a", "b"), settings(epochs=3))
    trained: list[tuple[str, list[str]]] = []

    def another_first(*arguments: object) -> object:
        """Let others begin first a run with the number that ours would have, then ours."""
        monkeypatch.setattr(one_trainer, "held", held)
        open_run(store, RunConfig("0002-def", ("a", "b"), settings(epochs=9)))
        open_run(store, config)
        return held(*arguments)  # type: ignore[arg-type]

    def work(run: Run, lease: Lease) -> None:
        begin_run(run, config)
        trained.append((run.name, [name for name in store.names("runs") if trainer_of(Run(store, f"runs/{name}"))]))
        assert lease.folder == run.directory
        finish(run)

    monkeypatch.setattr(one_trainer, "held", another_first)
    expected = f"0003-{config.ending}"
    assert train_alone(lambda: run_of(store, config), work, print).name == expected
    assert trained == [(expected, [expected])]
    begun = [name for name in store.names("runs") if store.exists(f"runs/{name}/config.json")]
    assert [name for name in begun if name.endswith(config.ending)] == [expected]


@pytest.mark.parametrize(
    ("told", "job"),
    [('{"metadata": {"job_submission_id": "raysubmit_1"}}', "raysubmit_1"), ("{}", ""), ("[]", ""), ("{", "")],
)
def test_a_process_knows_the_ray_job_that_it_runs_in(monkeypatch: pytest.MonkeyPatch, told: str, job: str) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", told)
    assert own_job() == job


def test_the_job_of_a_trainer_is_known_to_all(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": {"job_submission_id": "raysubmit_1"}}')
    jobs: list[str] = []

    def work(*_: object) -> None:
        trainer = trainer_of(run)
        jobs.append(trainer.job if trainer else "none")

    train_alone(lambda: run, work, print)
    assert jobs == ["raysubmit_1"]
    assert isinstance(run.store, Store)
