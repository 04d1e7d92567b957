"""Benchmark: random kills over all stages of a pipeline; the end must be as without them, byte for byte.

    python -m benchmarks.pipelines.kills [--kills 1000] [--seed 1] [--minutes 0] [--storage folder|s3]

A tiny pipeline (`benchmarks/pipelines/tiny.py`) runs once left alone, which tells how long each stage takes. Then it
runs again and again from an empty store, and each stage is killed with SIGKILL, with all its processes, at a random
moment of the time that it took; the same command then continues. Every third time a stage is let go on to its end, so
that kills meet all stages alike. When a pipeline ends, its store is compared with the one left alone. `--minutes` ends
the measurement earlier. `benchmarks/crawlers/kills.py` aims at single moments of a crawl. Exit code 1: a difference.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from benchmarks.pipelines.tiny import STAGES, Tiny, files_of, whole
from benchmarks.storage.object_store import ObjectStore

STARTS_S = 2.0
"""What a stage takes before it can have done anything: importing; kills come later than this."""
LET_GO_EVERY = 3


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


def stage_killed(tiny: Tiny, stage: str, after_s: float) -> int | None:
    """Run a stage and kill all its processes after so long; returns its exit code where it had ended before."""
    process = tiny.start(stage, output=tiny.folder / "log")
    try:
        return process.wait(after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="end after so long; 0: when all kills are used")
    parser.add_argument("--storage", choices=("folder", "s3"), default="folder")
    asked = parser.parse_args()
    chance, kills, runs, wrong = random.Random(asked.seed), Counter[str](), 0, list[str]()
    with (
        tempfile.TemporaryDirectory(prefix="kills-") as name,
        ObjectStore() if asked.storage == "s3" else nullcontext() as store,
    ):
        place = Place(Path(name), store)
        tiny = Tiny(Path(name), place.url, place.environment)
        lasts_s: dict[str, float] = {}
        for stage in STAGES:
            began_s = time.monotonic()
            code, said = tiny.run(stage)
            lasts_s[stage] = time.monotonic() - began_s
            if code != 0:
                sys.exit(f"{stage} fails without any kill:\n{said}")
        wanted = place.whole()
        print(f"left alone: {len(wanted)} files; " + ", ".join(f"{key} {one:.0f} s" for key, one in lasts_s.items()))
        began_s = time.monotonic()

        def is_over() -> bool:
            spent_s = time.monotonic() - began_s
            return kills.total() >= asked.kills or (asked.minutes > 0 and spent_s > 60 * asked.minutes)

        while not is_over() and not wrong:
            place.empty()
            shutil.rmtree(tiny.folder / "cache", ignore_errors=True)
            runs += 1
            for stage in STAGES:
                for attempt in range(1, 1000):
                    is_let_go = is_over() or attempt % LET_GO_EVERY == 0
                    after_s = 3600.0 if is_let_go else chance.uniform(STARTS_S, max(lasts_s[stage], STARTS_S + 1))
                    code = stage_killed(tiny, stage, after_s)
                    kills[stage] += code is None
                    if code is not None:
                        break
                if code != 0:
                    wrong.append(f"{stage} ended with exit code {code}: {(tiny.folder / 'log').read_text()[-2000:]}")
                    break
            found = place.whole()
            differing = sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))
            if differing and not wrong:
                wrong.append(f"{len(differing)} files differ, {differing[0]} among them")
        spent_s = time.monotonic() - began_s
    print(f"{kills.total()} kills in {spent_s:.0f} s, {spent_s / max(kills.total(), 1):.1f} s a kill: {dict(kills)}")
    print(f"{runs} runs to their end: {wrong[0] if wrong else 'all files as if never killed, byte for byte'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
