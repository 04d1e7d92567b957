"""Benchmark: what a person sees when the place or a cluster fails in the middle of a stage, and whether it heals.

    python -m benchmarks.pipelines.faults [--stages crawl curation train] [--faults 503 403 …] [--cut-s 60]

A tiny pipeline on S3 (`benchmarks/pipelines/tiny.py`) runs once without trouble. Then for each stage and fault the
bucket is as it was before the stage, and the fault begins in its middle: after half of the requests that it made.
Wanted of each: the stage ends with an exit code other than 0, says one sentence and no traceback, and whatever a marker
calls whole is as without the fault; given again without the fault, the same command ends with the same bytes. A cut of
60 s ends by itself: there the stage may as well succeed.

Faults of the bucket are those of `benchmarks/storage/object_store.py`. `disk full` gives the stage a file system of 200
kB for its temporary files; `clock +1h` and `clock -1h` let a stage run with a wrong clock, where libfaketime is
installed.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pipelines.tiny import STAGES, Tiny, half_published, whole
from benchmarks.storage.object_store import FAULTS, Fault, ObjectStore

FAKETIME = next(
    (path for path in map(Path, ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",)) if path.exists()), None
)
_MOUNTED = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=200k none "$0" && export TMPDIR="$0" && exec "$@"')


@dataclass
class Outcome:
    """What a fault in a stage has led to."""

    stage: str
    fault: str
    code: int
    took_s: float
    said: str
    wrong: list[str]

    def line(self) -> str:
        """Return it as a line of a table, with what was said under it."""
        verdict = "ok" if not self.wrong else "WRONG: " + "; ".join(self.wrong)
        return f"{self.stage:<9}{self.fault:<10} exit {self.code:>3} {self.took_s:5.0f} s  {verdict}\n    {self.said}"


def last_line(said: str) -> str:
    """Return what a person reads last of a stage that failed: without dates and levels."""
    lines = [line for line in said.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"(; |: ).*(same command|again|give|check|create|set |run )", line)]
    return re.sub(r"^\S+ \S+ (ERROR|INFO|WARNING) ", "", (told or lines or ["nothing"])[-1])


def restore(store: ObjectStore, objects: dict[str, bytes]) -> None:
    """Make the bucket have these objects alone."""
    store.fault = None
    store.empty()
    for key, data in objects.items():
        store.put(key, data)


def meet(
    tiny: Tiny, store: ObjectStore, stage: str, fault: str, requests: Counter[str], cut_s: float
) -> tuple[int, str]:
    """Run a stage that meets a fault; returns its exit code and what it said."""
    if fault in FAULTS:
        met = [kind for kind in requests if fault not in ("read-only", "full") or kind in ("PUT", "POST", "DELETE")]
        store.fault = Fault(
            fault, first=sum(requests[kind] for kind in met) // 2, seconds=cut_s if fault == "cut" else None
        )
        return tiny.run(stage, timeout_s=1800)
    if fault == "disk full":
        folder = Path(tempfile.mkdtemp(dir=tiny.folder))
        return tiny.run(stage, timeout_s=1800, prefix=(*_MOUNTED, str(folder)))
    hours = {"clock +1h": "+3600", "clock -1h": "-3600"}[fault]
    clocked = Tiny(tiny.folder, tiny.storage, {**tiny.environment, "LD_PRELOAD": str(FAKETIME), "FAKETIME": hours})
    return clocked.run(stage, timeout_s=1800)


def examine(
    tiny: Tiny, store: ObjectStore, stage: str, fault: str, before: dict[str, bytes], finished: dict[str, str],
    requests: Counter[str], cut_s: float,
) -> Outcome:  # fmt: skip
    """Let a stage meet a fault, and give the same command again without it."""
    restore(store, before)
    shutil.rmtree(tiny.folder / "cache", ignore_errors=True)
    began_s, wrong = time.monotonic(), []
    code, said = meet(tiny, store, stage, fault, requests, cut_s)
    took_s = time.monotonic() - began_s
    store.fault = None
    may_succeed = fault in ("cut", "disk full") or fault.startswith("clock")
    if code == 0 and not may_succeed:
        wrong.append("it succeeded")
    if "Traceback" in said:
        wrong.append("a traceback")
    if half := half_published(whole(store.objects()), finished):
        wrong.append(f"half published: {half[0]}")
    again, then = tiny.run(stage)
    if again != 0:
        wrong.append(f"it does not heal: {last_line(then)}")
    left = whole(store.objects())
    if differing := sorted(path for path in left.keys() | finished.keys() if left.get(path) != finished.get(path)):
        wrong.append(f"{len(differing)} files differ at the end, {differing[0]} among them")
    return Outcome(stage, fault, code, took_s, last_line(said) if code else "went on", wrong)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = [*FAULTS, "disk full", *(["clock +1h", "clock -1h"] if FAKETIME else [])]
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--faults", nargs="+", default=kinds, choices=kinds)
    parser.add_argument("--cut-s", type=float, default=60)
    asked = parser.parse_args()
    faults = [fault for fault in asked.faults if fault != "disk full" or os.geteuid() == 0]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as name, ObjectStore() as store:
        tiny = Tiny(Path(name), store.url, store.environment())
        histories = []
        for stage in STAGES[: max(map(STAGES.index, asked.stages)) + 1]:
            before = store.objects()
            store.counts()
            began_s = time.monotonic()
            code, said = tiny.run(stage)
            if code != 0:
                sys.exit(f"{stage} fails without any fault:\n{said}")
            requests = store.counts()
            print(
                f"{stage}: {requests.total()} requests, {time.monotonic() - began_s:.0f} s without a fault", flush=True
            )
            histories.append((stage, before, whole(store.objects()), requests))
        for stage, before, finished, requests in histories:
            for fault in faults if stage in asked.stages else ():
                outcome = examine(tiny, store, stage, fault, before, finished, requests, asked.cut_s)
                failed += bool(outcome.wrong)
                print(outcome.line(), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
