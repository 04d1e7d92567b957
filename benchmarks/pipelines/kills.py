"""Benchmark: random kills over all stages of a pipeline; the end must be as without them, byte for byte.

    python -m benchmarks.pipelines.kills [--kills 1000] [--seed 1] [--minutes 0] [--lanes 4] [--storage folder|s3]

A tiny pipeline (`benchmarks/pipelines/tiny.py`) runs once left alone. Then it runs again and again from an empty store,
and each stage is killed with SIGKILL, with all its processes, at a random moment of the time that it has lately taken
to its end; the same stage then continues. Every sixth time a stage is let go on to its end, so that kills meet all
stages alike. When a pipeline ends, its store is compared with the one left alone. So that many kills fit into an hour,
stages are forked from processes that have imported already (`benchmarks/preloaded.py`), several lanes work side by
side, each with a store of its own, and the stores are in memory: SIGKILL loses nothing that was written to a file.

`--minutes` ends the measurement earlier. `benchmarks/crawlers/kills.py` aims at single moments of a crawl. Exit code 1:
a difference.
"""

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pipelines.tiny import STAGES, Tiny, files_of, whole, write_photographs
from benchmarks.preloaded import Preloaded, preloaded_stage
from benchmarks.storage.object_store import ObjectStore

LET_GO_EVERY = 6
LATELY = 0.3
"""The weight of the last time that a stage has come to its end, in the mean of how long it takes."""
WITHIN_S = 600.0
"""A stage that is let go and does not end within so long hangs."""
MEMORY = Path("/dev/shm")


class Place:
    """Where the pipeline's store is: a folder or a bucket."""

    def __init__(self, folder: Path, store: ObjectStore | None) -> None:
        self.folder, self.store = folder / "data", store

    @property
    def url(self) -> str:
        """The storage's URL."""
        return str(self.folder) if self.store is None else self.store.url

    @property
    def environment(self) -> Mapping[str, str]:
        """What reaches it."""
        return {} if self.store is None else self.store.environment()

    def empty(self) -> None:
        """Remove everything."""
        if self.store is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.store.empty()

    def whole(self) -> dict[str, str]:
        """Return the digests of what must be equal at the end."""
        return whole(files_of(self.folder) if self.store is None else self.store.objects())

    def has_generation(self) -> bool:
        """Whether a generation is published, so that curation has come to its shards."""
        if self.store is None:
            return any(self.folder.glob("curated/*/_done.json"))
        return any("/curated/" in path and path.endswith("/_done.json") for path in self.store.objects())


@dataclass
class Tally:
    """What all lanes have done; each changes it under the lock."""

    most: int
    until_s: float
    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_over(self) -> bool:
        """Whether all kills or all time is used, or something was wrong."""
        return bool(self.wrong) or self.kills.total() >= self.most or time.monotonic() > self.until_s


