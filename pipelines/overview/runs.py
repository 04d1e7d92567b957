"""Runs: trainings that are finished or not, with their accuracy on held-out devices."""

from typing import Any

from corpus.configuration import Configuration
from corpus.errors import StorageError
from corpus.storage import MARKER, Store
from corpus.text import count, escaped, leading_number
from pipelines.overview.part import Advice, Part, ago

ROOT = "runs"
_SHOWN = 5
_STILL_AT_WORK_S = 3600.0
"""A run that wrote nothing for longer is taken for stopped; with a checkpoint every ten minutes that is long."""


def runs_part(configuration: Configuration, now_s: float) -> Part:
    """Return the newest runs; a run that is unfinished and wrote nothing lately is told as stopped."""
    store = configuration.store
    names = sorted(store.names(ROOT), key=lambda name: (leading_number(name), name))
    newest = [_run(store, name) for name in reversed(names[-_SHOWN:])]
    rows = [
        (escaped(each["name"]), each["state"], "" if each["accuracy"] is None else f"{each['accuracy']:.3f}",
         ago(each["at_s"], now_s))
        for each in newest
    ]  # fmt: skip
    notes = [f"and {count(len(names) - _SHOWN, 'older run')}"] if len(names) > _SHOWN else []
    columns = ("run", "state", "weighted accuracy", "last written") if rows else ()
    data = {"runs": names, "newest": newest}
    return Part("Trainings", columns, rows, notes or ([] if rows else ["no run yet"]), data, _advice(newest, now_s))


def _run(store: Store, name: str) -> dict[str, Any]:
    folder = f"{ROOT}/{name}"
    done = store.done(folder)
    written = [f"{folder}/{MARKER}"] if done else [f"{folder}/{file}" for file in ("metrics.jsonl", "config.json")]
    at_s = None
    for path in written:
        try:
            at_s = max(at_s or 0.0, store.modified_at_s(path))
        except StorageError:
            continue
    return {
        "name": name,
        "state": "finished" if done else f"{_epochs(store, folder)} epochs so far",
        "is_finished": done is not None,
        "accuracy": (done or {}).get("weighted_accuracy"),
        "at_s": at_s,
    }


def _epochs(store: Store, folder: str) -> int:
    path = f"{folder}/metrics.jsonl"
    return len(store.read(path).splitlines()) if store.exists(path) else 0


def _advice(newest: list[dict[str, Any]], now_s: float) -> list[Advice]:
    return [
        Advice(f"{escaped(each['name'])}: unfinished, and nothing was written for {_STILL_AT_WORK_S / 3600:.0f} h",
               f"the command that began it goes on, such as python train/main.py --run {escaped(each['name'])}")
        for each in newest
        if not each["is_finished"] and (each["at_s"] or 0.0) < now_s - _STILL_AT_WORK_S
    ]  # fmt: skip
