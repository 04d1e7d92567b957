"""Benchmark: what a person sees when the place or a cluster fails in the middle of a stage, and whether it heals.

    python -m benchmarks.pipelines.faults [--stages crawl curation shards train] [--faults 503 403 …] [--lanes 3]
        [--keep DIR]

A tiny pipeline (`benchmarks/pipelines/tiny.py`) runs once without trouble. Then for each stage and fault the store is
as it was before the stage, and the fault begins in its middle: after half of the requests that it made, or with the
disk half as full as it would have become. `shards` is the command of `curation`, with the fault after its generation is
published. Wanted of each: the stage ends with an exit code other than 0, says one sentence and no traceback, and
whatever a marker calls whole is as without the fault; given again without the fault, the same command ends with the
same bytes. A network that was cut for 60 s, a wrong clock and a full disk of temporary files may as well be borne.

Faults of the bucket are those of `benchmarks/storage/object_store.py`. `disk full`: the store is a folder on a file
system of its own (needs root). `no temporary space`: temporary files are on one of 64 kB. `clock +1h` and `clock -1h`:
the clock is an hour off from the start (needs libfaketime, with which a clock that jumps breaks Python's sleep).
`scheduler killed`, `head killed`: Dask's scheduler or Ray's head of a cluster that runs already ends with SIGKILL.
`--keep`: a folder for what each stage said.
"""

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pipelines.clusters import dask_cluster, ray_cluster
from benchmarks.pipelines.fault_lanes import COMMANDS, WITHIN_S, Lane
from benchmarks.pipelines.tiny import files_of, half_published, whole, write_photographs
from benchmarks.preloaded import preloaded_stage
from benchmarks.storage.object_store import FAULTS, Fault, Request

