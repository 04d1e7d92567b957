"""Run: finds, begins and loads trainings, each a folder `runs/<run>/` of the store.

A run's name is `<number>-<generation>-<digest>`, with `fold<k>-` before the digest where fold k is held out. The digest
covers the generation and the `train` section, but for the keys that say where a training is carried out and by how many
processes (CARRIED_OUT_BY). So the same command finds the same run, also on another machine: it continues an unfinished
one and leaves a finished one alone. `config.json` suffices to build the network again. Refuses a name that a run with
another configuration, or of an earlier version, has.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from corpus.errors import StageError, StorageError
from corpus.sections import Training
from corpus.storage import Store, open_store
from corpus.text import age, leading_number
from shards.index import Index, read_index
from shards.remote.cache import open_cache

ROOT = "runs"
FORMAT = 3
"""Part of every run's digest; raise it when the same settings come to mean another training. 2: a sample is a function
of the seed and its number. 3: so are the random numbers of a step; crops begin on JPEG's grid
and are compressed with the accurate DCT."""

CARRIED_OUT_BY = frozenset({
    "workers", "gpus", "loaders", "threads", "cache_folder", "cache_gb", "checkpoint_minutes", "manipulate_on",
})  # fmt: skip
"""Keys of `train` that may change while a run is unfinished: it continues the same sequence of samples."""
_CHANGEABLE_BY_NAME = CARRIED_OUT_BY | {"batch", "accumulate"}
"""Keys that may change where the run is named."""


@dataclass(frozen=True)
class Run:
    """One training's folder in a store; plain data, so it can be sent to Ray workers."""

    store: Store
    directory: str

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.directory.rpartition("/")[2]

    @property
    def checkpoints(self) -> str:
        """Directory of its checkpoints."""
        return f"{self.directory}/checkpoints"

    @property
    def begins_anew(self) -> bool:
        """Whether a training of it starts from its first weights: it is unfinished and has no checkpoint yet."""
        return self.finished is None and not self.store.done_names(self.checkpoints)

    @property
    def finished(self) -> dict[str, Any] | None:
        """Content of its marker; None for an unfinished run."""
        return self.store.done(self.directory)

    def config(self) -> "RunConfig":
        """Return the configuration it was begun with; raises StorageError where that is missing or unreadable."""
        path = f"{self.directory}/config.json"
        value = self.store.read_json(path)
        try:
            train = Training.model_validate(value["train"])
            return RunConfig(value["generation"], tuple(value["classes"]), train, value.get("format", 1))
        except (KeyError, TypeError, ValidationError) as error:
            raise StorageError(f"{self.store.url}: {path} is not a run's configuration: {error}") from error


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a training."""

    generation: str
    classes: tuple[str, ...]
    """Camera keys in the order of the network's outputs."""
    train: Training
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """8 hex digits of a hash of everything above but for CARRIED_OUT_BY."""
        told = self.without(CARRIED_OUT_BY)
        if told["train"]["start_from"] is None:  # as the digests of runs that were begun before there was this key
            del told["train"]["start_from"]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def ending(self) -> str:
        """The name of its run behind the number."""
        fold = "" if self.train.fold is None else f"fold{self.train.fold}-"
        return f"{self.generation}-{fold}{self.digest}"

    def as_json(self) -> dict[str, Any]:
        """Return the content of `config.json`."""
        return self.without(frozenset())

    def without(self, keys: frozenset[str]) -> dict[str, Any]:
        """Return the content of `config.json` without some keys of `train`."""
        train = self.train.model_dump(exclude=set(keys))
        return {"format": self.format, "generation": self.generation, "classes": list(self.classes), "train": train}

    def index(self, store: Store) -> Index:
        """Return the index of its shards, with the fold that it holds out as the test split where it has one."""
        cache = open_cache(self.train.cache_folder, self.train.cache_gb)
        index = read_index(store, self.generation, cache).leaving_out(self.train.held_out_cameras)
        return index if self.train.fold is None else index.holding_out(self.train.fold)


def run_of(store: Store, config: RunConfig, name: str | None = None) -> Run:
    """Return the run of this configuration, begun or not; `name` and errors: those of `begin_run`."""
    if name is None:
        names, ending = store.names(ROOT), config.ending
        number = 1 + max(map(leading_number, names), default=0)
        own = [each for each in names if each.endswith(f"-{ending}")]
        # a folder may have nothing but the lease of a process that is about to look for one that is begun
        begun = (each for each in own if _is_begun(Run(store, f"{ROOT}/{each}")))
        name = next(begun, own[0] if own else f"{number:04d}-{ending}")
    elif not name or name.startswith((".", "-")) or "/" in name or name == "latest":
        raise StageError(f"--run {name}: is not a plain folder name")
    return Run(store, f"{ROOT}/{name}")


