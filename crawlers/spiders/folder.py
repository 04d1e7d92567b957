"""`scrapy crawl folder`: a tree of existing files, each of them a photo `folder:<path below the tree>`.

A window holds the files of one directory that no earlier window has (name, size and time of change); so new files
make a new window and the others are not read again, unless the collection's layout is said to be another. What becomes
of a file, `crawlers.folder.ingest` says. Refuses a folder in which no file is found: a disk that is not mounted looks
like it.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from corpus.errors import ConfigurationError, StageError
from corpus.text import slug
from crawlers.folder.files import State, fits, walk
from crawlers.folder.ingest import FileTaking, found_at, readable
from crawlers.folder.layouts import LAYOUTS
from crawlers.network.concurrency import in_thread
from crawlers.spiders.base import PhotoSpider

FILES_PER_WINDOW = 1000
"""A window's records are written, and its files known, in one go."""


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
        self.own = Path(self.store.url) if self.store.is_local else None
        if self.own is not None and self.root.is_relative_to(self.own):
            raise ConfigurationError(f"sources.folder.path: {self.root} lies in the store, which crawls write into")
        self.layout, self.pattern = section.layout, section.pattern or LAYOUTS[section.layout].pattern
        self.known: defaultdict[str, set[tuple[str, int, int]]] = defaultdict(set)
        self.others: defaultdict[str, list[str]] = defaultdict(list)
        self.markers_seen = 0

    def obtaining(self) -> "FileTaking":
        """Return what reads and judges a file."""
        return FileTaking(
            self.root, self.store, self.door, self.configuration.whole_catalogue, self.layout, self.counts
        )

    async def crawl(self) -> AsyncIterator[None]:
        """Read every file that no window has."""
        directories = await in_thread(self._directories)
        for directory, files in sorted(directories.items()):
            if self._new(directory, files) or self._outdated(directory):
                await self.sharing.do(directory, partial(self._see_to, directory, files))
            yield

    def receipt_details(self) -> dict[str, Any]:
        """Return how many files the pattern left out."""
        return {"unmatched": self.counts["unmatched"]}

    def _directories(self) -> dict[str, dict[str, State]]:
        """Return the states of the files that fit the pattern by directory and name, both as in an address (`%20`)."""
        found: defaultdict[str, dict[str, State]] = defaultdict(dict)
        try:
            for entry in walk(self.root, self.own):
                if entry.name.endswith("/") or fits(self.pattern, os.fsdecode(unquote_to_bytes(entry.address))):
                    found[entry.directory][entry.name] = entry.state
                else:
                    self.counts["unmatched"] += 1
        except OSError as error:
            raise StageError(f"sources.folder.path: {self.root} cannot be read: {error.strerror}") from error
        if not found:
            raise StageError(
                f"sources.folder: none of {self.counts['unmatched']} files below {self.root} fits the pattern "
                f"{self.pattern}; look whether the disk is mounted, and at path, pattern and layout"
            )
        return found

    async def _see_to(self, directory: str, files: dict[str, State]) -> None:
        """Make windows of a directory's files that are new now that it is its turn."""
        ending = hashlib.sha256(directory.encode()).hexdigest()[:8]
        await in_thread(self.markers.refresh, ending)  # another process may have been here meanwhile
        new = self._new(directory, files)
        for names in _batches(list(new)):
            details = {"directory": directory, "files": {name: new[name] for name in names}, "layout": self.layout}
            digest = hashlib.sha256(json.dumps(details).encode()).hexdigest()[:12]
            photos = [found_at(f"{directory}/{name}" if directory else name) for name in names]
            await self.crawl_window(f"{slug(readable(directory)) or 'top'}-{digest}-{ending}", photos, details)
        if not self._new(directory, files):
            await self._supersede(directory)

    async def _supersede(self, directory: str) -> None:
        """Take the files that were read by another layout before, and by this one now, out of the former windows."""
        known = self.known[directory]
        for window in self._outdated(directory):
            details = self.markers.all[window]["details"]
            left = {name: state for name, state in details["files"].items() if (name, *state) not in known}
            superseded = details["files"].keys() - left.keys()
            again = {found_at(f"{directory}/{name}" if directory else name).photo for name in superseded}
            rows = [row for row in await in_thread(self.work.read, window) if row["photo"] not in again]
            await self.do_window(window, [], {**details, "files": left}, rows)

    def _outdated(self, directory: str) -> list[str]:
        """Return a directory's windows of other layouts that hold files which this layout has read as well."""
        known = self.known[directory]
        files = {window: self.markers.all[window]["details"]["files"] for window in self.others[directory]}
        return [window for window, of in files.items() if any((name, *state) in known for name, state in of.items())]

    def _new(self, directory: str, files: dict[str, State]) -> dict[str, State]:
        """Return the files of a directory that no known window has that was read by the same layout, by name."""
        for window, marker in islice(self.markers.all.items(), self.markers_seen, None):
            details = marker["details"]
            if details.get("layout", "exif") == self.layout:
                self.known[details["directory"]] |= {(name, *state) for name, state in details["files"].items()}
            else:
                self.others[details["directory"]].append(window)
        self.markers_seen = len(self.markers.all)
        known = self.known[directory]
        return {name: state for name, state in sorted(files.items()) if (name, *state) not in known}


def _batches(names: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(names), FILES_PER_WINDOW):
        yield names[first : first + FILES_PER_WINDOW]
