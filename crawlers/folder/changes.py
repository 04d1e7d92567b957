"""Changes of a tree: the windows of a directory and what is there now → what to read again and what is gone. Pure.

A window's details name its files with their states (`files`), the names whose files are gone (`gone`), how they were
read (`reading`) and of which tree they are (`root`, a digest of its path). A name belongs to one window: a file that
was rewritten, or is back, is read again in the window that has its name. States alone decide, so that a crawl of an
unchanged tree opens no file.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crawlers.folder.files import NO_STATE, State
from crawlers.windows.records import Row

Details = Mapping[str, Any]
Reading = Mapping[str, Any]
"""The keys of `sources.folder` that decide a file's row; windows of earlier versions have `layout` alone."""

VANISHED_MIN = 10
"""So many files may vanish from a tree of any size before a crawl asks."""


@dataclass(frozen=True)
class Directory:
    """What a walk saw of one directory."""

    files: dict[str, State] = field(default_factory=dict)
    """States of the files that are to be read."""
    left_out: set[str] = field(default_factory=set)
    """Names of files that the pattern leaves out: they are there, too."""


@dataclass(frozen=True)
class Tree:
    """The tree that is crawled, and how."""

    root: str
    reading: Reading
    takes_unknown: bool = False
    """Whether windows of an earlier version, which name no tree, are taken for this one's."""
    moved: frozenset[str] = frozenset()
    """Roots of the trees whose windows are taken for this one's, because they were moved here."""


@dataclass
class WindowChange:
    """What is to be done with one window."""

    details: dict[str, Any]
    """Those that it will have."""
    read: set[str] = field(default_factory=set)
    """Names of files to read again."""
    rewritten: set[str] = field(default_factory=set)
    """Those of them whose former bytes are no longer there."""
    gone: set[str] = field(default_factory=set)
    """Names of files that are no longer there."""
    removed: set[str] = field(default_factory=set)
    """Names whose rows leave the window: another has them, or the pattern leaves them out now."""


def is_of(details: Details, tree: Tree, directory: Directory) -> bool:
    """Whether a window holds files of this tree: it says so, or most of its files lie here unchanged.

    A tree that was mounted elsewhere, or crawled by an earlier version, is recognised by its files. Windows of another
    tree in the same store are left alone.
    """
    if details["root"] in {tree.root, *tree.moved} if "root" in details else tree.takes_unknown:
        return True
    files: Mapping[str, State] = details["files"]
    if "root" in details:
        here = sum(directory.files.get(name) == state for name, state in files.items())
    else:
        here = sum(name in directory.files or name in directory.left_out for name in files)
    return here > 0 and 2 * here >= len(files)


def names_of(details: Details) -> Iterator[str]:
    """Yield the names that a window has: of files that are there, and of those that are gone."""
    yield from details["files"]
    yield from details.get("gone", ())


def gone_from(details: Details, directory: Directory | None) -> dict[str, State]:
    """Return the files of a window that are no longer in its directory, which is None where it cannot be listed."""
    if directory is None:
        return {}
    files: Mapping[str, State] = details["files"]
    return {
        name: state for name, state in files.items() if name not in directory.files and name not in directory.left_out
    }


def are_too_many_gone(gone: Collection[State], known: int, new: Iterable[State]) -> bool:
    """Whether so much of a tree has vanished that a disk may not be mounted: VANISHED_MIN files and more than half.

    `gone`: states of the files that are no longer there; `known`: number of all files that windows name; `new`: states
    of files that no window names. A file that lies elsewhere with the same size and time was moved.
    """
    elsewhere = {tuple(state) for state in new}
    vanished = sum(tuple(state) not in elsewhere for state in gone)
    return vanished >= VANISHED_MIN and 2 * vanished > known


def new_files(windows: Mapping[str, Details], directory: Directory) -> dict[str, State]:
    """Return the files whose names no window has; `windows`: those of this tree, by name."""
    known = {name for details in windows.values() for name in names_of(details)}
    return {name: state for name, state in sorted(directory.files.items()) if name not in known}


