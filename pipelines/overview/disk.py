"""Disk: what the storage takes, by what it holds, and how much room is left.

Files are added up for a few seconds at most; beyond that the sum is told as a lower bound. Of an object store only a
listing of everything would tell, so nothing is said.
"""

import os
import shutil
import time
from pathlib import Path

from corpus.configuration import Configuration
from corpus.text import size
from pipelines.overview.part import Advice, Part

FOLDERS = (
    "originals", "crawl", "manifests", "facts", "judging", "judged", "curated", "tables", "shards", "runs", "baselines",
)  # fmt: skip
LOOK_FOR_S = 3.0
_LITTLE_SHARE, _LITTLE_BYTES = 0.05, 5 * 10**9


def disk_part(configuration: Configuration, look_for_s: float = LOOK_FOR_S) -> Part:
    """Return used and free bytes of the storage."""
    store = configuration.store
    if not store.is_local:
        note = f"{store.url} is an object store: ask it for its size"
        return Part("Disk", notes=[note], data={"storage": store.url})
    root = Path(store.url)
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    usage = shutil.disk_usage(there)
    until_s = time.monotonic() + look_for_s
    sizes = {name: size_of(root / name, until_s) for name in FOLDERS if (root / name).is_dir()}
    rows = [(f"{name}/", f"{'' if whole else 'at least '}{size(found)}") for name, (found, whole) in sizes.items()]
    advice = []
    if usage.free < min(_LITTLE_BYTES, _LITTLE_SHARE * usage.total):
        what = f"{there}: only {size(usage.free)} are free"
        advice.append(Advice(what, "make room on that disk, or set `storage` to another one"))
    data = {
        "storage": store.url, "used_bytes": {name: found for name, (found, _) in sizes.items()},
        "is_complete": all(whole for _, whole in sizes.values()), "free_bytes": usage.free, "disk_bytes": usage.total,
    }  # fmt: skip
    note = f"{size(usage.free)} of {size(usage.total)} are free on the disk of {store.url}"
    return Part("Disk", ("folder", "size") if rows else (), rows, [note], data, advice)


def size_of(folder: Path, until_s: float) -> tuple[int, bool]:
    """Return the bytes of a folder's files, and whether all were added up before `until_s` (monotonic seconds).

    Files with several names count once, as they do on the disk; what vanishes meanwhile counts as nothing.
    """
    total, waiting, linked = 0, [os.fspath(folder)], set[tuple[int, int]]()
    while waiting:
        if time.monotonic() > until_s:
            return total, False
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    about = entry.stat(follow_symlinks=False)
                    if about.st_nlink > 1 and (about.st_dev, about.st_ino) in linked:
                        continue
                    linked |= {(about.st_dev, about.st_ino)} if about.st_nlink > 1 else set()
                    total += about.st_size
        except OSError:
            continue
    return total, True
