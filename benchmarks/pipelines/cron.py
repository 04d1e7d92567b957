"""Benchmark: real cron refreshes a changing photo site, is killed at random, and is compared with a run from scratch.

    python -m benchmarks.pipelines.cron [--refreshes 10] [--models 3] [--photos 4] [--seed 1] [--keep DIR] [--out FILE]

Debian's cron starts the pipeline `refresh` (crawl, curation with shards) every minute, by the lines that
`shutterprint pipelines install` writes. Before each refresh the site gains, loses, replaces and re-dates photographs,
and each refresh meets one `kill -9` at a random moment: of the pipeline, of its stage, or of all its processes, as when
a machine loses power. A minute stands for a day: the times at which windows were listed are set back by one, since a
crawl lists each at most once an hour. Nobody helps. In the end the newest generation is compared with one from scratch
on the site's final state, and every difference is listed by name. Exit code 1: some difference is none of those that a
refresh must remember: places in splits and folds, first-come keepers, versions that the site no longer has.

Needs Linux, root, Debian's package cron, and util-linux. Everything runs in mount and process namespaces of its own, so
the machine's own crontabs and cron are neither seen nor changed.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.pipelines.changing_site import DAY_S, Site, make_site
from benchmarks.pipelines.comparison import compare
from benchmarks.places import REPOSITORY
from corpus.configuration import Configuration, read_configuration
from corpus.storage import MARKER
from corpus.text import iso_time
from crawlers.windows.markers import LISTED
from demo.local_configuration import CAMERAS
from demo.photo_site.flickr.api import API_PATH
from pipelines.history import read_progress
from pipelines.lock import lock_holder

KEY = "0123456789abcdef" * 2
OTHERS = f"FLICKR_API_KEY={KEY}\n# mine\n"
"""Lines of the crontab that are not ours."""
PIPELINE = "refresh"
LOOK_S = 0.2
REFRESH_MAX_S = 1800.0
_SPOOL, _EMPTY = ("/var/spool/cron/crontabs", "/etc/cron.d", "/run"), "/etc/crontab"
_INSIDE = "--inside"
_PROGRAM = (sys.executable, "-m", "benchmarks.pipelines.cron")


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refreshes", type=int, default=10)
    parser.add_argument("--models", type=int, default=3, help="camera models, four devices each")
    parser.add_argument("--photos", type=int, default=4, help="genuine photographs of each device")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder that is kept for a look")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what is printed into a file as well")
    parser.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.inside:
        return _inside_namespaces(sys.argv[1:])
    lines: list[str] = []

    def say(line: str = "") -> None:
        print(line, flush=True)
        lines.append(line)

    with _folder(given.keep) as folder:
        code = _benchmark(folder, given, say)
    if given.out is not None:
        given.out.write_text("\n".join(lines) + "\n")
    return code


def _inside_namespaces(words: list[str]) -> int:
    """Run this program again where crontabs are empty, cron's own files are hidden and no process outlives it."""
    if shutil.which("cron", path="/usr/sbin:/usr/bin") is None or shutil.which("crontab") is None:
        print("skipped: Debian's cron is not installed (apt-get install cron)")
        return 0
    mounts = " && ".join([*(f"mount -t tmpfs none {folder}" for folder in _SPOOL), f"mount --bind /dev/null {_EMPTY}"])
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        possible = subprocess.run([*namespaces, "sh", "-c", mounts], capture_output=True, check=False).returncode == 0
    except OSError:
        possible = False
    if not possible:
        print("skipped: namespaces cannot be made here; run it as root on Linux")
        return 0
    command = [*namespaces, "sh", "-c", f'{mounts} && exec "$@"', "sh", *_PROGRAM, _INSIDE, *words]
    # `unshare` ignores SIGTERM; interrupted, `run` kills it, and the kernel all that is inside
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return subprocess.run(command, check=False).returncode


