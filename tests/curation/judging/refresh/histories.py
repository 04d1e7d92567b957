"""Histories: a corpus of planted photographs that a site gains, loses, replaces and dates anew, window by window."""

import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from benchmarks.curation.planted import KIND, plant
from corpus.records import EXAMINED, RECORD, original_path, version_of
from corpus.storage import Store, open_store
from curation.facts.examine import facts_folder

Row = dict[str, Any]


@dataclass
class History:
    """A store, and what has not come to it yet."""

    store: Store
    random: random.Random
    pool: list[Row] = field(default_factory=list)
    facts: dict[tuple[str, str], Row] = field(default_factory=dict)
    windows: dict[str, list[Row]] = field(default_factory=dict)
    examined: int = 0

    @classmethod
    def of(cls, folder: Any, photos: int, seed: int) -> "History":
        """Return a history of so many planted photographs, of a few owners; nothing has come yet."""
        source = open_store("planted", folder)
        plant(source, photos, seed)
        history = cls(open_store("store", folder), random.Random(seed))
        for window in source.names("crawl/flickr"):
            history.pool += source.read_table(f"crawl/flickr/{window}/records.parquet").to_pylist()
        for name in source.names(facts_folder(KIND)):
            for row in source.read_table(f"{facts_folder(KIND)}/{name}").to_pylist():
                history.facts[row["photo"], row["version"]] = row
        for row in history.pool:
            if history.random.random() < 0.5:
                row["owner_id"] = row["owner_name"] = history.random.choice("abcdefgh")
        return history

    def come(self, photos: int) -> None:
        """Let so many photographs come, in a window of their own; some come later than others that were taken later."""
        self.random.shuffle(self.pool)
        new = [self.pool.pop() for _ in range(min(photos, len(self.pool)))]
        self._examine([self.facts[key] for row in new if (key := (row["photo"], row["version"])) in self.facts])
        self._write(f"w{len(self.windows):02d}", new)

    def change(self, share: float) -> None:
        """Let a share of what is there be deleted, replaced, moved to another window, found again, or forgotten."""
        name = f"w{len(self.windows):02d}"
        moved: list[Row] = []
        changed = set()
        for window, rows in self.windows.items():
            for row in list(rows):
                if row["state"] != "stored" or self.random.random() > share:
                    continue
                changed.add(window)
                what = self.random.choice(("deleted", "replaced", "dated", "again", "lost"))
                if what == "deleted":
                    rows[rows.index(row)] = {**row, "state": "deleted"}
                elif what == "replaced" and (row["photo"], row["version"]) in self.facts:
                    rows.append(self._replaced(row))
                elif what == "dated":
                    rows.remove(row)
                    moved.append({**row, "uploaded_at": "2022-01-01T00:00:00Z"})
                elif what == "again":
                    moved.append({**row, "title": "found by another query"})
                elif what == "lost":
                    rows.remove(row)
        for window in sorted(changed):
            self._write(window, self.windows[window])
        self._write(name, moved)

    def _replaced(self, row: Row) -> Row:
        """Return the record of another version: the same picture or another, by the same device or another."""
        version = version_of(f"{row['photo']}{self.random.random()}")
        facts = self.facts[row["photo"], row["version"]]
        digest = hashlib.sha256(version.encode()).hexdigest()
        said = {"version": version, "original": original_path(row["photo"], version), "sha256": digest}
        new = {**facts, **said, "facts": dict(facts["facts"])}
        if self.random.random() < 0.5:
            new["facts"]["scan_digest"] = digest[:32]
        if self.random.random() < 0.4:
            new["facts"]["serial_number"] = f"SN{self.random.randrange(5):06d}"
        if self.random.random() < 0.3:
            new["perceptual_hash"] = digest
        self.facts[row["photo"], version] = new
        self._examine([new])
        return {**row, **said}

    def _examine(self, rows: list[Row]) -> None:
        if rows:
            self.examined += 1
            path = f"{facts_folder(KIND)}/f{self.examined:04d}.parquet"
            self.store.publish_table(path, pa.Table.from_pylist(rows, EXAMINED))

    def _write(self, window: str, rows: list[Row]) -> None:
        self.windows[window] = rows
        ordered = sorted(rows, key=lambda row: (row["photo"], row["version"]))
        table = pa.Table.from_pylist(ordered, RECORD)
        self.store.publish_table(f"crawl/flickr/{window}/records.parquet", table)
        self.store.mark_done(f"crawl/flickr/{window}", {"photos": len(rows)})
