"""List the files below a folder with their states, and read one of them.

No link is followed out of the folder, and only regular files are opened. Links that lead out, loops of links, pipes,
sockets, devices and folders that cannot be listed are entries like any other, and `read_file` says what is wrong with
them. Names are bytes to the system; here they are written as in an address (`caf%E9.jpg`), so that any name survives.
"""

import fnmatch
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

State = list[int]  # size in bytes and time of change in nanoseconds: a file that has both unchanged is known

NO_STATE = [-1, 0]  # the state of what is no file: if it becomes one, its state changes


class FileRefused(Exception):  # noqa: N818 - an outcome of one file, turned into its row
    """An entry that can never be read as a file."""


@dataclass(frozen=True)
class Entry:
    """What is below a folder: directory and name as in an address, and state. The name of a folder ends in `/`."""

    directory: str
    name: str
    state: State
    is_unlisted: bool = False  # a folder whose files cannot be seen now

    @property
    def address(self) -> str:
        """Its path below the root, as in an address."""
        return f"{self.directory}/{self.name}" if self.directory else self.name


@dataclass(frozen=True)
class File:
    """A regular file that was read: its path without links, its status while it was open, and its bytes."""

    path: Path
    status: os.stat_result
    data: bytes


def walk(root: Path, without: Path | None = None) -> Iterator[Entry]:
    """Yield every file below a folder, in any order, and every folder below it that cannot be listed or leads out.

    `root` and `without` (a folder that is left out with all that is in it) are absolute paths without links. Raises
    OSError where `root` itself cannot be listed.
    """
    below = [""]
    while below:  # not recursive: a tree may be deeper than calls may nest
        directory = below.pop()
        try:
            with os.scandir(_path(root, directory)) as entries:
                listed = list(entries)
        except OSError:
            if not directory:
                raise
            parent, _, name = directory.rpartition("/")
            yield Entry(parent, f"{name}/", NO_STATE, is_unlisted=True)
            continue
        for each in listed:
            entry = Entry(directory, quote_from_bytes(os.fsencode(each.name)), NO_STATE)
            if _is_directory(each):
                if without is None or Path(each.path) != without:
                    below.append(entry.address)
            elif (seen := _entry(root, entry, each)) is not None:
                yield seen


def _entry(root: Path, entry: Entry, each: "os.DirEntry[str]") -> Entry | None:
    """Return an entry with its state; None for a link to a folder of the same tree, whose files have their own."""
    try:
        status = _within(root, entry.address).stat() if each.is_symlink() else each.stat(follow_symlinks=False)
    except FileRefused:
        # isdir, not Path.is_dir: that one raises where it may not look
        is_folder = os.path.isdir(_path(root, entry.address))  # noqa: PTH112
        return Entry(entry.directory, f"{entry.name}/", NO_STATE) if is_folder else entry
    except OSError:
        return entry
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return entry
    return Entry(entry.directory, entry.name, [status.st_size, status.st_mtime_ns])


def read_file(root: Path, address: str, largest_bytes: int) -> File:
    """Read a file below `root`.

    A file larger than `largest_bytes` is not read; of one that grows meanwhile, one byte more than that is. Raises
    OSError where it cannot be read now, FileRefused for what is no file or leads out of `root`.
    """
    path = _within(root, address)
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        os.scandir(path).close()
        raise FileRefused("is a folder; its files have rows of their own")
    if stat.S_ISREG(mode):
        # it may have become a pipe or a link since: without these flags, opening it might hang or lead elsewhere
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                return File(path, status, file.read(largest_bytes + 1) if status.st_size <= largest_bytes else b"")
    raise FileRefused("is a pipe, a socket or a device, not a file")


def fits(pattern: str, path: str) -> bool:
    """Whether a path with `/` fits a glob: `*`, `?` and `[a-z]` within a name, `**` for any number of folders."""
    parts = pattern.split("/")
    places = _through(parts, {0})
    for name in path.split("/"):
        on = {place for place in places if place < len(parts) and parts[place] == "**"}
        on |= {place + 1 for place in places - on if place < len(parts) and fnmatch.fnmatchcase(name, parts[place])}
        places = _through(parts, on)
    return len(parts) in places


def _through(parts: list[str], places: set[int]) -> set[int]:
    """Return places in a pattern and those that are reached from them without consuming a name."""
    for place, part in enumerate(parts):
        if place in places and part == "**":
            places = places | {place + 1}
    return places


def _within(root: Path, address: str) -> Path:
    """Return an address's path without links; raises FileRefused outside of `root`, OSError for loops and no file."""
    path = Path(os.path.realpath(_path(root, address), strict=True))
    if not path.is_relative_to(root):
        raise FileRefused("leads out of the folder; copy it there instead of linking to it")
    return path


def _path(root: Path, address: str) -> Path:
    return root / os.fsdecode(unquote_to_bytes(address))


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # the file system may refuse to say what kind of entry it is
        return False
