"""Finding: turns what a person names (files, folders, patterns) into the files to judge, in a fixed order.

A folder stands for the photographs in it and below it, told by the ends of their names; archives and raw files in it
are named with what to do about them, and other files are counted. Links to folders are not followed. What does not
exist, or cannot be listed, gets its row as well.
"""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from corpus.errors import StageError
from corpus.text import count

FILES_MAX = 1_000_000
"""Most files of one command: their names and answers are kept."""
DEPTH_MAX = 64
"""Deepest folder below a named one that is looked into."""

PHOTOS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif", ".tif", ".tiff", ".mpo"}
)
ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tbz2", ".txz", ".cab"})
RAWS = frozenset(
    {".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".rw2", ".orf", ".pef", ".srw",
     ".x3f", ".3fr", ".erf", ".kdc", ".mrw", ".rwl", ".iiq"}
)  # fmt: skip

ARCHIVE_FAULT = "is an archive; unpack it and name the folder that it gives"
RAW_FAULT = (
    "is a raw file: the traces that the network knows come from the camera's own processing; give the JPEG that the "
    "camera wrote"
)
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to judge, or something that cannot be, and why."""

    path: str
    fault: str | None = None


@dataclass
class Search:
    """What was found; `passed_over` counts files in folders that are no photographs by their names."""

    files: list[Found] = field(default_factory=list)
    passed_over: int = 0


def find_photos(wanted: Iterable[str], *, raws: bool = False) -> Search:
    """Return the files that these paths and patterns name, each once; those of a folder sorted by their paths.

    `raws`: raw files are wanted as well.

    A pattern (`*`, `?`, `[…]`, `**` for any number of folders) is looked at where no file has its name. Raises
    StageError for more than FILES_MAX files.
    """
    search, seen = Search(), set[str]()

    def add(found: Iterable[Found]) -> None:
        for each in found:
            if each.path not in seen:
                seen.add(each.path)
                search.files.append(Found(each.path) if raws and each.fault == RAW_FAULT else each)
            if len(search.files) > FILES_MAX:
                raise StageError(f"these are more than {count(FILES_MAX, 'file')}; name fewer of them at once")

    for name in wanted:
        if Path(name).is_dir():
            add(_below(name, search))
        elif os.path.lexists(name) or not _GLOB & set(name):
            add([_named(name)])
        else:
            add(_matching(name, search))
    return search


def _named(path: str) -> Found:
    suffix = Path(path).suffix.lower()
    return Found(path, ARCHIVE_FAULT if suffix in ARCHIVES else RAW_FAULT if suffix in RAWS else None)


def _matching(pattern: str, search: Search) -> Iterator[Found]:
    anything = False
    for path in _sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207 - patterns may be whole paths
        anything = True
        if not Path(path).is_dir():
            yield _named(path)
        elif "**" not in pattern:  # which matches what is in the folder, too
            yield from _below(path, search)
    if not anything:
        yield Found(pattern, "no file has this name, and none matches it as a pattern")


def _sorted(paths: Iterator[str]) -> list[str]:
    found = []
    for path in paths:
        found.append(path)
        if len(found) > FILES_MAX:
            break
    return sorted(found)


def _below(folder: str, search: Search) -> Iterator[Found]:
    """Yield the photographs, archives and raw files in a folder and below it; one row says where there is none."""
    anything = False
    for found in _walk(folder, search, 0):
        anything = True
        yield found
    if not anything:
        yield Found(folder, "no photograph is in this folder")


def _walk(folder: str, search: Search, depth: int) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Found(folder, f"cannot be listed: {error.strerror or error}")
        return
    for entry in listed:
        if entry.name.startswith("."):  # thumbnails and forks of macOS and of desktops
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < DEPTH_MAX:
                yield from _walk(entry.path, search, depth + 1)
            else:
                yield Found(entry.path, f"is more than {DEPTH_MAX} folders deep")
        elif Path(entry.name).suffix.lower() in PHOTOS | ARCHIVES | RAWS:
            yield _named(entry.path)
        elif not entry.is_dir():
            search.passed_over += 1
