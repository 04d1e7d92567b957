"""Plan: what may be removed from a store so that the last generations and runs stay, with the reason for each.

What stays: the newest generation and those begun after it; the last N whole ones; the last M finished runs; runs that a
person has named, or has enrolled cameras in; runs that somebody trains, that were touched within a day, or that were
begun after the oldest run of these; the runs that one of these, or the configuration, starts from; the generation of
every run that stays and of every baseline; all shared files that such a generation needs. Originals, records and facts
are not looked at. Nothing is changed.
"""

from collections.abc import Collection
from dataclasses import dataclass

from corpus.leases import holders
from corpus.storage import Store
from corpus.text import age, count
from pipelines.prune.names import is_made
from pipelines.prune.needs import (
    CURATED,
    RUNS,
    SHARDS,
    SHARED,
    Stored,
    config_of,
    files_below,
    generations,
    generations_needed,
    parent_of,
    runs,
    shared_files,
    whole,
)

UNTOUCHED_S = 86_400.0
"""An unfinished run or a temporary file that nobody has written to for a day is left behind."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One folder or file to be removed."""

    path: str
    why: str
    size_bytes: int
    is_folder: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is removed, in this order, and what stays."""

    removals: tuple[Removal, ...]
    stays: dict[str, str]
    """Why each generation and each run stays, by the path of its folder."""
    notes: tuple[str, ...]


def plan_pruning(
    store: Store, keep_generations: int | None, keep_runs: int | None, now_s: float, start_from: str | None = None
) -> Plan:
    """Return what may be removed.

    `keep_generations`, `keep_runs`: how many of the last ones stay, at least 1; None: all. `start_from`: the key of the
    section `train`. Raises StorageError where it cannot be read what a generation or a run needs.
    """
    files = {folder: files_below(store, folder) for folder in (RUNS, SHARDS, CURATED, *SHARED)}
    kept_runs = _kept_runs(store, keep_runs, files[RUNS], now_s, start_from)
    kept = _kept_generations(store, keep_generations, kept_runs)
    stays = {f"{RUNS}/{name}": why for name, why in kept_runs.items()}
    stays |= {f"{CURATED}/{name}": why for name, why in kept.items()}
    removals = [
        _folder(f"{RUNS}/{name}", _why_gone(name, files[RUNS]), files[RUNS])
        for name in runs(store)
        if name not in kept_runs
    ]
    for folder in (SHARDS, CURATED):
        there = store.names(folder)
        removals += [
            _folder(f"{folder}/{name}", "beyond the last generations, and no run that stays needs it", files[folder])
            for name in generations(store)
            if name not in kept and name in there
        ]
    shared, notes = _shared(store, kept, files)
    removals += shared
    gone = {removal.path for removal in removals}
    for found in files.values():
        removals += [
            Removal(file.path, "a writer was killed", file.size_bytes, False)
            for file in found
            if file.is_temporary and now_s - file.modified_at_s > UNTOUCHED_S and not _is_below(file.path, gone)
        ]
    return Plan(tuple(dict.fromkeys(removals)), stays, tuple(notes))


def _kept_runs(
    store: Store, keep: int | None, files: list[Stored], now_s: float, start_from: str | None
) -> dict[str, str]:
    """Return why each run that stays does so, by its name."""
    every = runs(store)
    if keep is None:
        return dict.fromkeys(every, "all runs stay")
    kept = {name: "a person has named it" for name in every if not is_made(name, config_of(store, name))}
    finished = [name for name in whole(store, RUNS) if name not in kept]
    kept |= dict.fromkeys(finished[-keep:], f"of the last {count(keep, 'finished run')}")
    oldest = age(finished[-keep:][0]) if finished else (0, "")
    begun = sorted({*every} - {*whole(store, RUNS)})
    for name in sorted({*begun} - kept.keys()):
        touched_s = max((file.modified_at_s for file in files if _is_below(file.path, {f"{RUNS}/{name}"})), default=0.0)
        if holders(store, f"{RUNS}/{name}", now_s):
            kept[name] = "somebody trains it"
        elif now_s - touched_s < UNTOUCHED_S:
            kept[name] = "unfinished, and touched within a day"
        elif age(name) > oldest:
            kept[name] = "unfinished, and begun after a run that stays"
    for name in every:
        if name not in kept and any(
            _is_below(file.path, {f"{RUNS}/{name}/enrolled"}) and not file.is_temporary for file in files
        ):
            kept[name] = "has enrolled cameras"
    if start_from in every and start_from not in kept:
        kept[str(start_from)] = "train.start_from names it"
    for name in begun:
        if name in kept and (parent := parent_of(store, name)) in every and parent not in kept:
            kept[str(parent)] = f"run {name} starts from it"
    return kept


def _why_gone(name: str, files: list[Stored]) -> str:
    has_calibration = any(file.path == f"{RUNS}/{name}/examiner.json" for file in files)
    calibration = "; its calibration, examiner.json, goes too" if has_calibration else ""
    return f"beyond the last runs, and nobody trains it{calibration}"


def _kept_generations(store: Store, keep: int | None, kept_runs: Collection[str]) -> dict[str, str]:
    """Return why each generation that stays does so, by its name."""
    every = generations(store)
    if keep is None:
        return dict.fromkeys(every, "all generations stay")
    kept: dict[str, str] = {}
    for folder, of in ((SHARDS, "generation with shards"), (CURATED, "generation")):
        done = [name for name in whole(store, folder) if name in every]
        if done:
            # the next curation goes on from the newest, whole or not
            kept |= {name: "begun after the newest whole one" for name in every if age(name) > age(done[-1])}
            kept |= dict.fromkeys(done[-keep:], f"of the last {count(keep, of)}")
            kept[done[-1]] = f"the newest {of}"
        else:
            kept |= {name: "no generation is whole yet" for name in every if name in store.names(folder)}
    needed = generations_needed(store, kept_runs)
    return kept | {name: why for name, why in needed.items() if name in every and name not in kept}


def _shared(store: Store, kept: Collection[str], files: dict[str, list[Stored]]) -> tuple[list[Removal], list[str]]:
    """Return the shared files that no remaining generation needs, and notes on what was not looked at."""
    newest = whole(store, CURATED)[-1:]
    if newest and newest[0] not in whole(store, SHARDS):
        text = "the newest generation has no whole shards yet, so no shards or tables are removed: curate first"
        return [], [text]
    needed = {path for name in kept for path in shared_files(store, name)}
    unneeded = [
        file for folder in SHARED for file in files[folder] if file.path not in needed and not file.is_temporary
    ]
    # an entry says that its tar is whole, so it goes first
    unneeded.sort(key=lambda file: (not file.path.endswith(".json"), file.path))
    return [Removal(file.path, "no remaining generation needs it", file.size_bytes, False) for file in unneeded], []


def _folder(path: str, why: str, files: list[Stored]) -> Removal:
    size_bytes = sum(file.size_bytes for file in files if file.path.startswith(f"{path}/"))
    return Removal(path, why, size_bytes, True)


def _is_below(path: str, folders: Collection[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