STAGES = ("crawl", "curation", "shards", "train")
FAKETIME = next(
    (path for path in map(Path, ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",)) if path.exists()), None
)
CLOCKS = {"clock +1h": "+3600", "clock -1h": "-3600"}
CLUSTERS = {"scheduler killed": ("curation", "shards"), "head killed": ("train",)}
_SMALL = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=64k none "$0" && export TMPDIR="$0" && exec "$@"')
_BORNE = ("cut", "no temporary space", *CLOCKS)
"""Faults that a stage may bear."""


@dataclass(frozen=True)
class History:
    """One stage as it goes without a fault."""

    before: Mapping[str, bytes]
    finished: Mapping[str, str]
    """Of `whole`, when its command has ended."""
    middle: int
    """How many requests come before its middle; of a folder, the bytes on its file system then."""


@dataclass
class Outcome:
    """What a fault in a stage has led to."""

    stage: str
    fault: str
    code: int | None
    took_s: float
    said: str
    wrong: list[str]

    def line(self) -> str:
        """Return it as a line of a table, with what was said under it."""
        verdict = "ok" if not self.wrong else "WRONG: " + "; ".join(self.wrong)
        told = last_line(self.said) if self.code else "went on"
        return f"{self.stage:<9}{self.fault:<19} exit {self.code!s:>4} {self.took_s:5.0f} s  {verdict}\n    {told}"


def last_line(said: str) -> str:
    """Return what a person reads last of a stage that failed: without dates and levels."""
    lines = [line for line in said.splitlines() if line.strip()]
    return re.sub(r"^\S+ \S+ (ERROR|INFO|WARNING) ", "", (lines or ["nothing"])[-1])


def record(lane: Lane) -> dict[str, History]:
    """Run the pipeline without a fault in the bucket."""
    found = {}
    for stage in ("crawl", "curation", "train"):
        requests: list[Request] = []
        lane.store.seen = requests.append
        before, began_s = lane.store.objects(), time.monotonic()
        code, said = lane.run(stage)
        if code != 0:
            sys.exit(f"{stage} fails without any fault, with exit code {code}:\n{said}")
        lane.store.seen = lambda request: None
        finished = whole(lane.store.objects())
        published = [
            number for number, one in enumerate(requests)
            if one.kind == "PUT" and re.search(r"/curated/[^/]+/_done\.json", one.target)
        ]  # fmt: skip
        until = published[0] if published else len(requests)
        found[stage] = History(before, finished, until // 2)
        if published:
            found["shards"] = History(before, finished, (until + len(requests)) // 2)
        print(f"{stage}: {len(requests)} requests, {time.monotonic() - began_s:.0f} s without a fault", flush=True)
    return found


def meet(lane: Lane, stage: str, fault: str, history: History, cut_s: float) -> tuple[int | None, str]:
    """Run a stage that meets a fault; returns its exit code and what it said."""
    store = lane.store
    if fault in FAULTS:
        begun = Fault(fault, seconds=cut_s if fault == "cut" else None)
        lane.at_request(history.middle, lambda: setattr(store, "fault", begun))
        return lane.run(stage)
    if fault == "no temporary space":
        folder = lane.folder / "small"
        folder.mkdir(exist_ok=True)
        return lane.command(stage, prefix=(*_SMALL, str(folder)))
    return lane.command(stage, LD_PRELOAD=str(FAKETIME), FAKETIME=CLOCKS[fault])


def examine(lane: Lane, stage: str, fault: str, history: History, cut_s: float) -> Outcome:
    """Let a stage meet a fault, and give the same command again without it."""
    lane.restore(history.before)
    began_s = time.monotonic()
    with ExitStack() as stack:
        if fault in CLUSTERS:
            cluster = dask_cluster if fault == "scheduler killed" else ray_cluster
            address, kill = stack.enter_context(cluster(lane.folder, lane.tiny.environment_of()))
            lane.at_request(history.middle, kill)
            if fault == "scheduler killed":
                lane.configure(scheduler=address)
                code, said = lane.run(stage)
            else:
                code, said = lane.command(stage, command="train on ray", RAY_ADDRESS=address)
        else:
            code, said = meet(lane, stage, fault, history, cut_s)
    took_s = time.monotonic() - began_s
    lane.store.fault, lane.store.seen = None, lambda request: None
    lane.configure()
    wrong = faults_of(code, said, may_succeed=fault in _BORNE)
    if half := half_published(whole(lane.store.objects()), history.finished):
        wrong.append(f"half published: {half[0]}")
    again, then = lane.run(stage)
    wrong += not_healed(again, then, whole(lane.store.objects()), history.finished)
    return Outcome(stage, fault, code, took_s, said, wrong)


def faults_of(code: int | None, said: str, *, may_succeed: bool) -> list[str]:
    """Return what is wrong with how a stage ended."""
    wrong = []
    if code is None:
        wrong.append(f"it has not ended within {WITHIN_S:.0f} s")
    if code == 0 and not may_succeed:
        wrong.append("it succeeded")
    if code not in (None, 0, 2):
        wrong.append(f"exit code {code}")
    if "Traceback" in said:
        wrong.append("a traceback")
    return wrong


def not_healed(code: int | None, said: str, left: Mapping[str, str], finished: Mapping[str, str]) -> list[str]:
    """Return what is wrong after the same command was given again."""
    if code != 0:
        return [f"it does not heal: {last_line(said)}"]
    differing = sorted(path for path in left.keys() | finished.keys() if left.get(path) != finished.get(path))
    return [f"{len(differing)} files differ at the end, {differing[:3]} among them"] if differing else []


def full_disks(lane: Lane, stages: list[str]) -> Iterator[Outcome]:
    """Yield what a full disk leads to in each stage; the store is a folder on a file system of its own."""
    disk = lane.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "none", str(disk)], check=True)
    data = disk / "data"

    def used() -> int:
        told = os.statvfs(disk)
        return (told.f_blocks - told.f_bfree) * told.f_bsize

    def sized(size_bytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size_bytes}", str(disk)], check=True)

    try:
        lane.configure(str(data))
        histories: dict[str, History] = {}
        for stage in ("crawl", "curation", "train"):
            before, empty = (files_of(data), used()) if data.exists() else ({}, used())
            code, said = lane.run(stage)
            if code != 0:
                raise RuntimeError(f"{stage} fails without any fault:\n{said}")
            finished = whole(files_of(data))
            packed = sum(-(-path.stat().st_size // 4096) * 4096 for path in data.glob("shards/**/*") if path.is_file())
            grown = used() - empty
            histories[stage] = History(before, finished, empty + (grown - (packed if stage == "curation" else 0)) // 2)
            if stage == "curation":
                histories["shards"] = History(before, finished, used() - packed // 2)
        for stage in stages:
            history = histories[stage]
            sized(1 << 30)
            shutil.rmtree(data)
            for path, content in history.before.items():
                (data / path).parent.mkdir(parents=True, exist_ok=True)
                (data / path).write_bytes(content)
            sized(history.middle // 4096 * 4096)
            began_s = time.monotonic()
            code, said = lane.run(stage)
            took_s = time.monotonic() - began_s
            wrong = faults_of(code, said, may_succeed=False)
            if half := half_published(whole(files_of(data)), history.finished):
                wrong.append(f"half published: {half[0]}")
            sized(1 << 30)
            again, then = lane.run(stage)
            wrong += not_healed(again, then, whole(files_of(data)), history.finished)
            yield Outcome(stage, "disk full", code, took_s, said, wrong)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
        lane.configure()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    as_root = ["disk full", "no temporary space"] if os.geteuid() == 0 else []
    kinds = [*FAULTS, *as_root, *(CLOCKS if FAKETIME else []), *CLUSTERS]
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--faults", nargs="+", default=kinds, choices=kinds)
    parser.add_argument("--cut-s", type=float, default=60)
    parser.add_argument("--lanes", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        print(outcome.line(), flush=True)
        if asked.keep is not None:
            asked.keep.mkdir(parents=True, exist_ok=True)
            name = f"{outcome.stage} {outcome.fault}".replace(" ", "-")
            (asked.keep / f"{name}.log").write_text(outcome.said)

    with tempfile.TemporaryDirectory(prefix="faults-") as name, ExitStack() as stack:
        folder = Path(name)
        write_photographs(folder / "photographs", each=2)
        preloaded = {stage: stack.enter_context(preloaded_stage(stage)) for stage in dict.fromkeys(COMMANDS.values())}
        photographs = folder / "photographs"
        lanes = [Lane(folder / f"lane-{number}", photographs, preloaded, stack) for number in range(asked.lanes)]
        tasks: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        for fault in asked.faults:
            for stage in asked.stages:
                if fault != "disk full" and stage in CLUSTERS.get(fault, STAGES):
                    tasks.put((stage, fault))
        histories = {} if tasks.empty() else record(lanes[0])

        def work(lane: Lane, is_first: bool) -> None:
            if is_first and "disk full" in asked.faults:
                for outcome in full_disks(lane, asked.stages):
                    tell(outcome)
            with suppress(queue.Empty):
                while True:
                    stage, fault = tasks.get_nowait()
                    try:
                        tell(examine(lane, stage, fault, histories[stage], asked.cut_s))
                    except Exception:  # noqa: BLE001 - of this program: the others go on, and it counts
                        tell(Outcome(stage, fault, None, 0, traceback.format_exc(), ["the benchmark failed"]))

        threads = [threading.Thread(target=work, args=(lane, lane is lanes[0])) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    wrong = sum(bool(outcome.wrong) for outcome in outcomes)
    print(f"{len(outcomes)} faults, {wrong} of them wrong", flush=True)
    sys.exit(1 if wrong or not outcomes else 0)


if __name__ == "__main__":
    main()
