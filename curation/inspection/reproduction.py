"""Reproduction: compare a generation with the manifest that its photographs were fetched by.

What is gone at its source cannot be had again; everything else must be as the manifest says: verdicts, cameras, groups,
splits, folds, labels, and each tar of shards whose photographs are all here, to the bit.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from corpus.manifests.reading import Manifest
from corpus.storage import Store
from curation.generations import FOLDER, PHOTOS, batches_of
from shards.entries import read_entry
from shards.index import read_index

Row = dict[str, Any]

OF_SOURCE = frozenset({"deleted_at_source", "changed_at_source", "download_failed", "forgotten"})
"""Reasons that a photograph is refused for because its original could not be had."""
COMPARED = ("verdict", "reasons", "camera", "group", "split", "fold")
EXAMPLES = 20
_COLUMNS = ["photo", "version", "kept", "reasons", "camera", "group", "split", "fold", "error"]


def reproduction(store: Store, generation: str, manifest: Manifest) -> Row:
    """Return how a generation compares with a manifest, as plain data.

    `there`, `here`: {generation, photos, kept}; `gone`: the kept photographs that could not be had, each {photo,
    camera, reason, error}; `cameras`: by key {kept, gone}; `not_fetched`: how many photographs have no record here;
    `differs`: by COMPARED {photos, examples}; `tars`: {there, equal, incomplete, other}, where an incomplete tar lacks
    photographs that are gone; `is_equal`: whether nothing differs but for what is gone. Photographs that are refused
    there and gone here count in neither.
    """
    gone: list[Row] = []
    cameras: dict[str, Counter[str]] = defaultdict(Counter)
    differs: dict[str, list[str]] = {what: [] for what in COMPARED}
    counted: Counter[str] = Counter()
    incomplete: set[str] = set()
    here = _Rows(store, generation)
    for batch in manifest.batches():
        for said in batch.to_pylist():
            row = here.of(said["photo"], said["version"])
            counted["photos"] += 1
            counted["kept"] += bool(said["kept"])
            counted["kept_here"] += bool(row and row["kept"])
            if said["kept"]:
                cameras[said["camera"]]["kept"] += 1
            if row is None:
                counted["not_fetched"] += 1
                incomplete.add(said["shard"] or "")
            elif not row["kept"] and (lost := (OF_SOURCE & set(row["reasons"])) - set(said["reasons"] or ())):
                if not said["kept"]:  # refused there, gone here: it is in neither data set
                    continue
                reason = next(each for each in row["reasons"] if each in lost)
                gone.append(
                    {name: said[name] for name in ("photo", "camera")} | {"reason": reason, "error": row["error"]}
                )
                cameras[said["camera"]]["gone"] += 1
                incomplete.add(said["shard"] or "")
            else:
                for what in _differences(said, row):
                    differs[what].append(said["photo"])
    tars = _tars(store, generation, manifest, incomplete)
    return {
        "there": {"generation": manifest.about.generation, "photos": counted["photos"], "kept": counted["kept"]},
        "here": {"generation": generation, "kept": counted["kept_here"]},
        "gone": gone,
        "cameras": {
            camera: {"kept": found["kept"], "gone": found["gone"]} for camera, found in sorted(cameras.items())
        },
        "not_fetched": counted["not_fetched"],
        "differs": {
            what: {"photos": len(photos), "examples": photos[:EXAMPLES]} for what, photos in differs.items() if photos
        },
        "tars": tars,
        "is_equal": not any(differs.values()) and not tars["other"] and not counted["not_fetched"],
    }


class _Rows:
    """The rows of a generation, asked for in the order of photo and version."""

    def __init__(self, store: Store, generation: str) -> None:
        self._rows = self._all(store, generation)
        self._next = next(self._rows, None)

    def of(self, photo: str, version: str) -> Row | None:
        """Return the row of an upload, None where there is none."""
        while self._next is not None and (self._next["photo"], self._next["version"]) < (photo, version):
            self._next = next(self._rows, None)
        found = self._next
        return found if found is not None and (found["photo"], found["version"]) == (photo, version) else None

    @staticmethod
    def _all(store: Store, generation: str) -> Iterator[Row]:
        for batch in batches_of(store, f"{FOLDER}/{generation}/{PHOTOS}", _COLUMNS):
            yield from batch.to_pylist()


def _differences(said: Row, row: Row) -> Iterator[str]:
    if said["kept"] is None:  # a list without verdicts
        return
    if said["kept"] != row["kept"]:
        yield "verdict"
    elif not said["kept"]:
        if said["reasons"] != row["reasons"]:
            yield "reasons"
        return
    else:
        yield from (what for what in ("camera", "group", "split", "fold") if said[what] != row[what])


def _tars(store: Store, generation: str, manifest: Manifest, incomplete: set[str]) -> Row:
    there = manifest.about.tars
    found = Counter({"equal": 0, "incomplete": 0, "other": 0})
    here = set(read_index(store, generation).tars) if store.done(f"shards/{generation}") is not None else set()
    for tar, sha256 in there.items():
        is_equal = tar in here and read_entry(store, tar).sha256 == sha256
        found["equal" if is_equal else "incomplete" if tar in incomplete else "other"] += 1
    return {"there": len(there), **found}
