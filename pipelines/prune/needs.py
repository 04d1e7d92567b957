"""Needs: which files each generation and each run of a store needs; `prune` asks nothing else.

A generation has two folders of its own, `curated/<name>/` and `shards/<name>/`, and shares others with its neighbours:
the tars of the pool and the tables that its JSON files name (`curation.generations.tables_of`). `shared_files` says
which; whoever lets generations share more files adds them there. A run needs its folder and its generation. Refuses an
index or a configuration that cannot be read, since what it needs is then not known.
"""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from corpus.errors import StorageError
from corpus.storage import MARKER, TEMPORARY_PREFIX, Store
from corpus.storage.errors import attempted
from corpus.storage.parts import FOLDER as TABLES
from corpus.text import age, leading_number
from curation.generations import tables_of
from shards.entries import POOL, files_of_tar

CURATED, SHARDS, RUNS, BASELINES = "curated", "shards", "runs", "baselines"
SHARED = (POOL, TABLES)
"""Folders of files that are needed only by the generations that name them."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of a store."""

    path: str
    size_bytes: int
    modified_at_s: float

    @property
    def is_temporary(self) -> bool:
        """Whether a writer has not finished it."""
        return posixpath.basename(self.path).startswith(TEMPORARY_PREFIX)


def shared_files(store: Store, generation: str) -> set[str]:
    """Return the files outside of its own folders that a generation needs, whole or not; none that it does not name."""
    found: set[str] = set()
    index = f"{SHARDS}/{generation}/index.json"
    if store.exists(index):
        for tar in _tars(store, index):
            found |= set(files_of_tar(tar))
    return found | set(tables_of(store, generation))


def config_of(store: Store, run: str) -> Any:
    """Return the content of a run's `config.json`; None where it has not been begun."""
    return _read(store, f"{RUNS}/{run}/config.json")


def generation_of(store: Store, run: str) -> str | None:
    """Return the generation that a run was trained on; None where it has not been begun."""
    value = config_of(store, run)
    if value is None:
        return None
    generation = value.get("generation") if isinstance(value, dict) else None
    if not isinstance(generation, str):
        raise StorageError(
            f"{store.url}: {RUNS}/{run}/config.json does not say which generation the run needs; remove the run"
        )
    return generation


def generations_needed(store: Store, of_runs: Iterable[str]) -> dict[str, str]:
    """Return why each generation that these runs, or a baseline, were made from is needed, as read just now."""
    found: dict[str, str] = {}
    for run in sorted(of_runs):
        generation = generation_of(store, run)
        if generation is not None:
            found.setdefault(generation, f"run {run} needs it")
    for baseline in store.names(BASELINES):
        value = _read(store, f"{BASELINES}/{baseline}/baseline.json")
        if isinstance(value, dict) and isinstance(value.get("generation"), str):
            found.setdefault(value["generation"], f"baseline {baseline} needs it")
    return found


def parent_of(store: Store, run: str) -> str | None:
    """Return the finished run whose weights a run starts from (`train.runs.parent`); None where there is none."""
    path = f"{RUNS}/{run}/parent.json"
    value = _read(store, path)
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("run"), str | None):
        raise StorageError(f"{store.url}: {path} does not say what the run starts from; delete it")
    return value.get("run")


def generations(store: Store) -> list[str]:
    """Return the names of all generations that have a folder, whole or not, the oldest first."""
    names = {*store.names(CURATED), *store.names(SHARDS)}
    return sorted((name for name in names if leading_number(name)), key=age)


def runs(store: Store) -> list[str]:
    """Return the names of all runs, finished or not, the oldest first; those with a name of their own come first."""
    return sorted(store.names(RUNS), key=age)


def whole(store: Store, folder: str) -> list[str]:
    """Return the names of the whole folders below `folder`, the oldest first."""
    return sorted((name for name in store.names(folder) if store.exists(f"{folder}/{name}/{MARKER}")), key=age)


def files_below(store: Store, folder: str) -> list[Stored]:
    """Return all files below a folder, temporary ones too; none where it is missing."""
    root = store.path(".")
    asked = partial(store.filesystem.find, store.path(folder), detail=True)
    found = attempted(f"{store.url}: {folder}", asked, is_patient=store.is_patient)

    def listed() -> Iterator[Stored]:
        for path, told in found.items():
            modified = told.get("mtime") or told.get("LastModified") or told.get("created") or 0.0
            seconds = float(modified) if isinstance(modified, int | float) else float(modified.timestamp())
            yield Stored(posixpath.relpath(str(path), root), int(told["size"] or 0), seconds)

    return sorted(listed(), key=lambda file: file.path)


def _read(store: Store, path: str) -> Any:
    return store.read_json(path) if store.exists(path) else None


def _tars(store: Store, index: str) -> list[str]:
    value = store.read_json(index)
    try:
        return [str(tar) for split in value["splits"].values() for tar in split["shards"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise StorageError(
            f"{store.url}: {index} does not say which shards it needs ({error!r}); remove that folder"
        ) from error
