"""Arithmetic: what Flickr at 40 cameras and ten years of uploads comes to: calls, bytes, days, euros, disks.

    python -m benchmarks.documents.arithmetic            prints the tables
    python -m benchmarks.documents.arithmetic --write    puts them into docs/deploy.md

Every measured number is quoted with the file of this repository that says so, and every other one is an assumption with
a name. The calls are counted by the code that crawls, on uploads that are spread evenly over each year.
"""

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.places import REPOSITORY
from corpus.sections import Flickr
from crawlers.sites.flickr import CALLS_PER_HOUR, PER_PAGE, SHORTEST_SLICE_S, SLICE_TOTAL_MAX
from crawlers.windows.time_slices import Step, TimeSlice, Walk, years

PAGE = REPOSITORY / "docs" / "deploy.md"
BEGIN, END = "<!-- benchmarks/documents/arithmetic.py -->", "<!-- the end of what it writes -->"

CAMERAS, YEARS = 40, 10
A_CAMERA_AND_YEAR = (1_000, 10_000, 100_000)
"""Photographs found for a camera in a year: nobody has counted, so three powers of ten stand side by side."""

DAY_S, MEGABYTE, GIGABYTE, TERABYTE = 86_400, 10**6, 10**9, 10**12


@dataclass(frozen=True)
class Measured:
    """A number that was measured, with the words of the file that says so."""

    meaning: str
    value: float
    unit: str
    file: str
    quote: str


@dataclass(frozen=True)
class Assumed:
    """A number that nobody measured here; change it to yours."""

    meaning: str
    value: float
    unit: str


_LOG, _SHARDS = "docs/LOG.md", "docs/decisions/0003-shards.md"
_CRAWLS, _FACTS, _PIXELS, _INDEX = (
    f"benchmarks/results/2026-11-{name}.txt" for name in ("21-crawl", "22-facts", "29-pixels", "28-index")
)
SIZE = Measured(
    "mean size of a camera's original",
    127 / 101,
    "MB",
    _FACTS,
    "101 photographs, 127 MB",
)
KEPT = Measured(
    "share of public photographs that are originals",
    101 / 297,
    "",
    _LOG,
    "297 public photographs (101 judged to be originals, 196 messy)",
)
SENT = Measured("bytes sent for a byte kept", 1.12, "", _LOG, "bytes sent for a byte kept: 1.12 with ranges")
REQUESTS = Measured(
    "requests for a photograph, 80 % refused",
    1.697,
    "",
    _CRAWLS,
    "ours, Range honoured              1697",
)
CRAWL_CPU = Measured("CPU of a crawl, a GB", 6.99, "s", _CRAWLS, "96.1       1.00     12.0      6.99")
EXAMINE_CPU = Measured(
    "CPU of examining an original, but for its header",
    0.0568,
    "s",
    _PIXELS,
    "pixel_facts, all of it      56.8",
)
JUDGE_CPU = Measured(
    "judging a photograph",
    98.6e-6,
    "s",
    "benchmarks/results/2026-11-30-judge.txt",
    "1,000,000 photos: 57.6 s, CPU 98.6 s, 98.6 us of CPU a photo",
)
PACK_CPU = Measured("CPU of packing a photograph of 12 MP", 0.103, "s", _SHARDS, "103 ms of CPU time")
TILES = Measured("tiles, of an original's bytes", 0.38, "", _SHARDS, "hold 0.38 of its bytes")
MARKERS = Measured(
    "restart markers and tables beside tars, of their bytes",
    0.017 + 0.033,
    "",
    _LOG,
    "+1.5 to 1.7 %; 3.1 to 3.3 %",
)
INDEX = Measured(
    "index, a tile",
    41.0,
    "bytes",
    _INDEX,
    "the index's files, MB                                 41",
)
MEASURED = (SIZE, KEPT, SENT, REQUESTS, CRAWL_CPU, EXAMINE_CPU, JUDGE_CPU, PACK_CPU, TILES, MARKERS, INDEX)

