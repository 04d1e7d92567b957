"""Benchmark: a simulated year of refreshes of a growing corpus; print time and bytes a refresh by month, and orphans.

    python -m benchmarks.curation.refresh_year [--photos 1000000] [--days 365] [--stride 1] [--folder FOLDER]
                                              [--plot FILE.svg]

Planted records and facts come in equal shares, one a day; each day some uploads of any age are deleted and some are
replaced. The first share is judged whole, each later one by a refresh. Time is CPU time of this process, bytes are
those of files that the day wrote below `curated/`, `tables/` and `judged/`. Planting is not counted, nor is the garbage
that it leaves. Months are twelfths of the days. With a stride, only so many days apart is there a refresh between the
first month and the last, so that a large year ends sooner; those refreshes have other news and are not counted.

The speed of a shared machine differs between the beginning of such a run and its end. So in the last month, each
refresh is preceded by one of a copy of the store as it was in the middle of the first month, and these pairs are
compared, too. Exit code 1 where files are left over that no generation needs.
"""

import argparse
import copy
import gc
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.curation.planted import KIND, WINDOW, catalogue, plant
from benchmarks.curation.refresh_plot import EQUAL, Days, draw
from corpus.records import EXAMINED, RECORD, original_path, version_of
from corpus.sections import Consensus, Curation, Rules, Shards, Support
from corpus.storage import Store, open_store
from curation.cluster.frames import Frames
from curation.facts.examine import facts_folder
from curation.generations import Past, latest_generation, tables_of
from curation.judging.inputs import find_inputs
from curation.judging.refresh.base import digest_of_inputs, known_of_whole, refresh_base
from curation.judging.refresh.refresh import refreshed
from curation.judging.whole_corpus import JudgeSettings, judge_all
from curation.publishing.generation import publish_generation
from curation.publishing.refreshed import publish_refreshed

CURATION = Curation(owner_photos_max=300)
SETTINGS = JudgeSettings(catalogue().opened(), Support(photos_min=20, owners_min=5), Rules(), Consensus(), CURATION)
JUDGED_BY: dict[str, Any] = {"rules": {}, "consensus": {}, "curation": CURATION.model_dump(mode="json")}
LOST_A_DAY, REPLACED_A_DAY = 5, 5
MONTHS = 12


class Site:
    """Planted photographs that come day by day."""

    def __init__(self, folder: Path, photos: int, days: int) -> None:
        self._folder, self._source = folder, open_store(str(folder / "planted"))
        self.store = open_store(str(folder / "store"))
        plant(self._source, photos)
        self._random = random.Random(1)
        self._windows = self._source.names("crawl/flickr")
        self._waiting: list[dict[str, Any]] = []
        self._examined: dict[str, dict[str, Any]] = {}
        self.share, self._days = -(-photos // days), list[str]()

    def copied(self, name: str) -> "Site":
        """Return the site as it is now, with a store of its own in another folder."""
        there = self._folder / name
        shutil.rmtree(there, ignore_errors=True)
        shutil.copytree(self.store.path("."), there, copy_function=os.link)  # files are replaced, never changed
        found = copy.copy(self)
        found.store = open_store(str(there))
        for kept in ("_random", "_windows", "_waiting", "_examined", "_days"):
            setattr(found, kept, copy.deepcopy(getattr(self, kept)))
        return found

    def day(self) -> None:
        """Let a day's photographs come, some be lost, and some be replaced."""
        while len(self._waiting) < self.share and self._windows:
            self._read(self._windows.pop(0))
        new, self._waiting = self._waiting[: self.share], self._waiting[self.share :]
        facts = [self._examined.pop(row["photo"]) for row in new if row["photo"] in self._examined]
        for what, number in (("deleted", LOST_A_DAY), ("replaced", REPLACED_A_DAY)):
            for name in self._random.choices(self._days, k=number) if self._days else ():
                facts += self._change(name, what)
        name = f"d{len(self._days):04d}"
        self._write(name, pa.Table.from_pylist(new, RECORD))
        self._days.append(name)
        if facts:
            self.store.publish_table(f"{facts_folder(KIND)}/{name}.parquet", pa.Table.from_pylist(facts, EXAMINED))

    def _change(self, window: str, what: str) -> list[dict[str, Any]]:
        table = self.store.read_table(f"crawl/flickr/{window}/records.parquet")
        place = self._random.randrange(len(table))
        [row] = table.slice(place, 1).to_pylist()
        if row["state"] != "stored":
            return []
        if what == "deleted":
            deleted = pa.Table.from_pylist([{**row, "state": "deleted"}], RECORD)
            self._write(window, pa.concat_tables([table.slice(0, place), deleted, table.slice(place + 1)]))
            return []
        examined = self.store.read_table(f"{facts_folder(KIND)}/{window}.parquet")
        told = examined.filter(pc.equal(examined["photo"], row["photo"])).to_pylist()
        if not told:
            return []
        version = version_of(f"{row['photo']} {row['version']}")
        sha256 = hashlib.sha256(version.encode()).hexdigest()
        said = {"version": version, "original": original_path(row["photo"], version), "sha256": sha256}
        self._write(window, pa.concat_tables([table, pa.Table.from_pylist([{**row, **said}], RECORD)]))
        return [{**told[0], **said}]

    def _read(self, window: str) -> None:
        self._waiting += self._source.read_table(f"crawl/flickr/{window}/records.parquet").to_pylist()
        folder = facts_folder(KIND)
        for at in range(0, WINDOW, 1_000):
            path = f"{folder}/{window}-{at:05d}.parquet"
            if self._source.exists(path):
                self._examined |= {row["photo"]: row for row in self._source.read_table(path).to_pylist()}

    def _write(self, window: str, table: pa.Table) -> None:
        self.store.publish_table(f"crawl/flickr/{window}/records.parquet", table)
        self.store.mark_done(f"crawl/flickr/{window}", {"photos": len(table)})


def whole(store: Store) -> None:
    """Judge all that is there and publish it."""
    inputs = find_inputs(store, KIND)
    digest, past = digest_of_inputs(inputs), Past(store, latest_generation(store))
    judged = judge_all(inputs, past, [], SETTINGS, Frames(None), lambda *_: nullcontext(lambda _: None))
    name = publish_generation(store, judged, JUDGED_BY, Shards(), lambda _: None, lambda: None).name
    known_of_whole(name, SETTINGS, digest, ()).publish(store)


def refresh(store: Store) -> tuple[int, int]:
    """Judge what is new and publish it; return how many uploads were judged, and how many there are."""
    base = refresh_base(store, find_inputs(store, KIND), SETTINGS)
    assert base is not None
    found = refreshed(store, base.news, base.last, (), SETTINGS, base.concerned(()))
    publish_refreshed(store, found, base.last.known, JUDGED_BY, Shards(), lambda: None)
    return found.judged, int(found.counts["photos"])


def files(store: Store) -> dict[str, tuple[int, int]]:
    """Return the inode and size of every file that curation has written, by path."""
    root = Path(store.path("."))
    found = [path for below in ("curated", "tables", "judged") for path in (root / below).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_size) for path in found}


