"""Counts: count judged rows for every table and plot of a generation; pure.

Rows are tallied part by part, so that a corpus larger than memory can be counted; `counts` turns the sum of the tallies
into what people read. There are two counts a reason, since all rules are asked of all photos: how many photos it
refuses, and how many are left after it when the rules are applied one after the other.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from corpus.records import SPLITS
from curation.judging.verdict import VerdictRow
from curation.reasons import REASONS, in_funnel_order

SAMPLES = 6
"""Photos kept as examples of each reason."""
UNKNOWN = "?"


@dataclass
class Amount:
    """A number of photos and the size of their files."""

    photos: int = 0
    bytes: int = 0

    def __iadd__(self, other: Self) -> Self:
        self.photos += other.photos
        self.bytes += other.bytes
        return self


Amounts = defaultdict[str, Amount]


def _amounts() -> Amounts:
    return defaultdict(Amount)


@dataclass
class CameraTally:
    """Counts of the photos of one camera; all but `photos` are of the kept ones."""

    photos: int = 0
    kept: Amount = field(default_factory=Amount)
    groups: set[tuple[str, str]] = field(default_factory=set)
    """(split, group)."""
    owners: set[tuple[str, str | None]] = field(default_factory=set)
    """(source, owner's id)."""
    devices: set[str] = field(default_factory=set)
    """Groups that a serial number tells."""
    splits: Counter[str] = field(default_factory=Counter)
    folds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    tables: Counter[str] = field(default_factory=Counter)
    years: Counter[str] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add the counts of another part."""
        self.photos += other.photos
        self.kept += other.kept
        self.groups |= other.groups
        self.owners |= other.owners
        self.devices |= other.devices
        for name in ("splits", "folds", "sizes", "tables", "years"):
            getattr(self, name).update(getattr(other, name))


@dataclass
class Tally:
    """Counts of judged rows; those of two parts are added with `add`."""

    photos: Amount = field(default_factory=Amount)
    kept: Amount = field(default_factory=Amount)
    sources: Amounts = field(default_factory=_amounts)
    kept_of_source: Amounts = field(default_factory=_amounts)
    refused: Amounts = field(default_factory=_amounts)
    """By reason: photos that it refuses."""
    first: Amounts = field(default_factory=_amounts)
    """By reason: photos that it is the first to refuse, in the order of the funnel."""
    cameras: defaultdict[str, CameraTally] = field(default_factory=lambda: defaultdict(CameraTally))
    quality: dict[str, Counter[str]] = field(default_factory=lambda: {"kept": Counter(), "refused": Counter()})
    megapixels: dict[str, Counter[str]] = field(default_factory=lambda: {"kept": Counter(), "refused": Counter()})
    licences: Counter[str] = field(default_factory=Counter)
    samples: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """By reason: the first SAMPLES photos, those whose picture can be shown before the others."""
    sides: set[tuple[str, ...]] = field(default_factory=set)
    """(kind, what, split) of things that should stand in one split alone."""
    split_of: dict[int, str] = field(default_factory=dict)
    """By id: the split of kept photos that are in some pair of copies."""
    digests: list[np.ndarray] = field(default_factory=list)
    """A row a kept photo: 64 bits of its file's digest, of its scan's, and the place of its split in SPLITS."""

    def add(self, other: Self) -> None:
        """Add the counts of another part, whose keys come after those of this one."""
        self.photos += other.photos
        self.kept += other.kept
        for name in ("sources", "kept_of_source", "refused", "first"):
            for key, amount in getattr(other, name).items():
                getattr(self, name)[key] += amount
        for camera, of_camera in other.cameras.items():
            self.cameras[camera].add(of_camera)
        for outcome in ("kept", "refused"):
            self.quality[outcome].update(other.quality[outcome])
            self.megapixels[outcome].update(other.megapixels[outcome])
        self.licences.update(other.licences)
        for reason, rows in other.samples.items():
            self.samples[reason] = _best_samples(self.samples[reason] + rows)
        self.sides |= other.sides
        self.split_of |= other.split_of
        self.digests += other.digests


def tally(rows: Iterable[VerdictRow], paired: Collection[int] = ()) -> Tally:
    """Return the counts of some rows; `paired`: ids of photos that are in some pair of copies."""
    found = Tally()
    digests = []
    for row in rows:
        _count(found, row)
        if row["kept"]:
            split = str(row["split"])
            found.sides.add(("group", row["group"], split))
            if row["owner_id"]:
                found.sides.add(("owner", str(row["source"]), row["owner_id"], str(row["camera"]), split))
            if row["id"] in paired:
                found.split_of[row["id"]] = split
            file = str(row["sha256"])
            scan = row["scan_digest"] or file
            digests.append((int(file[:16], 16), int(scan[:16], 16), SPLITS.index(split)))
        for reason in row["reasons"]:
            shown = found.samples[reason]
            if len(shown) < SAMPLES or (row["original"] and not shown[-1]["original"]):
                sample = {
                    "photo": row["photo"],
                    "version": row["version"],
                    "original": row["original"],
                    "page_url": row["page_url"],
                    "value": _value(row),
                }
                found.samples[reason] = _best_samples([*shown, sample])
    found.digests.append(np.array(digests, np.uint64).reshape(-1, 3))
    return found


def counts(
    total: Tally, names: Mapping[str, tuple[str, bool]], hubs: list[dict[str, Any]], pairs: Iterable[tuple[int, int]]
) -> dict[str, Any]:
    """Return all counts of a generation as plain data, the same for the same rows however they were divided.

    `names`: of each camera its name and whether the catalogue lists it; `hubs`: the largest sets of copies; `pairs`:
    ids of all copies that were found. The keys are described in docs/architecture.md.
    """
    return {
        "photos": total.photos.photos,
        "kept": total.kept.photos,
        "size_bytes": total.photos.bytes,
        "kept_bytes": total.kept.bytes,
        "funnel": _funnel(total),
        "sources": {
            source: {
                "photos": total.sources[source].photos,
                "kept": total.kept_of_source[source].photos,
                "size_bytes": total.sources[source].bytes,
                "kept_bytes": total.kept_of_source[source].bytes,
            }
            for source in sorted(total.sources)
        },
        "cameras": {
            camera: _camera(total.cameras[camera], *names.get(camera, (camera, False)))
            for camera in sorted(total.cameras)
        },
        "quality": {outcome: _ordered(total.quality[outcome]) for outcome in ("kept", "refused")},
        "megapixels": {outcome: _ordered(total.megapixels[outcome]) for outcome in ("kept", "refused")},
        "licences": _ordered(total.licences),
        "leaks": leaks(total, pairs),
        "hubs": hubs,
    }


def leaks(total: Tally, pairs: Iterable[tuple[int, int]]) -> dict[str, int]:
    """Return how many things stand in two splits that must not.

    `groups`: groups, which a group's one split rules out. `bytes`, `scans`: equal files and equal scans, which the
    search for copies rules out; `near`: near copies, likewise. `owners`: pairs of an owner and a camera; possible only
    where one owner has several devices of a model that write serial numbers.
    """
    splits: dict[tuple[str, ...], int] = Counter(side[:-1] for side in total.sides)
    digests = np.concatenate(total.digests) if total.digests else np.zeros((0, 3), np.uint64)
    return {
        "groups": sum(number > 1 for thing, number in splits.items() if thing[0] == "group"),
        "bytes": _in_several_splits(digests[:, [0, 2]]),
        "scans": _in_several_splits(digests[:, [1, 2]]),
        "near": sum(len({total.split_of[one] for one in pair if one in total.split_of}) > 1 for pair in pairs),
        "owners": sum(number > 1 for thing, number in splits.items() if thing[0] == "owner"),
    }


def _ordered(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items()))


def _best_samples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first SAMPLES, those whose picture can be shown before the others."""
    return sorted(rows, key=lambda row: row["original"] is None)[:SAMPLES]


def _in_several_splits(digests: np.ndarray) -> int:
    """Return how many digests (first column) stand with several splits (second column)."""
    different = np.unique(digests, axis=0)[:, 0]
    return int((np.unique(different, return_counts=True)[1] > 1).sum())


def _count(found: Tally, row: VerdictRow) -> None:
    one = Amount(1, row["size_bytes"] or 0)
    source, outcome = row["source"] or UNKNOWN, "kept" if row["kept"] else "refused"
    found.photos += one
    found.sources[source] += one
    if row["kept"]:
        found.kept += one
        found.kept_of_source[source] += one
        found.licences[row["licence"] or UNKNOWN] += 1
    else:
        for reason in row["reasons"]:
            found.refused[reason] += one
        found.first[row["reasons"][0]] += one
    if row["camera"]:
        _count_camera(found.cameras[row["camera"]], row, one)
    if row["width_px"] and row["height_px"]:
        found.quality[outcome][UNKNOWN if row["quality_factor"] is None else str(row["quality_factor"])] += 1
        found.megapixels[outcome][f"{row['width_px'] * row['height_px'] / 1e6:.1f}"] += 1


def _count_camera(camera: CameraTally, row: VerdictRow, one: Amount) -> None:
    camera.photos += 1
    if not row["kept"]:
        return
    camera.kept += one
    camera.groups.add((str(row["split"]), row["group"]))
    camera.owners.add((str(row["source"]), row["owner_id"]))
    if row["has_serial"]:
        camera.devices.add(row["group"])
    camera.splits[str(row["split"])] += 1
    camera.folds[str(row["fold"])] += 1
    short_px, long_px = sorted((row["width_px"] or 0, row["height_px"] or 0))
    camera.sizes[f"{long_px}x{short_px}"] += 1
    camera.tables[row["tables_digest"] or UNKNOWN] += 1
    camera.years[_year(row["taken_at"])] += 1


def _funnel(total: Tally) -> list[dict[str, Any]]:
    steps, remaining, remaining_bytes = [], total.photos.photos, total.photos.bytes
    for reason in in_funnel_order(total.refused):
        refused, first = total.refused[reason], total.first.get(reason, Amount())
        remaining -= first.photos
        remaining_bytes -= first.bytes
        steps.append(
            {
                "reason": reason,
                "meaning": REASONS.get(reason, "A reason of the crawl that today's program does not know."),
                "refused": refused.photos,
                "first": first.photos,
                "remaining": remaining,
                "refused_bytes": refused.bytes,
                "first_bytes": first.bytes,
                "remaining_bytes": remaining_bytes,
            }
        )
    return steps


def _camera(camera: CameraTally, name: str, listed: bool) -> dict[str, Any]:
    groups = Counter(split for split, _ in camera.groups)
    return {
        "name": name,
        "listed": listed,
        "photos": camera.photos,
        "kept": camera.kept.photos,
        "kept_bytes": camera.kept.bytes,
        "groups": len({group for _, group in camera.groups}),
        "owners": len(camera.owners),
        "devices": len(camera.devices),
        "sizes": _ordered(camera.sizes),
        "tables": _ordered(camera.tables),
        "years": _ordered(camera.years),
        "splits": {split: {"photos": camera.splits[split], "groups": groups[split]} for split in SPLITS},
        "folds": _ordered(camera.folds),
    }


def _year(taken_at: str | None) -> str:
    year = (taken_at or "")[:4]
    return year if year.isdigit() and year > "1990" else UNKNOWN


def _value(row: VerdictRow) -> str:
    """Return what a person is told of an example, in a few words."""
    size = f"{row['width_px']}x{row['height_px']}" if row["width_px"] else ""
    quality = "" if row["quality_factor"] is None else f"quality {row['quality_factor']}"
    told = [row["camera"] or row["model"], size, quality, row["software"], *(row["editor_marks"] or ())[:1]]
    told += [row["error"], f"copy of {row['duplicate_of']}" if row["duplicate_of"] else None]
    return ", ".join(dict.fromkeys(text for text in told if text))
