"""Benchmark: compares the crawl with a plain Scrapy spider, img2dataset and curl, on a site of its own on loopback.

    python -m benchmarks.crawlers.crawl [a|b|c] [--photos N] [--keep DIR]

a: connections paced at 4 MiB/s; four of five photographs must be refused, each by its header, since the API states no
   sizes. Measures bytes sent per byte kept, and photos per second.
b: nothing refused, nothing paced. Measures photos per second, CPU time per GB and memory; the programs take turns,
   medians of three rounds.
c: counts parallel requests at the server, on both reactors, for one process and for four together.

All photographs are generated and served by nginx, whose log says what was sent and when. `--keep` names a folder that
keeps the photographs and img2dataset for the next run. Exit code 1: a target was missed.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.crawlers.photo_site import NGINX, NO_NGINX, PhotoSite, duration_s, peak_parallel
from benchmarks.crawlers.photos import Photos, Plan, write_photos
from benchmarks.crawlers.runs import (
    Crawl,
    Run,
    crawl,
    curl,
    downloaded_bytes,
    img2dataset,
    install_img2dataset,
    plain_scrapy,
)
from benchmarks.targets import Target, at_least, at_most, no_fault, print_targets

PACE_BYTES_PER_S = 4 << 20
PACED_REQUESTS, UNPACED_REQUESTS = 8, 16
ROUNDS = 3
SLOW_BYTES_PER_S, SLOW_PIECE_BYTES = 256 << 10, 8 << 10
SETTINGS = (1, 4, 16)
SHARED_SETTINGS, PROCESSES = (4, 16), 4
REACTORS = {
    "asyncio": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
    "epoll": "twisted.internet.epollreactor.EPollReactor",
}


def fault(run: Run, is_right: bool = True) -> str | None:
    """Return what went wrong in a run, None where nothing did."""
    if run.exit_code != 0:
        return f"exit code {run.exit_code}: …{' '.join(run.log.split())[-300:]}"
    return None if is_right else "files are missing or incomplete"


def crawl_fault(run: Run, ours: Crawl, photos: Photos) -> str | None:
    """Return what went wrong in a crawl, None where it stored exactly what it should."""
    return fault(run) or ours.difference(photos)


def paced(photos: Photos, work: Path) -> list[Target]:
    """Run measurement (a) and return its targets."""
    accepted_bytes = sum(photo.size_bytes for photo in photos.accepted.values())
    print(
        f"\na  {len(photos.listed)} photographs, {photos.size_bytes / 1e6:.0f} MB; to be kept {len(photos.accepted)}, "
    )
    print(f"   {accepted_bytes / 1e6:.0f} MB; {PACED_REQUESTS} connections of {PACE_BYTES_PER_S / 1e6:.1f} MB/s\n")
    print(f"{'':<28}{'requests':>10}{'MB sent':>10}{'sent : kept':>13}{'s':>8}{'photos/s':>10}")
    targets, pace, ratio = [], {}, {}
    for name, honours_ranges in (
        ("ours, Range honoured", True),
        ("ours, Range ignored", False),
        ("plain Scrapy", True),
    ):
        folder = work / name.replace(" ", "-")
        with PhotoSite(
            photos, folder / "site", bytes_per_s=PACE_BYTES_PER_S, honours_ranges=honours_ranges, states_sizes=False
        ) as site:
            if name.startswith("ours"):
                ours = Crawl.prepare(folder / "crawl", site, file_requests=PACED_REQUESTS)
                run = crawl(ours, site)
                wrong = crawl_fault(run, ours, photos)
            else:
                run = plain_scrapy(folder / "run", site, PACED_REQUESTS)
                wrong = fault(run, downloaded_bytes(folder / "run") == photos.size_bytes)
        shutil.rmtree(folder)
        right = "whole" if name == "plain Scrapy" else "rightly stored or refused"
        targets.append(no_fault(f"a  {name}: every photo {right}", wrong))
        if not run.files:
            return targets
        ratio[name], lasted_s = run.sent_bytes / accepted_bytes, duration_s(run.served)
        pace[name] = len(photos.listed) / lasted_s
        print(
            f"{name:<28}{len(run.files):>10}{run.sent_bytes / 1e6:>10.0f}{ratio[name]:>13.2f}"
            f"{lasted_s:>8.1f}{pace[name]:>10.1f}",
            flush=True,
        )
    return [
        *targets,
        at_most("a  bytes sent for a byte kept, Range honoured", ratio["ours, Range honoured"], 1.2),
        at_most("a  bytes sent for a byte kept, Range ignored", ratio["ours, Range ignored"], 1.5),
        at_least("a  photos/s, ours : plain Scrapy", pace["ours, Range honoured"] / pace["plain Scrapy"], 4),
    ]


def unpaced(photos: Photos, work: Path, keep: Path) -> list[Target]:
    """Run measurement (b) and return its targets."""
    print(f"\nb  {len(photos.listed)} photographs, {photos.size_bytes / 1e6:.0f} MB, all kept; not paced; ", end="")
    print(f"{UNPACED_REQUESTS} requests at once; median of {ROUNDS} rounds", flush=True)
    program = install_img2dataset(keep)
    programs: dict[str, Callable[[Path, PhotoSite], tuple[Run, str | None]]] = {
        "ours": lambda folder, site: _ours(folder, site, photos),
        "plain Scrapy": lambda folder, site: _peer(plain_scrapy(folder, site, UNPACED_REQUESTS), folder, photos),
        "curl": lambda folder, site: _peer(curl(folder, site, UNPACED_REQUESTS), folder, photos),
    }
    if isinstance(program, Path):
        programs["img2dataset"] = lambda folder, site: _peer(
            img2dataset(program, folder, site, UNPACED_REQUESTS), folder, photos
        )
    else:
        print(f"   img2dataset {program}")
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    wrong: dict[str, str | None] = dict.fromkeys(programs)
    with PhotoSite(photos, work / "site") as site:
        for number in range(ROUNDS):
            for name, start in programs.items():
                run, fault_text = start(work / f"{name}-{number}", site)
                runs[name].append(run)
                wrong[name] = wrong[name] or fault_text
                shutil.rmtree(work / f"{name}-{number}")
    targets = [no_fault(f"b  {name}: every photo whole", text) for name, text in wrong.items()]
    if not all(run.files for each in runs.values() for run in each):
        return targets
    pace = {name: [len(photos.listed) / duration_s(run.served) for run in each] for name, each in runs.items()}
    cpu_s_per_gb = {name: median(run.cpu_s for run in each) / photos.size_bytes * 1e9 for name, each in runs.items()}
    peak_mb = {name: max(run.peak_bytes for run in each) / 1e6 for name, each in runs.items()}
    # compared round by round, since the machine's speed varies between rounds
    ratio = {name: median(a / b for a, b in zip(pace["ours"], pace[name], strict=True)) for name in runs}
    print(f"\n{'':<16}{'photos/s':>10}{'ours : it':>11}{'wall s':>9}{'CPU s/GB':>10}{'peak MB':>9}{'requests':>10}")
    for name, each in runs.items():
        print(
            f"{name:<16}{median(pace[name]):>10.1f}{ratio[name]:>11.2f}{median(run.wall_s for run in each):>9.1f}"
            f"{cpu_s_per_gb[name]:>10.2f}{peak_mb[name]:>9.0f}{median(len(run.files) for run in each):>10.0f}"
        )
    targets.append(at_least("b  photos/s, ours : plain Scrapy", ratio["plain Scrapy"], 1))
    if "img2dataset" in ratio:
        targets.append(at_least("b  photos/s, ours : img2dataset", ratio["img2dataset"], 2))
    return [
        *targets,
        at_most("b  CPU s a GB, start included", cpu_s_per_gb["ours"], 3.5),
        at_most("b  peak memory, MB", peak_mb["ours"], 250),
    ]


def _ours(folder: Path, site: PhotoSite, photos: Photos) -> tuple[Run, str | None]:
    ours = Crawl.prepare(folder, site, file_requests=UNPACED_REQUESTS)
    run = crawl(ours, site)
    return run, crawl_fault(run, ours, photos)


def _peer(run: Run, folder: Path, photos: Photos) -> tuple[Run, str | None]:
    return run, fault(run, downloaded_bytes(folder) == photos.size_bytes)


def in_parallel(photos: Photos, work: Path) -> list[Target]:
    """Run measurement (c) and return its targets."""
    print(f"\nc  {len(photos.listed)} photographs of {photos.size_bytes / len(photos.listed) / 1e3:.0f} kB, ", end="")
    print(f"{len(photos.accepted)} to be kept; most requests at once, counted at the server\n")
    print(f"{'reactor':<10}{'processes':>10}{'setting':>9}{'files at once':>15}{'API at once':>13}{'s':>8}")
    targets = []
    single, shared = [(1, setting) for setting in SETTINGS], [(PROCESSES, setting) for setting in SHARED_SETTINGS]
    for reactor in REACTORS:
        for processes, setting in (*single, *shared):
            what = f"c  {reactor}, {processes} × setting {setting}"
            folder = work / f"{reactor}-{processes}-{setting}"
            with PhotoSite(
                photos, folder / "site", bytes_per_s=SLOW_BYTES_PER_S, piece_bytes=SLOW_PIECE_BYTES, api_delay_s=0.05
            ) as site:
                ours = Crawl.prepare(folder / "crawl", site, file_requests=setting)
                wrong = _together(ours, processes, "-s", f"TWISTED_REACTOR={REACTORS[reactor]}")
                served = site.served()
            targets.append(no_fault(f"{what}: every photo rightly stored or refused", wrong or ours.difference(photos)))
            files = [request for request in served if request.is_file]
            calls = [request for request in served if not request.is_file]
            for kind, requests in (("files", files), ("API", calls)):
                targets.append(at_most(f"{what}: {kind} at once", peak_parallel(requests), setting))
            print(
                f"{reactor:<10}{processes:>10}{setting:>9}{peak_parallel(files):>15}{peak_parallel(calls):>13}"
                f"{duration_s(served) if served else 0.0:>8.1f}",
                flush=True,
            )
    return targets


def _together(ours: Crawl, processes: int, *more: str) -> str | None:
    """Run one crawl in several processes at once, each with its part; return what went wrong, if anything."""
    parts = [["-a", f"part={number}/{processes}"] if processes > 1 else [] for number in range(1, processes + 1)]
    started = [ours.start("-L", "WARNING", *part, *more) for part in parts]
    return ours.fault([each.wait() for each in started])


def main() -> None:
    """Run the measurements, print the tables and the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["a", "b", "c"], help="the measurement (default: all)")
    parser.add_argument("--photos", type=int, help="number of photographs (default: 1,000; for c 480)")
    parser.add_argument("--keep", type=Path, help="folder that keeps photographs and img2dataset for the next run")
    arguments = parser.parse_args()
    if NGINX is None:
        sys.exit(f"skipped: {NO_NGINX}")
    what = arguments.what or "abc"
    targets: list[Target] = []
    with tempfile.TemporaryDirectory(prefix="crawl-benchmark-") as temporary:
        keep = arguments.keep.resolve() if arguments.keep else Path(temporary) / "keep"
        keep.mkdir(parents=True, exist_ok=True)
        work = Path(temporary)
        if "a" in what:
            targets += paced(write_photos(keep, Plan(arguments.photos or 1000, 0.8)), work / "a")
        if "b" in what:
            targets += unpaced(write_photos(keep, Plan(arguments.photos or 1000, 0.0)), work / "b", keep)
        if "c" in what:
            plan = Plan(arguments.photos or 480, 0.7, 320, 240, (20.0,), header_scale=0.1, cameras=12)
            targets += in_parallel(write_photos(keep, plan), work / "c")
    if not print_targets(targets):
        sys.exit(1)


if __name__ == "__main__":
    main()
