"""Compares the newest generations of two stores of one site: refreshed day by day, and made from scratch.

A refresh must remember what a run from scratch cannot know: places in splits and folds, first-come keepers, versions
that the site no longer has. Every other difference is not explained.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from corpus.configuration import Configuration
from corpus.storage.parts import photos_table

COLUMNS = ["photo", "version", "kept", "reasons", "camera", "group", "split", "fold", "duplicate_of", "sha256"]


def compare(refreshed: Configuration, scratch: Configuration, say: Callable[[str], None]) -> int:
    """Say how the two newest generations differ, by name; return 1 for a difference that nothing explains."""
    ours, theirs = _rows(refreshed), _rows(scratch)
    current = {row["photo"] for row in theirs.values()}
    versions = Counter(row["photo"] for row in ours.values())
    replaced = {photo for photo, number in versions.items() if number > 1}
    found: dict[str, list[str]] = {}
    for name in sorted(ours.keys() | theirs.keys()):
        kind, told = difference(ours.get(name), theirs.get(name), current, replaced)
        if kind:
            found.setdefault(kind, []).append(f"{name}: {told}")
    kept = [sum(row["kept"] for row in rows.values()) for rows in (ours, theirs)]
    say(f"\ncompared: {len(ours)} rows after the refreshes, {kept[0]} kept; {len(theirs)} from scratch, {kept[1]} kept")
    say(f"equal in every column: {sum(ours.get(name) == row for name, row in theirs.items())} of {len(theirs)}")
    for kind, names in sorted(found.items()):
        say(f"\n{kind}: {len(names)}")
        for name in names:
            say(f"  {name}")
    unexplained = [kind for kind in found if kind.startswith("UNEXPLAINED")]
    say("\nevery difference is one that a refresh must remember" if not unexplained else "\nsome are not explained")
    return 1 if unexplained else 0


def difference(
    ours: dict[str, Any] | None, theirs: dict[str, Any] | None, current: set[str], replaced: set[str]
) -> tuple[str, str]:
    """Return the kind of a difference and what it is; empty where there is none.

    `current`: the photographs that the site has; `replaced`: those of which the refreshes saw several versions.
    """
    if ours is None:
        return "UNEXPLAINED: only from scratch", f"{theirs}"
    if theirs is None:
        if ours["photo"] in current:  # the site once served it as what it is
            return "remembered: former versions of replaced photographs", ", ".join(ours["reasons"]) or "kept"
        if ours["kept"]:
            return "UNEXPLAINED: kept, but gone from the site", f"{ours}"
        return "remembered: photographs gone from the site", ", ".join(ours["reasons"])
    different = [column for column in ours if ours[column] != theirs[column]]
    if not different:
        return "", ""
    told = ", ".join(f"{column} {ours[column]} / {theirs[column]}" for column in different)
    is_placed = ours["kept"] or ours["photo"] in replaced  # which stays in its group, also a refused one
    if set(different) <= {"split", "fold", "group"} and is_placed:
        return "remembered: places in splits and folds", told
    reasons = {*ours["reasons"]} ^ {*theirs["reasons"]}
    if reasons and all(
        reason.startswith(("duplicate", "beyond_owner_cap", "device_on_two_sides")) for reason in reasons
    ):
        return "remembered: first-come keepers and what a device's two sides refuse", told
    return "UNEXPLAINED: other verdicts", told


def _rows(configuration: Configuration) -> dict[str, dict[str, Any]]:
    """Return the rows of the newest generation, by photo and version."""
    store = configuration.store
    newest = store.done_names("curated")[-1]
    table = photos_table(store, f"curated/{newest}", COLUMNS)
    return {f"{row['photo']} {row['version']}": row for row in table.to_pylist()}
