"""Comparison: counts what changed for each photo from one generation to another.

Both tables are sorted by photo and version, so they are merged batch by batch, in constant memory. A table that is not
sorted so is refused.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from corpus.errors import StorageError
from corpus.storage import Store
from corpus.text import ranked
from curation.generations import FOLDER, PHOTOS, batches_of, learned_in

EXAMPLES = 20
"""Most photos that are named of those that changed their split."""

_COLUMNS = ["photo", "version", "kept", "reasons", "camera", "split"]
_NONE, _KEPT, _NEW, _GONE = "none", "kept", "new", "gone"


class Judged(NamedTuple):
    """One generation's verdict on one upload of a photo."""

    photo: str
    version: str
    kept: bool
    reasons: Sequence[str] | None
    camera: str | None
    split: str | None


def differences(store: Store, before: str, after: str) -> dict[str, Any]:
    """Return what changed between two generations as plain data; the same two always give the same.

    `before`, `after`: {name, photos, kept}. `new`, `gone`: photos in only one of them. `newly_kept`, `newly_refused`:
    photos in both. `transitions`, `camera_changed`: lists of {from, to, photos}, the most frequent first.
    `split_changed`: {photos, examples}. `cameras`: kept photos {before, after} by camera. `natives`: {gained, lost},
    rows of natives.json.

    Raises StorageError where a table is missing, damaged, lacks a column or is not sorted.
    """
    said: Counter[tuple[str, str]] = Counter()
    renamed: Counter[tuple[str, str]] = Counter()
    kept: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    turned = 0
    examples: list[str] = []
    for old, new in _pairs(_judged(store, before), _judged(store, after)):
        said[_verdict(old, _NEW), _verdict(new, _GONE)] += 1
        for judged, cameras in zip((old, new), kept, strict=True):
            if judged is not None and judged.kept:
                cameras[judged.camera or _NONE] += 1
        if old is None or new is None:
            continue
        if old.camera != new.camera:
            renamed[old.camera or _NONE, new.camera or _NONE] += 1
        if old.kept and new.kept and old.split != new.split:
            turned += 1
            if len(examples) < EXAMPLES:
                examples.append(f"{old.photo}: {old.split} -> {new.split}")
    transitions = Counter({(old, new): number for (old, new), number in said.items() if old != new})
    added = sum(number for (old, _), number in said.items() if old == _NEW)
    gone = sum(number for (_, new), number in said.items() if new == _GONE)
    return {
        "before": {"name": before, "photos": said.total() - added, "kept": kept[0].total()},
        "after": {"name": after, "photos": said.total() - gone, "kept": kept[1].total()},
        "new": added,
        "gone": gone,
        "newly_kept": sum(number for (old, new), number in transitions.items() if old != _NEW and new == _KEPT),
        "newly_refused": sum(number for (old, new), number in transitions.items() if old == _KEPT and new != _GONE),
        "transitions": _ranked(transitions),
        "camera_changed": _ranked(renamed),
        "split_changed": {"photos": turned, "examples": examples},
        "cameras": {
            camera: {"before": kept[0][camera], "after": kept[1][camera]} for camera in sorted({*kept[0], *kept[1]})
        },
        "natives": _natives(store, before, after),
    }


def _pairs(before: Iterator[Judged], after: Iterator[Judged]) -> Iterator[tuple[Judged | None, Judged | None]]:
    """Yield each photo of two sorted tables with its row of either, None where it has none: a merge join."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        first = min(one[:2] for one in (old, new) if one is not None)
        in_old, in_new = (one is not None and one[:2] == first for one in (old, new))
        yield (old if in_old else None), (new if in_new else None)
        old = next(before, None) if in_old else old
        new = next(after, None) if in_new else new


def _judged(store: Store, generation: str) -> Iterator[Judged]:
    path = f"{FOLDER}/{generation}/{PHOTOS}"
    last = ("", "")
    for batch in batches_of(store, generation, _COLUMNS):
        columns = (batch.column(name).to_pylist() for name in _COLUMNS)
        for judged in map(Judged, *columns):
            if judged[:2] <= last:
                raise StorageError(f"{store.url}: {path} is not sorted by photo and version")
            last = judged[:2]
            yield judged


def _verdict(judged: Judged | None, missing: str) -> str:
    if judged is None:
        return missing
    return _KEPT if judged.kept else f"refused: {judged.reasons[0] if judged.reasons else _NONE}"


def _ranked(changes: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [{"from": old, "to": new, "photos": number} for (old, new), number in ranked(changes)]


def _natives(store: Store, before: str, after: str) -> dict[str, Any]:
    old, new = (
        {(row["camera"], row["aspect"], row["value"]): row for row in learned_in(store, name) if row["native"]}
        for name in (before, after)
    )
    return {
        "gained": [new[name] for name in sorted(new.keys() - old.keys())],
        "lost": [old[name] for name in sorted(old.keys() - new.keys())],
    }