def _benchmark(folder: Path, given: argparse.Namespace, say: Any) -> int:
    chance = random.Random(given.seed)
    site = make_site(folder / "uploads", given.models, given.photos, given.seed, chance)
    site.start()
    configuration = _configure(folder, "cron", site)
    say(f"{len(site.all)} photographs of {given.models} cameras, {len(site.shown)} of them on the site at first; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    environment = {**os.environ, "FLICKR_API_KEY": KEY}
    subprocess.run(["crontab", "-"], input=OTHERS, text=True, check=True)
    _pipelines(configuration, "install")
    cron = subprocess.Popen(["/usr/sbin/cron", "-f"], env={"PATH": "/usr/bin:/bin"})
    kills: Counter[str] = Counter()
    gains = max(1, len(site.waiting) // (2 * given.refreshes))
    began_s = time.time()
    try:
        for number in range(1, given.refreshes + 1):
            if number > 1:
                site.stop()
                site.change(gains)
                site.start()
                _let_a_day_pass(configuration)
            changed_s = time.time()
            told = _kill_once(configuration, chance, changed_s, kills)
            _wait_for_refresh(configuration, changed_s)
            say(f"refresh {number:2}: killed {told}; healed and done after {time.time() - changed_s:.0f} s; "
                f"{len(site.shown)} photographs on the site")  # fmt: skip
    finally:
        cron.terminate()
        cron.wait()
    _wait_until_free(configuration)
    _pipelines(configuration, "remove")
    left = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=True).stdout
    say(f"\nkilled with SIGKILL: {', '.join(f'{what} {times}' for what, times in sorted(kills.items()))}")
    say(f"the site {', '.join(f'{what} {times}' for what, times in site.done.items())}")
    runs = read_progress(configuration.store, PIPELINE).runs
    outcomes = Counter(run.outcome for run in runs)
    say(f"cron began {len(runs)} runs in {(time.time() - began_s) / 60:.0f} min: "
        f"{', '.join(f'{what} {times}' for what, times in sorted(outcomes.items()))}; "
        f"{len(configuration.store.done_names('curated'))} generations")  # fmt: skip
    say(f"lines of the crontab that are not ours, after `remove`: {'as before' if left == OTHERS else 'CHANGED'}")
    scratch = _configure(folder, "scratch", site)
    subprocess.run(
        [sys.executable, "-m", "pipelines", "--config", str(scratch.file), "run", PIPELINE],
        cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    site.stop()
    return compare(configuration, scratch, say)


def _configure(folder: Path, name: str, site: Site) -> Configuration:
    file = folder / name / "pipelines.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    flickr = {
        "api_url": f"http://127.0.0.1:{site.port}{API_PATH}", "hosts": ["127.0.0.1"], "look_back_days": 366,
        "since": iso_time(time.time() - 350 * DAY_S), "revisit_days": 0,
    }  # fmt: skip
    if file.exists():
        flickr["since"] = read_configuration(file).sources.flickr.since
    tree = {
        "storage": "data",
        "catalogue": str(CAMERAS),
        "cameras": sorted({upload.claimed_camera for upload in site.all}),
        "crawl": {"contact": "benchmark@example.org", "limits_folder": str(folder / "limits")},
        "sources": {"flickr": flickr},
        "curation": {"workers": 1},
        "shards": {"tile_px": 512, "shard_photos": 30},
        "pipelines": {
            PIPELINE: {
                "schedule": "* * * * *",
                "rounds": 2,
                "stages": ["scrapy crawl flickr", "python -m curation.run"],
            }
        },
    }
    file.write_text(yaml.safe_dump(tree))
    return read_configuration(file)


def _pipelines(configuration: Configuration, command: str) -> None:
    words = [sys.executable, "-m", "pipelines", "--config", str(configuration.file), command]
    subprocess.run(words, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)


def _let_a_day_pass(configuration: Configuration) -> None:
    """Set back the times at which windows were listed: a crawl lists each at most once an hour."""
    for path in Path(configuration.store.path("crawl")).rglob("*"):
        if path.name in (LISTED, MARKER):
            told = path.stat()
            if path.name == LISTED and told.st_size:
                path.write_text(repr(float(path.read_text()) - DAY_S))
            os.utime(path, (told.st_atime, told.st_mtime - DAY_S))


def _kill_once(configuration: Configuration, chance: random.Random, since_s: float, kills: Counter[str]) -> str:
    """Kill a run of cron's at a random moment, and return what was killed where."""
    usual = _usual_s(configuration)
    _wait_until_free(configuration)
    while True:
        _until(lambda: lock_holder(configuration.store, PIPELINE)[1] is not None)
        time.sleep(chance.uniform(0.0, usual))
        told = lock_holder(configuration.store, PIPELINE)[1]
        if told is None:  # it has ended before; the next one, then
            continue
        holder = int(told.removeprefix("process "))
        stage = next(iter(_children(holder)), None)
        what = chance.choice(["the pipeline", "the stage", "everything"])
        runs = read_progress(configuration.store, PIPELINE).runs
        where = runs[-1].stages[-1].command if runs and runs[-1].stages else "its start"
        victims = {"the pipeline": [holder], "the stage": [stage] if stage else [holder]}.get(what)
        for process in victims or [holder, *_descendants(holder)]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        kills[what] += 1
        return f"{what} during `{where}` at {time.time() - since_s:.0f} s"


def _usual_s(configuration: Configuration) -> float:
    """Return how long the shortest of the last finished runs took, a guess before the first."""
    runs = read_progress(configuration.store, PIPELINE).runs
    took = [run.ended_at_s - run.began_at_s for run in runs if run.ended_at_s and run.outcome == "finished"]
    return min(took[-3:], default=20.0)


def _wait_for_refresh(configuration: Configuration, since_s: float) -> None:
    """Wait until a curation has finished that followed a crawl begun after `since_s`."""

    def has_refreshed() -> bool:
        crawled_s = 0.0
        for run in read_progress(configuration.store, PIPELINE).runs:
            for stage in run.stages:
                if stage.outcome == "finished" and "crawl" in stage.command:
                    crawled_s = stage.began_at_s
                if stage.outcome == "finished" and "curation" in stage.command and crawled_s > since_s:
                    return True
        return False

    _until(has_refreshed)


def _wait_until_free(configuration: Configuration) -> None:
    _until(lambda: not lock_holder(configuration.store, PIPELINE)[0])


def _until(condition: Any) -> None:
    until_s = time.monotonic() + REFRESH_MAX_S
    while not condition():
        if time.monotonic() > until_s:
            sys.exit("nothing has happened for half an hour; look at logs/refresh.log")
        time.sleep(LOOK_S)


def _children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _descendants(process: int) -> Iterator[int]:
    for child in _children(process):
        yield child
        yield from _descendants(child)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="shutterprint-cron-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