def open_run(store: Store, config: RunConfig, name: str | None = None) -> Run:
    """Return the run of this configuration, and begin it where there is none yet; errors: those of `begin_run`."""
    run = run_of(store, config, name)
    begin_run(run, config, name)
    return run


def begin_run(run: Run, config: RunConfig, name: str | None = None) -> None:
    """Begin a run where it is not begun yet; an unfinished one goes on as `config` says in what may change.

    `name`: the one that was given, where it was not made from the configuration. Raises StageError where the run has
    another configuration or format.
    """
    begun = check_begun(run, config, name)
    if begun is None or (begun != config and run.finished is None):
        run.store.publish_json(f"{run.directory}/config.json", config.as_json())


def check_begun(run: Run, config: RunConfig, name: str | None = None) -> RunConfig | None:
    """Return the configuration that a run was begun with, None where it is not begun; errors: those of `begin_run`."""
    store, changeable = run.store, CARRIED_OUT_BY if name is None else _CHANGEABLE_BY_NAME
    if not _is_begun(run):
        return None
    begun = run.config()
    if begun.format != config.format:
        raise StageError(
            f"{store.url}: {run.directory} was begun by another version, for which the same settings mean another "
            "training (other samples in another order), and cannot be continued; choose another --run"
        )
    if begun.without(changeable) != config.without(changeable):
        changed = _changed(begun.without(changeable), config.without(changeable))
        raise StageError(f"{store.url}: {run.directory} was begun with another {changed}; choose another --run")
    return begun


def begun_before(store: Store, config: RunConfig) -> list[str]:
    """Return the names of unfinished runs that have these settings and were begun by a version of another format."""
    runs = [Run(store, f"{ROOT}/{name}") for name in store.names(ROOT) if f"-{config.generation}-" in name]
    wanted = config.without(CARRIED_OUT_BY) | {"format": None}
    found = []
    for run in runs:
        with suppress(StorageError):  # what cannot be read, or was removed meanwhile, is no matter of another training
            begun = run.config()
            if begun.format != config.format and begun.without(CARRIED_OUT_BY) | {"format": None} == wanted:
                found += [run.name] if run.finished is None else []
    return found


def find_run(store: Store, wanted: str) -> Run:
    """Return a finished run by its name or the path of its folder, or the `latest` one of the store.

    Raises StorageError where there is no such run, it is unfinished, or another version trained it.
    """
    if wanted == "latest":
        names = sorted(store.done_names(ROOT), key=age)
        if not names:
            raise StorageError(f"{store.url}: {ROOT}/ holds no finished run; train one first")
        return _of_this_version(Run(store, f"{ROOT}/{names[-1]}"))
    run = Run(store, f"{ROOT}/{wanted}")
    if not wanted or "/" in wanted or wanted.startswith(".") or not _is_begun(run):
        url, _, name = wanted.rstrip("/").rpartition("/")
        run = Run(open_store(url if "://" in wanted else str(Path(wanted).resolve().parent)), name or wanted)
    if not _is_begun(run):
        known = ", ".join(store.names(ROOT)) or "no run"
        raise StorageError(f"{wanted}: is neither a run of {store.url} ({known}) nor a run's folder")
    if run.finished is None:
        raise StorageError(f"{wanted}: is not finished; run the command that began it again")
    return _of_this_version(run)


def _changed(begun: dict[str, Any], now: dict[str, Any]) -> str:
    """Return the names of the keys whose values differ, those of `train` with their section."""
    train = [f"train.{key}" for key, value in now["train"].items() if begun["train"].get(key) != value]
    return ", ".join([key for key in now if key != "train" and begun[key] != now[key]] + train)


def _of_this_version(run: Run) -> Run:
    """Return the run; raises StorageError where another version trained it: its network was built otherwise."""
    told = run.store.read_json(f"{run.directory}/config.json")
    number = told.get("format", 1) if isinstance(told, dict) else None
    if isinstance(number, int) and number != FORMAT:  # what is no number, `Run.config` refuses
        other, cure = ("an earlier", "train again") if number < FORMAT else ("a later", "use that version")
        raise StorageError(
            f"{run.store.url}: {run.directory} was trained by {other} version, whose networks this one does not read; "
            f"{cure}"
        )
    return run


def _is_begun(run: Run) -> bool:
    return run.store.exists(f"{run.directory}/config.json")
