"""Counts: count judged rows for every table and plot of a generation; pure.

Rows are tallied part by part, so that a corpus larger than memory can be counted; `counts` turns the sum of the tallies
into what people read. There are three counts a reason, since all rules are asked of all photos: how many photos it
refuses, how many of these no other reason does, and how many are left after it when the rules are applied one after the
other.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from corpus.records import SPLITS
from curation.judging.verdict import VerdictRow
from curation.reasons import REASONS, in_funnel_order
from forensics.jpeg.quality import quality_name, quality_text

SAMPLES = 6
"""Photos kept as examples of each reason."""
UNKNOWN = "?"
_SUMMED = ("photos", "kept", "size_bytes", "kept_bytes")


@dataclass
class CameraTally:
    """Counts of the photos of one camera; all but `photos` are of the kept ones."""

    photos: int = 0
    kept: int = 0
    kept_bytes: int = 0
    groups: set[tuple[str, str]] = field(default_factory=set)
    """(split, group)."""
    owners: set[tuple[str, str | None]] = field(default_factory=set)
    """(source, owner's id)."""
    devices: set[str] = field(default_factory=set)
    """Devices that a serial number tells."""
    splits: Counter[str] = field(default_factory=Counter)
    folds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    tables: Counter[str] = field(default_factory=Counter)
    years: Counter[str] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add the counts of another part."""
        self.photos += other.photos
        self.kept += other.kept
        self.kept_bytes += other.kept_bytes
        self.groups |= other.groups
        self.owners |= other.owners
        self.devices |= other.devices
        for name in ("splits", "folds", "sizes", "tables", "years"):
            getattr(self, name).update(getattr(other, name))


@dataclass
class Tally:
    """Counts of judged rows; those of two parts are added with `add`."""

    photos: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (what, name): `source`, and `kept of source`, `wanted of source`; `refused` by a reason, `alone` by no other,
    and `first` refused by it in the order of the funnel; `licence` of kept photos; `quality of kept`, `quality of
    refused`, and likewise `megapixels`."""
    bytes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The size of their files."""
    cameras: defaultdict[str, CameraTally] = field(default_factory=lambda: defaultdict(CameraTally))
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
        self.photos.update(other.photos)
        self.bytes.update(other.bytes)
        for camera, of_camera in other.cameras.items():
            self.cameras[camera].add(of_camera)
        for reason, rows in other.samples.items():
            self.samples[reason] = _best_samples(self.samples[reason] + rows)
        self.sides |= other.sides
        self.split_of |= other.split_of
        self.digests += other.digests

    def of(self, what: str) -> dict[str, int]:
        """Return the numbers of photos of one kind by name, ordered by name."""
        return _ordered({name: number for (kind, name), number in self.photos.items() if kind == what})


def tally(rows: Iterable[VerdictRow], paired: Collection[int] = ()) -> Tally:
    """Return the counts of some rows; `paired`: ids of photos that are in some pair of copies."""
    found = Tally()
    digests = []
    for row in rows:
        _count(found, row)
        if row["kept"]:
            split = str(row["split"])
            found.sides.add(("group", row["group"], split))
            if row["serial"]:
                serial = _digest_of_serial(row["serial"])
                found.sides |= {("serial", serial, split), ("serial in folds", serial, str(row["fold"]))}
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
                found.samples[reason] = _best_samples([*shown, sample_of(row)])
    found.digests.append(np.array(digests, np.uint64).reshape(-1, 3))
    return found


def sample_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the report shows of an example: photo, version, original, page_url, and value, in a few words."""
    return {name: row[name] for name in ("photo", "version", "original", "page_url")} | {"value": _value(row)}


def counts(
    total: Tally, names: Mapping[str, tuple[str, bool]], hubs: list[dict[str, Any]], pairs: Iterable[tuple[int, int]]
) -> dict[str, Any]:
    """Return all counts of a generation as plain data, the same for the same rows however they were divided.

    `names`: of each camera its name and whether the catalogue lists it; `hubs`: the largest sets of copies; `pairs`:
    ids of all copies that were found. The keys are described in docs/architecture.md.
    """
    sources = {
        name: {
            "photos": number,
            "kept": total.photos["kept of source", name],
            "wanted": total.photos["wanted of source", name],
            "size_bytes": total.bytes["source", name],
            "kept_bytes": total.bytes["kept of source", name],
        }
        for name, number in total.of("source").items()
    }
    sums = {name: sum(source[name] for source in sources.values()) for name in _SUMMED}
    cameras = {key: _camera(found, *names.get(key, (key, False))) for key, found in sorted(total.cameras.items())}
    return {
        **sums,
        "funnel": _funnel(total, sums),
        "sources": sources,
        "cameras": cameras,
        "quality": {outcome: total.of(f"quality of {outcome}") for outcome in ("kept", "refused")},
        "megapixels": {outcome: total.of(f"megapixels of {outcome}") for outcome in ("kept", "refused")},
        "licences": total.of("licence"),
        "leaks": leaks(total, pairs),
        "hubs": hubs,
    }


def leaks(total: Tally, pairs: Iterable[tuple[int, int]]) -> dict[str, int]:
    """Return how many things stand in two splits that must not.

    `serials`: devices by the serial numbers of kept photos, counted without regard to how groups were made, and
    `serials_in_folds`: those in two folds. `groups`: groups, which a group's one split rules out. `bytes`, `scans`:
    equal files and equal scans, which the search for copies rules out; `near`: near copies, likewise. `owners`: pairs
    of an owner and a camera; possible only where one owner has several devices of a model that write serial numbers.
    """
    splits: dict[tuple[str, ...], int] = Counter(side[:-1] for side in total.sides)
    digests = np.concatenate(total.digests) if total.digests else np.zeros((0, 3), np.uint64)
    return {
        "serials": sum(number > 1 for thing, number in splits.items() if thing[0] == "serial"),
        "serials_in_folds": sum(number > 1 for thing, number in splits.items() if thing[0] == "serial in folds"),
        "groups": sum(number > 1 for thing, number in splits.items() if thing[0] == "group"),
        "bytes": _in_several_splits(digests[:, [0, 2]]),
        "scans": _in_several_splits(digests[:, [1, 2]]),
        "near": sum(len({total.split_of[one] for one in pair if one in total.split_of}) > 1 for pair in pairs),
        "owners": sum(number > 1 for thing, number in splits.items() if thing[0] == "owner"),
    }


def _digest_of_serial(serial: str) -> str:
    """Return 16 hex digits of a device, told by its maker's first word, its model and its serial number."""
    make, model, number = (" ".join(part.casefold().split()) for part in serial.split("\n", 2))
    return hashlib.sha256(f"{make.partition(' ')[0]}\n{model}\n{number}".encode()).hexdigest()[:16]


def _ordered(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items()))