def changes(
    windows: Mapping[str, Details], directory: Directory | None, tree: Tree, damaged: Collection[str] = ()
) -> dict[str, WindowChange]:
    """Return the changes of the windows of one directory, by window; those that stay as they are have none.

    `windows`: those of this tree. `directory`: None where it cannot be listed now: nothing of it is gone then.
    `damaged`: names whose originals no longer have the bytes that their records name. Windows from which names only
    leave come last: their rows must have reached the others before.
    """
    if directory is None:
        return {}
    home: dict[str, str] = {}
    for window, details in sorted(windows.items()):
        for name in names_of(details):
            if name not in home or _rank(name, details, directory) > _rank(name, windows[home[name]], directory):
                home[name] = window
    holders = Counter(name for details in windows.values() for name in set(names_of(details)))
    found: dict[str, WindowChange] = {}
    for window, details in sorted(windows.items()):
        is_read_alike = _reading_of(details) == tree.reading
        change = WindowChange({**dict(details), **tree.reading, "root": tree.root})
        files, gone = dict(details["files"]), set(details.get("gone", ()))
        for name in sorted(names_of(details)):
            state = directory.files.get(name)
            if home[name] != window:
                change.removed.add(name)
                files.pop(name, None)
                gone.discard(name)
            elif state is not None:
                is_other = files.get(name) != state or name in damaged or holders[name] > 1
                if is_other or not is_read_alike:
                    change.read.add(name)
                if is_other:
                    change.rewritten.add(name)
                files[name] = state
                gone.discard(name)
            elif name in directory.left_out:
                if details.get("layout") != tree.reading["layout"]:  # the layout of today does not know it
                    change.removed.add(name)
                    files.pop(name, None)
                    gone.discard(name)
                elif name in files and not is_read_alike:  # to be read so once the pattern takes it again
                    files[name] = NO_STATE
            elif name in files:
                change.gone.add(name)
                gone.add(name)
                del files[name]
        change.details |= {"files": files, "gone": sorted(gone)}
        if change.details != {"gone": [], **details} or change.read:
            found[window] = change
    return dict(sorted(found.items(), key=lambda item: (bool(item[1].removed), item[0])))


def kept_rows(rows: Iterable[Row], strays: Iterable[Row], change: WindowChange, keys: Mapping[str, str]) -> list[Row]:
    """Return the rows that a window keeps beside those of the files that are read again.

    `rows`: its own; `strays`: those that other windows have of the names that are read again; `keys`: name → photo. The
    row of an upload whose file is gone, or was rewritten, becomes `deleted`. A row without a version is of no upload,
    but of an attempt: it goes when its file is read again.
    """
    read, rewritten, gone, removed = (
        {keys[name] for name in names} for names in (change.read, change.rewritten, change.gone, change.removed)
    )
    kept: list[Row] = []
    for row in rows:
        photo, is_deleted = row["photo"], row["state"] == "deleted"
        if photo in removed:
            continue
        if photo in gone:
            kept.append(_deleted(row))
        elif photo not in read:
            kept.append(row)
        elif row["version"] is not None and (is_deleted or photo in rewritten):
            kept.append(_deleted(row))
    kept += [_deleted(row) for row in strays if row["photo"] in read and row["version"] is not None]
    by_upload = {(row["photo"], row["version"]): row for row in kept}
    return list(by_upload.values())


def former_rows(rows: Iterable[Row], change: WindowChange, keys: Mapping[str, str]) -> list[Row]:
    """Return the stored rows of files that are read otherwise now, but have not changed.

    They stay where a file cannot be read this time: nothing says that their bytes are no longer there.
    """
    photos = {keys[name] for name in change.read - change.rewritten}
    return [row for row in rows if row["photo"] in photos and row["state"] == "stored"]


def _deleted(row: Row) -> Row:
    return {**row, "state": "deleted"}


def _rank(name: str, details: Details, directory: Directory) -> tuple[bool, bool]:
    """Return how much a window is the one that a name belongs to; among equals the first has it."""
    files = details["files"]
    return name in files and files[name] == directory.files.get(name), name in files


def _reading_of(details: Details) -> dict[str, Any]:
    return {key: details[key] for key in ("layout", "owner", "link") if key in details}
