"""Known: what a run left for the next refresh, as one file that names all others (`judged/<generation>.json`).

It belongs to one generation and to one set of rules. It may be deleted at any time: the next run then judges all. It is
published before its generation is whole, so each generation that a refresh published has its own.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from corpus.errors import StorageError
from corpus.storage import Store
from curation.facts.examine import EXAMINER_VERSION
from curation.judging.refresh.state.counted import FOLDERS, SHOWING
from curation.judging.whole_corpus import JudgeSettings

FOLDER, TABLES, PAIRS_FOLDER = "judged", "judged/tables", "judged/pairs"
FORMAT = 4
"""Raise it when the same uploads would be judged otherwise, or the files below `judged/` change their form."""
_OF_THE_MACHINE = {"workers", "batch_photos", "judge_photos", "worker_memory_mb"}


@dataclass(frozen=True)
class Known:
    """The names of all files of the state, and what is too small for a file."""

    settings: str
    """A digest of all that decides a verdict beside the uploads."""
    generation: str
    inputs: str = ""
    """Of a corpus that was judged whole: a digest of the states of all tables. It has no parts."""
    index: Sequence[str] = ()
    states: Sequence[str] = ()
    parts: Sequence[str] = ()
    public: Sequence[str] = ()
    """The file of the published table that has the rows of each part."""
    counts: dict[str, Sequence[str]] = field(default_factory=dict)
    """The segments of what cameras show, by folder."""
    pairs: Sequence[str] = ()
    keys: Sequence[str] = ()
    """The segments of the keys that copies are found by."""
    flipped: str = ""
    """Uploads that are kept now and were not kept before, or the other way round."""
    several: str = ""
    """Photographs of which there are several versions."""
    forgotten: Sequence[str] = ()
    troubles: Sequence[Sequence[str]] = ()
    """Photo, version, reason and error of originals that could not be examined."""
    rows_sum: str = "0"
    """The sum of the digests of all rows, hex."""
    figures: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def read(cls, store: Store, generation: str) -> Self | None:
        """Return what the run that published a generation has left; None where it has left nothing of today's form."""
        try:
            path = f"{FOLDER}/{generation}.json"
            if not store.exists(path):
                return None
            told = store.read_json(path)
            return cls(**told) if told.get("format") == FORMAT else None
        except (StorageError, AttributeError, TypeError):
            return None

    def publish(self, store: Store) -> None:
        """Publish it; its files must be there."""
        store.publish(f"{FOLDER}/{self.generation}.json", json.dumps(vars(self), sort_keys=True).encode())

    def tidy(self, store: Store) -> None:
        """Remove the files below `judged/` that it does not name: those of its forerunner, and of killed runs."""
        for name in store.names(FOLDER):
            if name.endswith(".json") and name != f"{self.generation}.json":
                store.remove(f"{FOLDER}/{name}")
        named = {name: set(getattr(self, name)) for name in ("parts", "index", "states", "pairs", "keys")}
        named |= {folder: set(self.counts.get(folder, ())) for folder in (*FOLDERS, SHOWING)}
        named |= {"tables": {self.flipped, self.several}}
        for folder, names in named.items():
            for name in store.names(f"{FOLDER}/{folder}"):
                if name.removesuffix(".arrow") not in names:
                    store.remove(f"{FOLDER}/{folder}/{name}")


def digest_of_settings(settings: JudgeSettings, kind: str) -> str:
    """Return a digest of all that decides a verdict beside the uploads; `kind` of examination."""
    cameras = settings.cameras if isinstance(settings.cameras, str | tuple) else settings.cameras.model_dump()
    told = [
        FORMAT, EXAMINER_VERSION, kind, cameras, settings.catalogue.model_dump(), settings.rules.model_dump(),
        settings.consensus.model_dump(), settings.curation.model_dump(exclude=_OF_THE_MACHINE),
        sorted(settings.given.by_photo.items()), sorted(settings.given.by_sha256.items()),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
