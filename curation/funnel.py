"""Funnel: judged rows in, the counts of every table and plot out; pure.

Two counts a reason, since all rules are asked of all photos: how many it refuses, and how many photos are left
after it when the rules stand one behind the other.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from curation.reasons import REASONS, in_funnel_order
from curation.splitting import SPLITS

Row = dict[str, Any]


def count(rows: Sequence[Row]) -> dict[str, Any]:
    """Return all counts of a generation as plain data, the same for the same rows in any order.

    `photos`, `kept`; `funnel`: a list of {reason, meaning, refused, first, remaining} in funnel order, reasons
    that refuse nobody left out; `cameras`: a dict a camera with kept photos or refused ones, each {photos, kept,
    groups, owners, sizes, splits: {split: {photos, groups}}}; `leaks`: see `leaks`.
    """
    return {
        "photos": len(rows),
        "kept": sum(row["kept"] for row in rows),
        "funnel": _funnel(rows),
        "cameras": {camera: _camera(rows_of) for camera, rows_of in sorted(_by_camera(rows).items())},
        "leaks": leaks(rows),
    }


def leaks(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many things that must face each other nowhere stand in two splits.

    `groups`: groups, which a group's one split forbids. `bytes`: equal files, which duplicates forbid. `owners`: pairs
    of an owner and a camera; possible only where one owner has several devices of a model that write serial numbers.
    """
    held: dict[str, dict[Any, set[str]]] = {"groups": defaultdict(set), "bytes": defaultdict(set), "owners": {}}
    held["owners"] = defaultdict(set)
    for row in rows:
        if row["kept"]:
            held["groups"][row["group"]].add(row["split"])
            held["bytes"][row["sha256"]].add(row["split"])
            if row["owner_id"]:
                held["owners"][row["source"], row["owner_id"], row["camera"]].add(row["split"])
    return {name: sum(len(splits) > 1 for splits in things.values()) for name, things in held.items()}


def _funnel(rows: Sequence[Row]) -> list[dict[str, Any]]:
    refused = Counter(reason for row in rows for reason in row["reasons"])
    first = Counter(row["reasons"][0] for row in rows if row["reasons"])
    steps, remaining = [], len(rows)
    for reason in in_funnel_order(refused):
        remaining -= first[reason]
        steps.append(
            {
                "reason": reason,
                "meaning": REASONS.get(reason, "A reason of the crawl that today's program does not know."),
                "refused": refused[reason],
                "first": first[reason],
                "remaining": remaining,
            }
        )
    return steps


def _by_camera(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["camera"]:
            found[row["camera"]].append(row)
    return found


def _camera(rows: Sequence[Row]) -> dict[str, Any]:
    kept = [row for row in rows if row["kept"]]
    splits = {split: [row for row in kept if row["split"] == split] for split in SPLITS}
    sizes = Counter(
        f"{max(row['width_px'], row['height_px'])}x{min(row['width_px'], row['height_px'])}" for row in kept
    )
    return {
        "photos": len(rows),
        "kept": len(kept),
        "groups": len({row["group"] for row in kept}),
        "owners": len({(row["source"], row["owner_id"]) for row in kept}),
        "sizes": dict(sorted(sizes.items())),
        "splits": {
            split: {"photos": len(held), "groups": len({row["group"] for row in held})}
            for split, held in splits.items()
        },
    }
