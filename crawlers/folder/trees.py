"""Several trees in one store: which of them still have an upload, and which of them was moved here. Pure.

A photo is named by its path below its tree, so files of two trees may be the same upload: the same path and the same
bytes. Among records of one upload `deleted` counts most. So no window may call an upload deleted that another tree has.
"""

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet

from crawlers.windows.records import Row

Upload = tuple[str, str | None]
"""Photo and version."""


def present(rows: Iterable[Row]) -> set[Upload]:
    """Return the uploads whose files are there, as far as these rows say."""
    return {(row["photo"], row["version"]) for row in rows if row["state"] != "deleted"}


def not_overruled(rows: Iterable[Row], elsewhere: Collection[Upload]) -> list[Row]:
    """Return rows without those that call an upload deleted which another tree has; `elsewhere`: what others have."""
    return [row for row in rows if row["state"] != "deleted" or (row["photo"], row["version"]) not in elsewhere]


def moved_trees(uploads: Mapping[str, AbstractSet[Upload]], root: str) -> frozenset[str]:
    """Return the trees that were copied or moved to `root`: at least half of their uploads are there, byte for byte.

    `uploads`: those that are present, by tree.
    """
    here = uploads.get(root, frozenset[Upload]())
    return frozenset(
        tree for tree, theirs in uploads.items() if tree != root and theirs and 2 * len(theirs & here) >= len(theirs)
    )
