"""Benchmark: compares a crawl that is killed with SIGKILL many times with the same crawl left alone.

    python -m benchmarks.crawlers.kills [--kills 30] [--photos 500] [--seed 1] [--keep DIR]

Uses the site of the crawl's other benchmarks, slowed down so that kills meet every stage. A quarter of the kills each
aim at the listing, headers, originals and the publication of a window; the exact moment is random. After each kill the
same command continues; when a crawl ends before all kills are used, the next one starts with an empty store. nginx's
log and the store tell which stage a kill has met. Exit code 1: a target was missed.
"""

import argparse
import hashlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from benchmarks.crawlers.photo_site import NGINX, NO_NGINX, PhotoSite, Served, duration_s
from benchmarks.crawlers.photos import Plan, write_photos
from benchmarks.crawlers.runs import Crawl
from benchmarks.targets import Target, at_least, at_most, no_fault, print_targets
from corpus.storage import MARKER, TEMPORARY_PREFIX

REQUESTS = 4
HEADER_BYTES = 4096
PACE_BYTES_PER_S, PIECE_BYTES, API_DELAY_S = 256 << 10, 2 << 10, 0.2
POLL_S = 0.001
LOGGED_AFTER_S = 0.3
"""Time for nginx to notice that its client is gone."""
IN_FLIGHT_S = 1.0
"""An original whose last byte was sent within this time before a kill may not have reached the store yet."""
STAGES = ("listing", "headers", "originals", "publication")


@dataclass
class Tally:
    """Counts of the stages that kills have met, and of what was sent again."""

    kills: Counter[str] = field(default_factory=Counter)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    stored_asked_again: int = 0
    whole_again: int = 0
    whole_again_in_flight: int = 0


@dataclass
class KilledCrawl:
    """One crawl from an empty store to its end, killed repeatedly."""

    crawl: Crawl
    site: PhotoSite
    tally: Tally
    sent_whole: dict[str, bool] = field(default_factory=dict)
    """Originals that were sent whole, each with whether that run was killed at once."""

    @property
    def data(self) -> Path:
        """The store."""
        return self.crawl.folder / "data"

    def go_on(self, aim: str | None, chance: random.Random, files_ahead: int = 1) -> int | None:
        """Run until a kill (returns None) or the end (returns the exit code).

        `files_ahead`: mean number of downloads before a kill.
        """
        position, stored, unpublished = self.site.position(), self._stored(), self._unpublished()
        has_come, delay_s = self._moment(aim, chance, position, files_ahead)
        process = self.crawl.start("-L", "WARNING")
        while process.poll() is None and not has_come():
            time.sleep(POLL_S)
        time.sleep(delay_s)
        killed_s = time.time() if process.poll() is None else None
        if killed_s is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(LOGGED_AFTER_S)
        served = self.site.served(position)
        self._count_again(served, stored, killed_s)
        if killed_s is None or process.returncode != -signal.SIGKILL:
            return process.returncode
        self.tally.kills[str(aim)] += 1
        stages = {_stage(request) for request in served if request.began_s <= killed_s <= request.ended_s}
        if self._unpublished() - unpublished:
            stages.add("publication")
        self.tally.met.update((str(aim), stage) for stage in stages or {"none of these"})
        return None

    def _moment(
        self, aim: str | None, chance: random.Random, position: int, files_ahead: int
    ) -> tuple[Callable[[], bool], float]:
        """Return a function that says whether the moment has come, and the seconds to wait from then on."""
        windows = self._open_windows()
        match aim:
            case "listing":
                calls = chance.randint(1, 2)
                return lambda: self._ended(position, is_file=False) >= calls, chance.uniform(0, API_DELAY_S)
            case "headers" | "originals":
                files, longest_s = chance.randint(1, 2 * files_ahead), 0.01 if aim == "headers" else 0.25
                return lambda: self._ended(position, is_file=True) >= files, chance.uniform(0, longest_s)
            case "publication":
                return lambda: bool(self._open_windows() - windows), chance.uniform(0, 0.004)
            case _:
                return lambda: False, 0.0

    def _ended(self, position: int, *, is_file: bool) -> int:
        return sum(request.is_file == is_file for request in self.site.served(position))

    def _stored(self) -> set[str]:
        paths = self.data.glob("originals/flickr/*/*.jpg")
        return {f"{path.name.partition('-')[0]}.jpg" for path in paths if TEMPORARY_PREFIX not in path.name}

    def _open_windows(self) -> set[Path]:
        return {path for path in self.data.glob("crawl/flickr/[!_]*") if not (path / MARKER).exists()}

    def _unpublished(self) -> set[Path]:
        """Return windows without a marker and files with temporary names."""
        return self._open_windows() | set(self.data.rglob(f"*{TEMPORARY_PREFIX}*"))

    def _count_again(self, served: list[Served], stored: set[str], killed_s: float | None) -> None:
        """Count originals that were requested although they were stored, or sent whole a second time."""
        sent: Counter[str] = Counter()
        for request in served:
            sent[request.name] += request.body_bytes if request.is_file else 0
        self.tally.stored_asked_again += len(sent.keys() & stored)
        for name, photo in self.site.photos.accepted.items():
            if sent[name] < photo.size_bytes:
                continue
            if name in self.sent_whole:
                self.tally.whole_again_in_flight += self.sent_whole[name]
                self.tally.whole_again += not self.sent_whole[name]
            ended_s = max(request.ended_s for request in served if request.name == name)
            self.sent_whole[name] = killed_s is not None and ended_s > killed_s - IN_FLIGHT_S