class Lane:
    """Pipelines that are killed, one after another, in a store of their own."""

    def __init__(self, tiny: Tiny, place: Place, preloaded: Mapping[str, Preloaded]) -> None:
        self.tiny, self.place, self.log = tiny, place, tiny.folder / "log"
        self.preloaded = preloaded
        self.lasts_s: dict[str, float] = {}

    def empty(self) -> None:
        """Begin anew."""
        self.place.empty()
        for name in ("temporary", "limits"):
            shutil.rmtree(self.tiny.folder / name, ignore_errors=True)
        (self.tiny.folder / "temporary").mkdir()

    def run(self, stage: str, after_s: float) -> int | None:
        """Run a stage and kill all its processes after so long; returns its exit code where it had ended before."""
        began_s = time.monotonic()
        run = self.preloaded[stage].start(self.tiny.command(stage)[1:], self.tiny.environment_of(), self.log)
        if (code := run.wait(after_s)) is not None:
            took_s = time.monotonic() - began_s
            self.lasts_s[stage] = (1 - LATELY) * self.lasts_s.get(stage, took_s) + LATELY * took_s
            return code
        code = run.kill()
        return None if code == -9 else code

    def measure(self) -> None:
        """Find how long each stage takes the second time: the first time, libraries are read from the disk."""
        for _ in range(2):
            self.empty()
            self.lasts_s.clear()
            for stage in STAGES:
                if code := self.run(stage, WITHIN_S):
                    sys.exit(f"{stage} fails when it is forked, with exit code {code}:\n{self.log.read_text()}")

    def work(self, chance: random.Random, wanted: Mapping[str, str], tally: Tally) -> None:
        """Kill pipelines until the tally is over."""
        while not tally.is_over():
            self.empty()
            fault = self._killed_pipeline(chance, tally)
            found = {} if fault else self.place.whole()
            differing = sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))
            if differing and not fault:
                fault = f"{len(differing)} files differ, {differing[:5]} among them"
            with tally.lock:
                tally.runs += 1
                if fault:
                    tally.wrong.append(fault)
                    kept = Path(tempfile.mkdtemp(prefix="kills-wrong-", dir=MEMORY))
                    shutil.copytree(self.tiny.folder, kept / "folder")
                    print(f"WRONG: {fault}\nkept in {kept}", flush=True)

    def _killed_pipeline(self, chance: random.Random, tally: Tally) -> str | None:
        """Run a pipeline to its end; returns what went wrong."""
        for stage in STAGES:
            for attempt in range(1, 1000):
                is_let_go = tally.is_over() or attempt % LET_GO_EVERY == 0
                after_s = WITHIN_S if is_let_go else chance.uniform(0, self.lasts_s[stage])
                code = self.run(stage, after_s)
                if code is not None:
                    break
                if is_let_go:
                    return f"{stage} has not ended within {WITHIN_S} s: {self.log.read_text()[-2000:]}"
                met = "shards" if stage == "curation" and self.place.has_generation() else stage
                with tally.lock:
                    tally.kills[met] += 1
            if code != 0:
                return f"{stage} ended with exit code {code}: {self.log.read_text()[-4000:]}"
        return None


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="end after so long; 0: when all kills are used")
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--storage", choices=("folder", "s3"), default="folder")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="kills-", dir=MEMORY if MEMORY.is_dir() else None) as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        write_photographs(folder / "photographs", each=2)

        def lane(number: int) -> Lane:
            store = stack.enter_context(ObjectStore()) if asked.storage == "s3" else None
            own = folder / f"lane-{number}"
            own.mkdir()
            (own / "photographs").symlink_to(folder / "photographs")
            place = Place(own, store)
            # whatever a run's files name is the same in all lanes
            tiny = Tiny(own, place.url, {**place.environment, "TMPDIR": str(own / "temporary")})
            photographs = {"path": str(folder / "photographs"), "owner": 2}
            tiny.configure(train={"steps_per_epoch": 2, "cache_folder": None}, sources={"folder": photographs})
            return Lane(tiny, place, preloaded)

        preloaded = {stage: stack.enter_context(preloaded_stage(stage)) for stage in STAGES}
        lanes = [lane(number) for number in range(asked.lanes)]
        alone = lanes[0]
        alone.measure()
        wanted = alone.place.whole()
        took = ", ".join(f"{key} {one:.1f} s" for key, one in alone.lasts_s.items())
        print(f"left alone: {len(wanted)} files; {took}", flush=True)
        for other in lanes:
            other.lasts_s = dict(alone.lasts_s)
        began_s = time.monotonic()
        tally = Tally(asked.kills, began_s + 60 * asked.minutes if asked.minutes else float("inf"))
        threads = [
            threading.Thread(target=each.work, args=(random.Random(f"{asked.seed} {number}"), wanted, tally))
            for number, each in enumerate(lanes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(60)
                told = f"{tally.kills.total()} kills, {tally.runs} runs, {time.monotonic() - began_s:.0f} s"
                print(told, flush=True)
        spent_s = time.monotonic() - began_s
    kills = tally.kills
    print(f"{kills.total()} kills in {spent_s:.0f} s, {spent_s / max(kills.total(), 1):.1f} s a kill: {dict(kills)}")
    is_right = not tally.wrong and tally.runs > 0
    print(
        f"{tally.runs} runs: " + ("all ended with all files as if never killed, byte for byte" if is_right else "WRONG")
    )
    sys.exit(0 if is_right else 1)


if __name__ == "__main__":
    main()