def _best_samples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["original"] is None)[:SAMPLES]


def _in_several_splits(digests: np.ndarray) -> int:
    """Return how many digests (first column) stand with several splits (second column)."""
    different = np.unique(digests, axis=0)[:, 0]
    return int((np.unique(different, return_counts=True)[1] > 1).sum())


def _count(found: Tally, row: VerdictRow) -> None:
    source, outcome = row["source"] or UNKNOWN, "kept" if row["kept"] else "refused"
    keys = [("source", source)]
    if row["kept"]:
        keys += [("kept of source", source), ("licence", row["licence"] or UNKNOWN)]
    else:
        if row["reasons"] == ["not_downloaded"]:
            keys.append(("wanted of source", source))
        keys += [("first", row["reasons"][0]), *(("refused", reason) for reason in row["reasons"])]
        keys += [("alone", row["reasons"][0])] if len(row["reasons"]) == 1 else []
    if row["width_px"] and row["height_px"]:
        factor = quality_name(row["quality_factor"], row["quality_residual"]) or UNKNOWN
        keys.append((f"quality of {outcome}", factor))
        keys.append((f"megapixels of {outcome}", f"{row['width_px'] * row['height_px'] / 1e6:.1f}"))
    found.photos.update(keys)
    found.bytes.update(dict.fromkeys(keys, row["size_bytes"] or 0))
    if row["camera"]:
        _count_camera(found.cameras[row["camera"]], row)


def _count_camera(camera: CameraTally, row: VerdictRow) -> None:
    camera.photos += 1
    if not row["kept"]:
        return
    camera.kept += 1
    camera.kept_bytes += row["size_bytes"] or 0
    camera.groups.add((str(row["split"]), row["group"]))
    camera.owners.add((str(row["source"]), row["owner_id"]))
    if row["device"]:
        camera.devices.add(row["device"])
    camera.splits[str(row["split"])] += 1
    camera.folds[str(row["fold"])] += 1
    short_px, long_px = sorted((row["width_px"] or 0, row["height_px"] or 0))
    camera.sizes[f"{long_px}x{short_px}"] += 1
    camera.tables[row["tables_digest"] or UNKNOWN] += 1
    camera.years[_year(row["taken_at"])] += 1


def _funnel(total: Tally, sums: Mapping[str, int]) -> list[dict[str, Any]]:
    steps, remaining, remaining_bytes = [], sums["photos"], sums["size_bytes"]
    for reason in in_funnel_order(total.of("refused")):
        remaining -= total.photos["first", reason]
        remaining_bytes -= total.bytes["first", reason]
        steps.append(
            {
                "reason": reason,
                "meaning": REASONS.get(reason, "A reason of the crawl that today's program does not know."),
                "refused": total.photos["refused", reason],
                "alone": total.photos["alone", reason],
                "first": total.photos["first", reason],
                "remaining": remaining,
                "refused_bytes": total.bytes["refused", reason],
                "alone_bytes": total.bytes["alone", reason],
                "first_bytes": total.bytes["first", reason],
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
        "kept": camera.kept,
        "kept_bytes": camera.kept_bytes,
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


def _value(row: Mapping[str, Any]) -> str:
    """Return what a person is told of an example, in a few words."""
    size = f"{row['width_px']}x{row['height_px']}" if row["width_px"] else ""
    quality = "" if row["quality_factor"] is None else quality_text(row["quality_factor"], row["quality_residual"])
    told = [row["camera"] or row["model"], size, quality, row["software"], *(row["editor_marks"] or ())[:1]]
    told += [row["error"], f"copy of {row['duplicate_of']}" if row["duplicate_of"] else None]
    return ", ".join(dict.fromkeys(text for text in told if text))
