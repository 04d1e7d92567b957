"""Runs: what trainings say of themselves: their figures, curves and pages. No network is loaded for it."""

import json
from typing import Any

from corpus.errors import StorageError
from corpus.storage import Store
from corpus.text import age

ROOT = "runs"
METRICS, CONFIGURATION, EVALUATION = "metrics.jsonl", "config.json", "evaluation.json"
PAGES = {"evaluation": "evaluation.html", "report": "report/report.html"}
"""Pages of a run by name: the evaluation, and the full report where it was made."""
_METRICS_MAX_BYTES = 8 << 20
_POINTS = 2000
"""Most points of a curve; of more, every n-th is sent."""


class UnknownRunError(LookupError):
    """A name is of no run, or of none of its pages."""


def runs(store: Store) -> list[dict[str, Any]]:
    """Return all runs, the newest first: {name, finished, unaltered, manipulated, weighted_accuracy, photos}."""
    names = sorted(store.names(ROOT), key=age, reverse=True)
    return [_summary(store, name) for name in names]


def run(store: Store, name: str) -> dict[str, Any]:
    """Return a run's figures: {name, finished, configuration, evaluation, metrics, pages}.

    `metrics`: a list of {epoch, step, loss, accuracy, validation_accuracy, learning_rate, …}, one for each time that
    it was written.
    """
    known = _known(store, name)
    folder = f"{ROOT}/{known}"
    return {
        **_summary(store, known),
        "configuration": _json(store, f"{folder}/{CONFIGURATION}"),
        "evaluation": _json(store, f"{folder}/{EVALUATION}"),
        "metrics": _metrics(store, f"{folder}/{METRICS}"),
        "pages": [page for page, path in PAGES.items() if store.exists(f"{folder}/{path}")],
    }


def page(store: Store, name: str, wanted: str) -> bytes:
    """Return the HTML of one of a run's PAGES."""
    known = _known(store, name)
    path = f"{ROOT}/{known}/{PAGES[wanted]}" if wanted in PAGES else None
    if path is None or not store.exists(path):
        raise UnknownRunError("The run has no such page.")
    return store.read(path)


def _known(store: Store, run: str) -> str:
    """Return the name of a run as the store lists it; raises UnknownRunError where it does not."""
    for name in store.names(ROOT):
        if name == run:
            return name
    raise UnknownRunError("There is no such run.")


def _summary(store: Store, name: str) -> dict[str, Any]:
    done = store.done(f"{ROOT}/{name}")
    told = ("unaltered", "manipulated", "weighted_accuracy", "weighted_interval", "photos", "chance", "split")
    return {"name": name, "finished": done is not None, **{each: (done or {}).get(each) for each in told}}


def _json(store: Store, path: str) -> Any:
    try:
        return json.loads(store.read(path), parse_constant=_none)
    except (StorageError, ValueError):  # an unfinished run lacks it
        return None


def _metrics(store: Store, path: str) -> list[dict[str, Any]]:
    if not store.exists(path):
        return []
    lines = store.read(path, 0, _METRICS_MAX_BYTES).split(b"\n")
    found = [line for line in lines if line.strip()]
    read = [_line(line) for line in found[:: max(1, len(found) // _POINTS)]]
    return [each for each in read if each is not None]


def _none(_: str) -> None:
    """Return what NaN and infinities become: JSON has neither, and browsers refuse them."""


def _line(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line, parse_constant=_none)
    except ValueError:  # the last line of a run that goes on
        return None
    return value if isinstance(value, dict) else None
