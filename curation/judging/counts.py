"""Funnel: judged rows in, the counts of every table and plot out; pure.

Rows are tallied part by part, so that a corpus larger than memory can be counted: a `Tally` holds counts alone, and
`counts` makes of the sum of all what people read. Two counts a reason, since all rules are asked of all photos: how
many it refuses, and how many photos are left after it when the rules stand one behind the other.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from corpus.records import SPLITS
from curation.reasons import REASONS, in_funnel_order

Row = dict[str, Any]
Below = Callable[..., dict[Any, int]]

SAMPLES = 6
"""Photos kept as examples of each reason."""
UNKNOWN = "?"


@dataclass
class Tally:
    """Counts of judged rows; those of two parts are added with `add`."""

    numbers: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    """By what is counted: its kind first, then what it is of."""
    bytes: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    samples: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    sides: set[tuple[str, ...]] = field(default_factory=set)
    """(kind, what, split) of things that should stand in one split alone."""
    split_of: dict[int, str] = field(default_factory=dict)
    """Of kept photos that are in some pair of copies, by id."""
    digests: list[np.ndarray] = field(default_factory=list)
    """Of kept photos with a digest: 64 bits of the file's, of the scan's, and the place of the split, a row each."""

    def add(self, other: "Tally") -> None:
        """Take in the counts of another part, which comes behind this one."""
        self.numbers.update(other.numbers)
        self.bytes.update(other.bytes)
        self.sides |= other.sides
        self.split_of |= other.split_of
        self.digests += other.digests
        for reason, rows in other.samples.items():
            self.samples[reason] = _best_samples(self.samples[reason] + rows)


def tally(rows: Iterable[Row], paired: Collection[int] = ()) -> Tally:
    """Return the counts of some rows of CURATED that have two keys more, `id` and `has_serial`.

    `paired`: ids of photos that are in some pair of copies.
    """
    found = Tally()
    digests = []
    for row in rows:
        _count(found, row)
        if row["kept"]:
            found.sides.add(("group", row["group"], row["split"]))
            if row["owner_id"]:
                found.sides.add(("owner", row["source"], row["owner_id"], row["camera"], row["split"]))
            if row["id"] in paired:
                found.split_of[row["id"]] = row["split"]
            scan = row["scan_digest"] or row["sha256"]
            digests.append((int(row["sha256"][:16], 16), int(scan[:16], 16), SPLITS.index(row["split"])))
        for reason in row["reasons"]:
            shown = found.samples[reason]
            if len(shown) < SAMPLES or (row["original"] and not shown[-1]["original"]):
                names = ("photo", "version", "original", "page_url")
                sample = {name: row[name] for name in names} | {"value": _value(row)}
                found.samples[reason] = _best_samples([*shown, sample])
    found.digests.append(np.array(digests, np.uint64).reshape(-1, 3))
    return found


def counts(
    total: Tally, names: Mapping[str, tuple[str, bool]], hubs: list[Row], pairs: Iterable[tuple[int, int]]
) -> dict[str, Any]:
    """Return all counts of a generation as plain data, the same for the same rows however they were divided.

    `names`: of each camera its name and whether the catalogue lists it; `hubs`: the largest sets of copies; `pairs`:
    ids of all copies that were found. The keys are described in docs/architecture.md.
    """
    number, size, below = total.numbers, total.bytes, _index(total.numbers)
    return {
        "photos": number["photos",],
        "kept": number["kept",],
        "size_bytes": size["photos",],
        "kept_bytes": size["kept",],
        "funnel": _funnel(total, below("refused")),
        "sources": {
            source: {
                "photos": number["source", source],
                "kept": number["kept of source", source],
                "size_bytes": size["source", source],
                "kept_bytes": size["kept of source", source],
            }
            for source in below("source")
        },
        "cameras": {
            camera: _camera(total, below, camera, *names.get(camera, (camera, False))) for camera in below("camera")
        },
        "quality": {which: below("quality", which) for which in ("kept", "refused")},
        "megapixels": {which: below("megapixels", which) for which in ("kept", "refused")},
        "licences": below("licence"),
        "leaks": leaks(total, pairs),
        "hubs": hubs,
    }


def leaks(total: Tally, pairs: Iterable[tuple[int, int]]) -> dict[str, int]:
    """Return how many things that must face each other nowhere stand in two splits.

    `groups`: groups, which a group's one split forbids. `bytes`, `scans`: equal files and equal scans, which
    duplicates forbid; `near`: near copies, likewise. `owners`: pairs of an owner and a camera; possible only where
    one owner has several devices of a model that write serial numbers.
    """
    splits: dict[tuple[str, ...], int] = Counter(side[:-1] for side in total.sides)
    digests = np.concatenate(total.digests) if total.digests else np.zeros((0, 3), np.uint64)
    return {
        "groups": sum(number > 1 for thing, number in splits.items() if thing[0] == "group"),
        "bytes": _on_several_sides(digests[:, [0, 2]]),
        "scans": _on_several_sides(digests[:, [1, 2]]),
        "near": sum(len({total.split_of[one] for one in pair if one in total.split_of}) > 1 for pair in pairs),
        "owners": sum(number > 1 for thing, number in splits.items() if thing[0] == "owner"),
    }


def _index(numbers: Counter[tuple[Any, ...]]) -> Below:
    """Return what gives the counts of all things of a kind, by thing, in order: `below("size", camera)`."""
    found: dict[tuple[Any, ...], dict[Any, int]] = defaultdict(dict)
    for name, number in numbers.items():
        found[name[:-1]][name[-1]] = number
    return lambda *kind: {thing: found[kind][thing] for thing in sorted(found.get(kind, ()), key=str)}


def _best_samples(rows: list[Row]) -> list[Row]:
    """Return the first SAMPLES, those whose picture can be shown before the others."""
    return sorted(rows, key=lambda row: row["original"] is None)[:SAMPLES]


def _on_several_sides(digests: np.ndarray) -> int:
    """Return how many digests (first column) stand with several splits (second column)."""
    different = np.unique(digests, axis=0)[:, 0]
    return int((np.unique(different, return_counts=True)[1] > 1).sum())


def _count(found: Tally, row: Row) -> None:
    size = row["size_bytes"] or 0
    kept = row["kept"]
    names: list[tuple[Any, ...]] = [("photos",), ("source", row["source"] or UNKNOWN)]
    if kept:
        names += [("kept",), ("kept of source", row["source"] or UNKNOWN)]
    else:
        names += [("refused", reason) for reason in row["reasons"]] + [("first", row["reasons"][0])]
    camera = row["camera"]
    if camera:
        names.append(("camera", camera))
    if camera and kept:
        names += [("kept of camera", camera), ("group", camera, row["group"]), ("split", camera, row["split"])]
        names += [("group of split", camera, row["split"], row["group"]), ("fold", camera, str(row["fold"]))]
        names += [
            ("owner", camera, (row["source"], row["owner_id"])),
            ("tables", camera, row["tables_digest"] or UNKNOWN),
        ]
        long_px, short_px = max(row["width_px"], row["height_px"]), min(row["width_px"], row["height_px"])
        names += [("size", camera, f"{long_px}x{short_px}"), ("year", camera, _year(row["taken_at"]))]
        if row["has_serial"]:
            names.append(("device", camera, row["group"]))
    if kept:
        names.append(("licence", row["licence"] or UNKNOWN))
    if row["width_px"]:
        which = "kept" if kept else "refused"
        names.append(("quality", which, UNKNOWN if row["quality_factor"] is None else str(row["quality_factor"])))
        names.append(("megapixels", which, f"{row['width_px'] * row['height_px'] / 1e6:.1f}"))
    found.numbers.update(names)
    for name in names:
        if name[0] in _WEIGHED:
            found.bytes[name] += size


_WEIGHED = frozenset({"photos", "kept", "source", "kept of source", "refused", "first", "kept of camera"})


def _funnel(total: Tally, reasons: Iterable[str]) -> list[dict[str, Any]]:
    steps, remaining, remaining_bytes = [], total.numbers["photos",], total.bytes["photos",]
    for reason in in_funnel_order(reasons):
        remaining -= total.numbers["first", reason]
        remaining_bytes -= total.bytes["first", reason]
        steps.append(
            {
                "reason": reason,
                "meaning": REASONS.get(reason, "A reason of the crawl that today's program does not know."),
                "refused": total.numbers["refused", reason],
                "first": total.numbers["first", reason],
                "remaining": remaining,
                "refused_bytes": total.bytes["refused", reason],
                "first_bytes": total.bytes["first", reason],
                "remaining_bytes": remaining_bytes,
            }
        )
    return steps


def _camera(total: Tally, below: Below, camera: str, name: str, listed: bool) -> dict[str, Any]:
    number = total.numbers
    return {
        "name": name,
        "listed": listed,
        "photos": number["camera", camera],
        "kept": number["kept of camera", camera],
        "kept_bytes": total.bytes["kept of camera", camera],
        "groups": len(below("group", camera)),
        "owners": len(below("owner", camera)),
        "devices": len(below("device", camera)),
        **{plural: below(one, camera) for plural, one in _HISTOGRAMS},
        "splits": {
            split: {"photos": number["split", camera, split], "groups": len(below("group of split", camera, split))}
            for split in SPLITS
        },
        "folds": below("fold", camera),
    }


_HISTOGRAMS = (("sizes", "size"), ("tables", "tables"), ("years", "year"))


def _year(taken_at: str | None) -> str:
    year = (taken_at or "")[:4]
    return year if year.isdigit() and year > "1990" else UNKNOWN


def _value(row: Row) -> str:
    """Return what a person is told of an example, in a few words."""
    size = f"{row['width_px']}x{row['height_px']}" if row["width_px"] else ""
    quality = "" if row["quality_factor"] is None else f"quality {row['quality_factor']}"
    told = [row["camera"] or row["model"], size, quality, row["software"], *(row["editor_marks"] or ())[:1]]
    told += [row["error"], f"copy of {row['duplicate_of']}" if row["duplicate_of"] else None]
    return ", ".join(dict.fromkeys(text for text in told if text))