FILES_PER_S = Assumed("requests for files that Flickr bears from one address", 2.0, "a second")
LINK = Assumed("network", 100.0, "Mbit/s")
TILES_A_PHOTO = Assumed("tiles of a photograph", 4.0, "")
ROWS = Assumed("records, facts and rows of a photograph", 2_000.0, "bytes")
CORES = Assumed("cores that examine and pack", 2.0, "")
COPIES = Assumed("copies of everything on disks of one's own", 2.0, "")
DISK_EUROS = Assumed("a disk, bought", 20.0, "€ a TB")
STORE_EUROS = Assumed("an object store", 20.0, "€ a TB and month")
MACHINE_EUROS = Assumed("a machine of two cores", 15.0, "€ a month")
ASSUMED = (FILES_PER_S, LINK, TILES_A_PHOTO, ROWS, CORES, COPIES, DISK_EUROS, STORE_EUROS, MACHINE_EUROS)


@dataclass(frozen=True)
class Figures:
    """What one number of photographs a camera and year comes to."""

    found: float
    kept: float
    windows: int
    calls: int
    calls_a_night: float
    requests: float
    received_bytes: float
    originals_bytes: float
    other_bytes: float
    download_s: float
    crawl_cpu_s: float
    curation_cpu_s: float

    @property
    def stored_bytes(self) -> float:
        """Everything below the storage."""
        return self.originals_bytes + self.other_bytes


def listing_calls(a_year: int, number_of_years: int = YEARS) -> tuple[int, int]:
    """Return the windows and the calls of the first crawl of one query with so many uploads a year, evenly spread.

    The walk is the crawler's own: a slice is asked for, and halved while the site has too many photos in it. The first
    page of a slice that fits is the answer that says so; a last page that is full asks for one more.
    """
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2010, 2010 + number_of_years))
    windows = calls = 0
    for year in years(TimeSlice(first, last)):
        walk = Walk(year, (), SHORTEST_SLICE_S)
        while (step := walk.step()) is not None:
            photos = _between(step, year, a_year)
            calls += 1
            if photos >= SLICE_TOTAL_MAX and walk.halve(step):
                continue
            calls += photos // PER_PAGE
            windows += 1
            walk.finish(step)
    return windows, calls


def _between(step: Step, year: TimeSlice, a_year: int) -> int:
    start_s, end_s = step.window
    length_s = year.end_s - year.start_s
    return a_year * (end_s - year.start_s) // length_s - a_year * (start_s - year.start_s) // length_s


def figures(a_camera_and_year: int) -> Figures:
    """Return what so many photographs found for a camera in a year come to."""
    found = float(CAMERAS * YEARS * a_camera_and_year)
    kept = found * KEPT.value
    windows, calls = (CAMERAS * number for number in listing_calls(a_camera_and_year))
    flickr = Flickr()
    # each night: the new day and the last days of each query, and a part of the windows of old
    pages_a_day = 1 + a_camera_and_year / 365 // PER_PAGE
    calls_a_night = CAMERAS * (1 + flickr.look_back_days) * pages_a_day + calls / max(flickr.revisit_days, 1)
    originals_bytes = kept * SIZE.value * MEGABYTE
    tiles = kept * TILES_A_PHOTO.value
    other_bytes = originals_bytes * TILES.value * (1 + MARKERS.value) + tiles * INDEX.value + found * ROWS.value
    received_bytes, requests = originals_bytes * SENT.value, found * REQUESTS.value
    return Figures(
        found=found,
        kept=kept,
        windows=windows,
        calls=calls,
        calls_a_night=calls_a_night,
        requests=requests,
        received_bytes=received_bytes,
        originals_bytes=originals_bytes,
        other_bytes=other_bytes,
        download_s=max(requests / FILES_PER_S.value, received_bytes * 8 / (LINK.value * 1e6)),
        crawl_cpu_s=received_bytes / GIGABYTE * CRAWL_CPU.value,
        curation_cpu_s=kept * (EXAMINE_CPU.value + PACK_CPU.value) + found * JUDGE_CPU.value,
    )


