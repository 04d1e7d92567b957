"""Counts: count judged rows for every table and plot of a generation; pure.

Rows are tallied part by part, so that a corpus larger than memory can be counted; `counts` turns the sum of the tallies
into what people read. There are three counts a reason, since all rules are asked of all photos: how many photos it
refuses, how many of these no other reason does, and how many are left after it when the rules are applied one after the
other. How parts are tallied: `curation.judging.tallies`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from corpus.records import SPLITS
from curation.judging.copies.sets import found_in
from curation.judging.tallies import SAMPLES, CameraTally, Tally, sample_of, tally
from curation.reasons import REASONS, in_funnel_order

__all__ = ["SAMPLES", "CameraTally", "Tally", "counts", "leaks", "sample_of", "tally"]

_SUMMED = ("photos", "kept", "size_bytes", "kept_bytes")


def counts(
    total: Tally,
    names: Mapping[str, tuple[str, bool]],
    hubs: list[dict[str, Any]],
    pairs: Iterable[tuple[int, int]] | np.ndarray,
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


def leaks(total: Tally, pairs: Iterable[tuple[int, int]] | np.ndarray) -> dict[str, int]:
    """Return how many things stand in two splits that must not.

    `serials`: devices by the serial numbers of kept photos, counted without regard to how groups were made, and
    `serials_in_folds`: those in two folds. `groups`: groups, which a group's one split rules out. `bytes`, `scans`:
    equal files and equal scans, which the search for copies rules out; `near`: near copies, likewise. `owners`: pairs
    of an owner and a camera; possible only where one owner has several devices of a model that write serial numbers.
    """
    found = {name: total.sides[name].in_several() for name in _LEAKS if name != "near"}
    return {name: found.get(name, _pairs_on_two_sides(total, pairs)) for name in _LEAKS}


_LEAKS = ("serials", "serials_in_folds", "groups", "bytes", "scans", "near", "owners")


def _pairs_on_two_sides(total: Tally, pairs: Iterable[tuple[int, int]] | np.ndarray) -> int:
    ids, splits = total.split_of()
    both = np.array(pairs if isinstance(pairs, np.ndarray) else list(pairs), np.uint64).reshape(-1, 2)
    split = np.full(both.shape, -1)
    for side in (0, 1):
        rows, places = found_in(ids, both[:, side])
        split[rows, side] = splits[places]
    return int(((split >= 0).all(axis=1) & (split[:, 0] != split[:, 1])).sum())


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
    groups = camera.groups.by_place()
    return {
        "name": name,
        "listed": listed,
        "photos": camera.photos,
        "kept": camera.kept,
        "kept_bytes": camera.kept_bytes,
        "groups": camera.groups.number(),
        "owners": camera.owners.number(),
        "devices": camera.devices.number(),
        "sizes": _ordered(camera.sizes),
        "tables": _ordered(camera.tables),
        "years": _ordered(camera.years),
        "splits": {
            split: {"photos": camera.splits[split], "groups": int(groups[place])} for place, split in enumerate(SPLITS)
        },
        "folds": _ordered(camera.folds),
    }


def _ordered(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items()))
