"""`scrapy crawl folder`: a tree of existing files, each of them a photo `folder:<path below the tree>`.

A window holds the files of one directory that no earlier window has (name, size and time of change); so new files
make a new window and the others are not read again. The door judges whole files here, since their bytes are at
hand; what it refuses is not copied. What it lets in is linked into the store where both are on one file system,
else copied: a program that rewrites such a file in place would change the original too, and curation, which
checks every original's SHA-256, would say so.
"""

import asyncio
import dataclasses
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from corpus.errors import ConfigurationError
from corpus.records import original_path, version_of
from corpus.storage import TEMPORARY_PREFIX
from crawlers.door import JPEG_START, Refused
from crawlers.rows import Found, Outcome, failed, refused, stored
from crawlers.spider import PhotoSpider
from crawlers.windows import window_slug

FILES_PER_WINDOW = 1000
"""Files lost to a crash, at most: those of the window in work are read again."""

State = list[int]
"""Size in bytes and time of change in nanoseconds: what tells a file that is known."""


class FolderSpider(PhotoSpider):
    """Takes photographs from a folder of this machine."""

    name = source = "folder"
    needs_contact = False

    def prepare(self) -> None:
        """Check that there is such a folder."""
        section = self.configuration.sources.folder
        if not section.path:
            raise ConfigurationError("sources.folder.path: is empty; set it to the folder that holds the photographs")
        self.root = (self.configuration.file.parent / Path(section.path).expanduser()).resolve()
        if not self.root.is_dir():
            raise ConfigurationError(f"sources.folder.path: {self.root} is not a folder")

    async def crawl(self) -> AsyncIterator[None]:
        """Read every file that no window has."""
        known: defaultdict[str, dict[str, State]] = defaultdict(dict)
        for marker in self.done_windows().values():
            details = marker["details"]
            known[details["directory"]] |= details["files"]
        for directory, files in sorted((await asyncio.to_thread(self._files)).items()):
            new = {name: state for name, state in sorted(files.items()) if known[directory].get(name) != state}
            for names in _batches(list(new)):
                part = {name: new[name] for name in names}
                digest = hashlib.sha256(json.dumps([directory, part]).encode()).hexdigest()
                details = {"directory": directory, "files": part}
                photos = [_found(f"{directory}/{name}" if directory else name) for name in names]
                await self.crawl_window(f"{window_slug(directory) or 'top'}-{digest[:12]}", photos, details)
                yield

    def _files(self) -> dict[str, dict[str, State]]:
        """Return the states of all files of the tree by directory and name, both as in an address (`%20`)."""
        files: defaultdict[str, dict[str, State]] = defaultdict(dict)
        own = Path(self.store.url) if self.store.is_local else None
        for path in self.root.glob(self.configuration.sources.folder.pattern):
            if own is not None and path.is_relative_to(own):
                continue  # the store itself, where it lies below the folder
            if path.is_file():
                stat = path.stat()
                below = path.relative_to(self.root)
                directory = _address(below.parent) if below.parent != Path() else ""
                files[directory][_address(Path(below.name))] = [stat.st_size, stat.st_mtime_ns]
        return files

    async def obtain(self, found: Found) -> Outcome:
        """Return what becomes of one file."""
        return await asyncio.to_thread(self._obtain, found)

    def _obtain(self, found: Found) -> Outcome:
        path = self.root / os.fsdecode(unquote_to_bytes(found.original_url or ""))
        try:
            before = path.stat()
            if too_large := self.door.too_large(before.st_size):
                return refused(found, too_large, before.st_size)
            data = path.read_bytes()
        except OSError as error:
            # tried again by every crawl: leave to read is given without changing the file
            return failed(found, f"cannot be read: {error.strerror}", is_transient=True)
        found = dataclasses.replace(found, version=version_of(hashlib.sha256(data).hexdigest()))
        if not data.startswith(JPEG_START):
            return refused(found, Refused(("not_jpeg",)), len(data))
        verdict = self.door.decide(data, whole=True)
        if isinstance(verdict, Refused):
            return refused(found, verdict, len(data))
        original = original_path(found.photo, str(found.version))
        if not self.store.exists(original):
            if not self._link(path, before, original):
                self.store.publish(original, data)
            self.counts["bytes"] += len(data)
        return stored(found, original, data)

    def _link(self, path: Path, before: os.stat_result, original: str) -> bool:
        """Publish a file as a hard link to itself; False where that cannot be, or the file has changed meanwhile."""
        if not self.store.is_local:
            return False
        target = Path(self.store.path(original))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name[-40:]}"
        try:
            temporary.hardlink_to(path.resolve())
            now = temporary.stat()
            if (now.st_size, now.st_mtime_ns, now.st_ino) != (before.st_size, before.st_mtime_ns, before.st_ino):
                return False
            temporary.replace(target)
        except OSError:  # another file system, or one without links, or another's file: it is copied
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True


def _found(address: str) -> Found:
    path = os.fsdecode(unquote_to_bytes(address))
    readable = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    directory, _, name = readable.rpartition("/")
    return Found(
        photo=f"folder:{readable}",
        source="folder",
        original_url=address,
        title=name,
        owner_id=directory or ".",
    )


def _address(path: Path) -> str:
    """Return a path as it stands in an address: any bytes a file's name may have survive in it."""
    return quote_from_bytes(os.fsencode(path.as_posix()))


def _batches(names: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(names), FILES_PER_WINDOW):
        yield names[first : first + FILES_PER_WINDOW]