def measured(site: Site) -> tuple[float, int, int, int]:
    """Refresh a site's store; return seconds of CPU, bytes written, uploads judged, and how many there are."""
    before = files(site.store)
    gc.collect()
    began_s = time.process_time()
    judged, photos = refresh(site.store)
    took_s = time.process_time() - began_s
    found = files(site.store).items()
    written = sum(size for path, (inode, size) in found if before.get(path, (0,))[0] != inode)
    return took_s, written, judged, photos


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--plot", type=Path, default=None, help="an SVG of time and bytes over what was there")
    given = parser.parse_args()
    if given.days < 3 * MONTHS:
        parser.error(f"--days: {3 * MONTHS} at least, so that a month has several refreshes")
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="refresh-year-") as folder:
        site = Site(Path(folder), given.photos, given.days)
        site.day()
        whole(site.store)
        days: Days = {}
        pairs: list[tuple[float, float]] = []
        edges = [given.days * month // MONTHS for month in range(MONTHS + 1)]
        middle = edges[1] // 2
        early = beside = site
        for day in range(1, given.days):
            is_last = day >= edges[-2]
            site.day()
            if edges[1] <= day < edges[-2] - 1 and (day - edges[1]) % given.stride != given.stride - 1:
                continue
            told = ""
            if is_last:
                if (day - edges[-2]) % (edges[1] - middle) == 0:
                    beside = early.copied("beside")
                beside.day()
                of_early = measured(beside)
                told = f"; {of_early[3]:,}: {of_early[0]:.2f} s"
            found = measured(site)
            if day > 1 and (given.stride == 1 or day < edges[1] or is_last):
                days[day] = found  # the first refresh makes the state of all
            if is_last and max(found[2], of_early[2]) < EQUAL * site.share:
                pairs.append((of_early[0], found[0]))
            if day == middle:
                early = site.copied("early")
            said = f"day {day}: {found[3]:,} uploads, {found[0]:.2f} s, {found[1] / 1e6:.2f} MB, {found[2]:,} judged"
            print(said + told, file=sys.stderr, flush=True)
        began_s = time.process_time()
        base = refresh_base(site.store, find_inputs(site.store, KIND), SETTINGS)
        assert base is not None
        assert not base.concerned(())
        nothing_s = time.process_time() - began_s
        counted = {
            number: month
            for number, (first, last) in enumerate(pairwise(edges), 1)
            if (month := [days[day] for day in range(first, last) if day in days])
        }
        if given.plot:
            draw(days, site.share, given.plot)
        print(f"{given.photos:,} photographs in {given.days} days, {site.share:,} a day")
        for number, month in counted.items():
            seconds, size, judged, _ = (mean(values) for values in zip(*month, strict=True))
            print(f"month {number:2}: {month[-1][3]:>9,} uploads, {seconds:6.2f} s CPU a refresh "
                  f"(median {median(day[0] for day in month):.2f}), {size / 1e6:7.2f} MB written "
                  f"(median {median(day[1] for day in month) / 1e6:.2f}), {judged:8,.0f} judged")  # fmt: skip
        for name, place in (("time", 0), ("bytes", 1), ("judged", 2)):
            for kind in (mean, median):
                first, last = (kind(day[place] for day in counted[number]) for number in (1, MONTHS))
                print(f"{name} a refresh, {kind.__name__} of the last month to that of the first: {last / first:.2f}")
        if pairs:
            ratio = sum(last for _, last in pairs) / sum(first for first, _ in pairs)
            middle_ratio = median(last / first for first, last in pairs)
            print(f"time of a refresh of the last month to one of the first month's store, in turn, {len(pairs)} pairs "
                  f"of equal news: {ratio:.2f}, median {middle_ratio:.2f}")  # fmt: skip
        print(f"finding that nothing is new: {nothing_s:.2f} s CPU")
        named = {path for name in site.store.done_names("curated") for path in tables_of(site.store, name)}
        orphans = sorted(path for path in files(site.store) if path.startswith("tables/") and path not in named)
        print(f"files that no generation needs: {len(orphans)}", *orphans[:10])
    sys.exit(1 if orphans else 0)


if __name__ == "__main__":
    main()