def tables() -> str:
    """Return the tables as Markdown."""
    columns = [figures(number) for number in A_CAMERA_AND_YEAR]
    stored_tb = [each.stored_bytes / TERABYTE for each in columns]
    months = [max(each.download_s / DAY_S / 30, 1) for each in columns]
    cores, copies = f"{CORES.value:.0f}", f"{COPIES.value:.0f}"
    rows: list[tuple[str, list[str]]] = [
        ("photographs found", [f"{each.found:,.0f}" for each in columns]),
        ("… kept", [f"{each.kept:,.0f}" for each in columns]),
        ("calls of the API, first crawl", [f"{each.calls:,}" for each in columns]),
        (f"… at {CALLS_PER_HOUR:,} an hour", [_hours(each.calls / CALLS_PER_HOUR) for each in columns]),
        ("calls of a night after that", [f"{each.calls_a_night:,.0f}" for each in columns]),
        ("requests for files", [f"{each.requests:,.0f}" for each in columns]),
        ("bytes received", [_size(each.received_bytes) for each in columns]),
        ("**days of the first crawl**", [f"{each.download_s / DAY_S:,.1f}" for each in columns]),
        ("… of them CPU, on one core", [f"{each.crawl_cpu_s / DAY_S:,.2f}" for each in columns]),
        (
            f"days of examining, judging, packing on {cores} cores",
            [f"{each.curation_cpu_s / CORES.value / DAY_S:,.2f}" for each in columns],
        ),
        ("originals", [_size(each.originals_bytes) for each in columns]),
        ("tars, index, records", [_size(each.other_bytes) for each in columns]),
        ("**everything**", [_size(each.stored_bytes) for each in columns]),
        (f"**disks**, {copies} copies", [_euros(tb * COPIES.value * DISK_EUROS.value) for tb in stored_tb]),
        ("or an object store, a month", [_euros(tb * STORE_EUROS.value) for tb in stored_tb]),
        ("the machine, until the first crawl has ended", [_euros(MACHINE_EUROS.value * number) for number in months]),
    ]
    heads = [f"{number:,}" for number in A_CAMERA_AND_YEAR]
    parts = [
        _table(["found for a camera in a year", *heads], [[name, *values] for name, values in rows]),
        "Measured, here or where the log says:",
        _table(
            ["what", "value", "says"],
            [[each.meaning, _value(each), f"`{each.file}`: “{_shown(each.quote)}”"] for each in MEASURED],
        ),
        "Assumed; put your own into `benchmarks/documents/arithmetic.py`:",
        _table(["what", "value"], [[each.meaning, _value(each)] for each in ASSUMED]),
    ]
    return "\n\n".join(parts)


def written(page: str) -> str:
    """Return the text of a page with the tables between their marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _shown(quote: str) -> str:
    return re.sub(r"\s+", " ", quote.replace("|", "")).strip()


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _value(each: Measured | Assumed) -> str:
    number = f"{each.value:.3g}" if each.value < 1000 else f"{each.value:,.0f}"
    if each.unit == "s" and each.value < 0.01:
        return f"{each.value * 1e6:.0f} µs"
    return f"{number} {each.unit}".strip()


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:,.1f} days"


def _size(size_bytes: float) -> str:
    return f"{size_bytes / TERABYTE:,.2f} TB" if size_bytes >= TERABYTE else f"{size_bytes / GIGABYTE:,.0f} GB"


def _euros(euros: float) -> str:
    return f"{euros:,.0f} €"


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/deploy.md")
    if parser.parse_args().write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(tables())


if __name__ == "__main__":
    main()
