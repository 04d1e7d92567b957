"""Runs: settings and a generation of shards in, the folder `runs/<run>/` of the training that belongs to them out.

A run's name is `<number>-<generation>-<digest>`; the digest is of the whole `train` section and the generation, so
the same command finds the same run again: it goes on with an unfinished one and leaves a finished one as it is.
`config.json` is all that is needed to build the network again. Refused: a name that another training bears.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from corpus.errors import StageError, StorageError
from corpus.sections import Training
from corpus.storage import Store, open_store
from corpus.text import leading_number

ROOT = "runs"
FORMAT = 1
"""Part of every run's digest; to be raised when the same settings come to mean another training."""


@dataclass(frozen=True)
class Run:
    """One training, by its folder in a store; plain data, so it travels to Ray workers."""

    store: Store
    directory: str

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.directory.rpartition("/")[2]

    @property
    def checkpoints(self) -> str:
        """Where its checkpoints stand."""
        return f"{self.directory}/checkpoints"

    @property
    def finished(self) -> dict[str, Any] | None:
        """What its marker says; None for a run that is not whole."""
        return self.store.done(self.directory)

    def config(self) -> "RunConfig":
        """Return what it was begun with; raises StorageError where that is missing or not readable."""
        path = f"{self.directory}/config.json"
        value = self.store.read_json(path)
        try:
            return RunConfig(value["generation"], tuple(value["classes"]), Training.model_validate(value["train"]))
        except (KeyError, TypeError, ValidationError) as error:
            raise StorageError(f"{self.store.url}: {path} is not a run's configuration: {error}") from error


@dataclass(frozen=True)
class RunConfig:
    """What decides a training."""

    generation: str
    classes: tuple[str, ...]
    """Camera keys in the order of the network's outputs."""
    train: Training

    @property
    def digest(self) -> str:
        """8 hex digits of everything above."""
        return hashlib.sha256(json.dumps([FORMAT, self.as_json()], sort_keys=True).encode()).hexdigest()[:8]

    def as_json(self) -> dict[str, Any]:
        """Return the content of `config.json`."""
        return {"generation": self.generation, "classes": list(self.classes), "train": self.train.model_dump()}


def open_run(store: Store, config: RunConfig, name: str | None = None) -> Run:
    """Return the run of this configuration, begun where there is none yet.

    `name`: another name for it than its own. Raises StageError where a run of that name has another configuration.
    """
    if name is None:
        name = _existing(store, config) or f"{_next_number(store):04d}-{config.generation}-{config.digest}"
    elif not name or name.startswith((".", "-")) or "/" in name or name == "latest":
        raise StageError(f"--run {name}: is not a plain name of a folder")
    run = Run(store, f"{ROOT}/{name}")
    path = f"{run.directory}/config.json"
    if not store.exists(path):
        store.publish_json(path, config.as_json())
    elif (begun := run.config()) != config:
        changed = ", ".join(key for key, value in begun.as_json().items() if value != config.as_json()[key])
        raise StageError(f"{store.url}: {run.directory} was begun with another {changed}; choose another --run")
    return run


def find_run(store: Store, wanted: str) -> Run:
    """Return a finished run by its name, by the path of its folder, or the `latest` one of the store.

    Raises StorageError where there is none, and for one that is not finished.
    """
    if wanted == "latest":
        names = sorted(store.done_names(ROOT), key=lambda name: (leading_number(name), name))
        if not names:
            raise StorageError(f"{store.url}: {ROOT}/ holds no finished run; train one first")
        return Run(store, f"{ROOT}/{names[-1]}")
    run = Run(store, f"{ROOT}/{wanted}")
    if not _is_plain(wanted) or not _is_begun(run):
        url, _, name = wanted.rstrip("/").rpartition("/")
        run = Run(open_store(url if "://" in wanted else str(Path(wanted).resolve().parent)), name or wanted)
    if not _is_begun(run):
        known = ", ".join(store.names(ROOT)) or "no run"
        raise StorageError(f"{wanted}: is neither a run of {store.url} ({known}) nor a run's folder")
    if run.finished is None:
        raise StorageError(f"{wanted}: is not finished; the command that began it goes on with it")
    return run


def _is_begun(run: Run) -> bool:
    return run.store.exists(f"{run.directory}/config.json")


def _is_plain(name: str) -> bool:
    return bool(name) and "/" not in name and not name.startswith(".")


def _existing(store: Store, config: RunConfig) -> str | None:
    ending = f"-{config.generation}-{config.digest}"
    names = [name for name in store.names(ROOT) if name.endswith(ending)]
    return names[0] if names else None


def _next_number(store: Store) -> int:
    return 1 + max((leading_number(name) for name in store.names(ROOT)), default=0)
