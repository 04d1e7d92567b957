"""Runs: trainings, finished or not, with their accuracy on held-out devices, as `pipelines.jobs.table` reads them."""

from typing import Any

from corpus.configuration import Configuration
from corpus.errors import StorageError
from corpus.storage import MARKER
from corpus.text import ago, count, escaped
from pipelines.jobs.table import Training, trainings
from pipelines.overview.part import Advice, Part

_SHOWN = 5


def runs_part(configuration: Configuration, now_s: float) -> Part:
    """Return the newest runs; wrong is one whose trainer has died, not one that was stopped or is given back."""
    found = trainings(configuration.store)
    newest = [_told(training) for training in reversed(found[-_SHOWN:])]
    rows = [
        (escaped(each["name"]), escaped(each["state"]), each["progress"],
         "" if each["accuracy"] is None else f"{each['accuracy']:.3f}", ago(each["at_s"], now_s))
        for each in newest
    ]  # fmt: skip
    notes = [f"and {count(len(found) - _SHOWN, 'older run')}"] if len(found) > _SHOWN else []
    columns = ("run", "state", "progress", "weighted accuracy", "last written") if rows else ()
    data = {"runs": [training.run.name for training in found], "newest": newest}
    return Part("Trainings", columns, rows, notes or ([] if rows else ["no run yet"]), data, _advice(found))


def _told(training: Training) -> dict[str, Any]:
    store, folder = training.run.store, training.run.directory
    at_s = None
    for file in [MARKER] if training.is_finished else ["metrics.jsonl", "config.json"]:
        try:
            at_s = max(at_s or 0.0, store.modified_at_s(f"{folder}/{file}"))
        except StorageError:
            continue
    return {
        "name": training.run.name,
        "state": training.state,
        "progress": training.progress,
        "is_finished": training.is_finished,
        "accuracy": (training.done or {}).get("weighted_accuracy"),
        "at_s": at_s,
    }


def _advice(found: list[Training]) -> list[Advice]:
    return [
        Advice(f"{escaped(each.run.name)}: its trainer has died, and nobody goes on with it",
               f"the command that began it goes on, such as python train/main.py --run {escaped(each.run.name)}")
        for each in found
        if each.is_left
    ]  # fmt: skip
