"""A training that lost its lease: it leaves alone what the process that took the run over has published."""

import time
from collections.abc import Callable

import pytest
import torch

from corpus.errors import StageError
from corpus.leases import held
from corpus.sections import Training
from corpus.storage import Store
from train.fit import training_run
from train.fit.training_run import carry_out
from train.runs.one_trainer import UNIT
from train.runs.run import Run, RunConfig, open_run

THEIRS = ("weights.safetensors", "metrics.jsonl", "evaluation.json", "evaluation.html", "answers.arrow")
AT = {"evaluation": "evaluate_network", "end of the epochs": "train_epochs", "results": "evaluation_page"}


@pytest.mark.slow
@pytest.mark.parametrize("moment", AT)
def test_who_lost_the_lease_leaves_the_files_of_its_successor_alone(
    filled: Store, settings: Callable[..., Training], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    torch.set_num_threads(1)
    few = settings(epochs=1, steps_per_epoch=1, test_crops=1)
    run = open_run(filled, RunConfig("0001-abcdef", ("grainy", "smooth", "striped"), few))
    before = getattr(training_run, AT[moment])

    def then_lost(*arguments: object, **named: object) -> object:
        result = before(*arguments, **named)
        finish_elsewhere(run)
        return result

    monkeypatch.setattr(training_run, AT[moment], then_lost)
    with held(filled, run.directory, UNIT) as lease:
        assert lease is not None
        with pytest.raises(StageError, match="another process has taken this training over"):
            carry_out(run, torch.device("cpu"), lease=lease.lease)
    assert {name: filled.read(f"{run.directory}/{name}") for name in THEIRS} == dict.fromkeys(THEIRS, b"theirs")
    assert run.finished is not None
    assert run.finished["weighted_accuracy"] == 0.5


def finish_elsewhere(run: Run) -> None:
    """Take a run over, as a process of another machine does, and finish it."""
    now_s = time.time()
    holder = {"host": "elsewhere", "machine": "another", "pid": 7, "started": "1", "token": "t", "since_s": now_s}
    run.store.publish_json(f"{run.directory}/{UNIT}.1.json", {**holder, "expires_at_s": now_s + 60})
    for name in THEIRS:
        run.store.publish(f"{run.directory}/{name}", b"theirs")
    run.store.mark_done(run.directory, {"weighted_accuracy": 0.5})