def _stage(request: Served) -> str:
    if not request.is_file:
        return "listing"
    return "headers" if request.range == f"bytes=0-{HEADER_BYTES - 1}" else "originals"


def tree(crawl: Crawl) -> dict[str, str]:
    """Return the digest of every original, record table and marker of a store, by path."""
    root = crawl.folder / "data"
    paths = [*root.glob("originals/**/*"), *root.glob("crawl/flickr/[!_]*/*")]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and TEMPORARY_PREFIX not in path.name
    }


def difference(killed: dict[str, str], whole: dict[str, str]) -> str | None:
    """Return how the files of a killed crawl differ from those of one left alone, None where they do not."""
    differing = sorted(path for path in killed.keys() | whole.keys() if killed.get(path) != whole.get(path))
    return f"{len(differing)} files differ, {differing[0]} among them" if differing else None


def measure(site: PhotoSite, work: Path, kills: int, chance: random.Random) -> list[Target]:
    """Crawl once without kills, then until all kills are used; return the targets."""
    whole = Crawl.prepare(work / "whole", site, file_requests=REQUESTS, header_bytes=HEADER_BYTES)
    wrong = whole.fault([whole.start("-L", "WARNING").wait()]) or whole.difference(site.photos)
    if wrong is not None:
        return [no_fault("the crawl left alone ends well", wrong)]
    served = [request for request in site.served() if request.is_file]
    wanted = tree(whole)
    print(f"left alone: {len(served)} downloads in {duration_s(served):.1f} s; {len(wanted)} files", flush=True)
    tally, crawls = Tally(), 0
    aims = chance.sample(list(islice(cycle(STAGES), kills)), kills)
    began_s = time.monotonic()
    while aims and wrong is None:
        crawls += 1
        ours = Crawl.prepare(work / f"killed-{crawls}", site, file_requests=REQUESTS, header_bytes=HEADER_BYTES)
        killed, ended = KilledCrawl(ours, site, tally), None
        while ended is None:
            ended = killed.go_on(aims[0] if aims else None, chance, max(1, len(served) // kills))
            aims = aims[1:] if ended is None else aims
        wrong = ours.fault([ended]) or difference(tree(ours), wanted)
    print(f"{tally.kills.total()} kills in {time.monotonic() - began_s:.0f} s; the crawl went through {crawls} times\n")
    print(f"{'aimed at':<14}{'kills':>7}   met: " + "".join(f"{stage:>15}" for stage in (*STAGES, "none of these")))
    for aim in STAGES:
        counts = "".join(f"{tally.met[aim, stage]:>15}" for stage in (*STAGES, "none of these"))
        print(f"{aim:<14}{tally.kills[aim]:>7}{'':>9}{counts}")
    print(f"\noriginals sent whole twice because they were in flight at a kill: {tally.whole_again_in_flight}")
    met = {stage: sum(tally.met[aim, stage] for aim in STAGES) for stage in STAGES}
    return [
        no_fault("as if never killed: records, markers, originals, byte for byte", wrong),
        at_least("kills", tally.kills.total(), kills),
        *(at_least(f"kills that met {stage}", met[stage], 1) for stage in STAGES),
        at_most("originals asked for again though they were in the store", tally.stored_asked_again, 0),
        at_most("originals sent whole twice, not in flight at the kill", tally.whole_again, 0),
    ]


def main() -> None:
    """Run the measurement, print the table and the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="seed of the kills' random moments")
    parser.add_argument("--keep", type=Path, help="folder that keeps the photographs for the next run")
    arguments = parser.parse_args()
    if NGINX is None:
        sys.exit(f"skipped: {NO_NGINX}")
    with tempfile.TemporaryDirectory(prefix="kills-benchmark-") as temporary:
        keep = arguments.keep.resolve() if arguments.keep else Path(temporary) / "keep"
        keep.mkdir(parents=True, exist_ok=True)
        plan = Plan(arguments.photos, 0.3, 320, 240, (20.0,), header_scale=0.1, cameras=8)
        photos = write_photos(keep, plan)
        kept = len(photos.accepted)
        print(f"{len(photos.listed)} photographs of {photos.size_bytes / len(photos.listed) / 1e3:.0f} kB, ", end="")
        print(f"{kept} to be kept, in {plan.cameras} queries; {REQUESTS} downloads at once; seed {arguments.seed}")
        work = Path(temporary) / "work"
        with PhotoSite(
            photos, work / "site", bytes_per_s=PACE_BYTES_PER_S, piece_bytes=PIECE_BYTES, api_delay_s=API_DELAY_S
        ) as site:
            targets = measure(site, work, arguments.kills, random.Random(arguments.seed))
    if not print_targets(targets):
        sys.exit(1)


if __name__ == "__main__":
    main()
