"""`scrapy crawl folder`: a tree of existing files, each of them a photo `folder:<path below the tree>`.

A window holds the files of one directory that no earlier window has (by name, size and time of change). So new files
make a new window, and the others are not read again unless the collection's layout is configured anew.
`crawlers.folder.ingest` decides the row of each file. Refuses a folder in which no file is found, since a disk that is
not mounted looks like that.
"""

import hashlib
import json
import os
import posixpath
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from corpus.errors import ConfigurationError, StageError
from corpus.text import slug
from crawlers.folder.files import State, fits, walk
from crawlers.folder.ingest import FILES_AT_ONCE, FileIngester, listed_file, readable
from crawlers.folder.layouts import LAYOUTS
from crawlers.network.concurrency import in_thread
from crawlers.spiders.base import PhotoSpider
from crawlers.spiders.context import CrawlContext
from crawlers.spiders.window_run import WindowRunner
from crawlers.windows.refused_pictures import RefusedPictures

FILES_PER_WINDOW = 1000  # a window's records are written, and its files known, in one go


class FolderSpider(PhotoSpider):
    """Ingests photographs from a folder of this machine."""

    name = source = "folder"

    def configure(self, context: CrawlContext) -> None:
        """Check that there is such a folder, outside of the store."""
        configuration, store = context.configuration, context.store
        section = configuration.sources.folder
        if not section.path:
            raise ConfigurationError("sources.folder.path: is empty; set it to the folder that holds the photographs")
        self.root = (configuration.file.parent / Path(section.path).expanduser()).resolve()
        if not self.root.is_dir():
            raise ConfigurationError(f"sources.folder.path: {self.root} is not a folder")
        self.store_folder = Path(store.url) if store.is_local else None
        if self.store_folder is not None and self.root.is_relative_to(self.store_folder):
            raise ConfigurationError(f"sources.folder.path: {self.root} lies in the store, which crawls write into")
        self.context, self.layout = context, section.layout
        self.pattern = section.pattern or LAYOUTS[section.layout].pattern
        catalogue = configuration.whole_catalogue
        pictures = RefusedPictures(store, self.source)
        ingester = FileIngester(self.root, store, context.door, catalogue, self.layout, context.counts, pictures)
        self.windows = WindowRunner(context, partial(in_thread, ingester.ingest), FILES_AT_ONCE)

    async def crawl(self) -> None:
        """Read every file that no window has."""
        directories = await in_thread(self._directories)
        for directory, files in sorted(directories.items()):
            if self._new_files(directory, files) or self._superseded_windows(directory):
                await self.context.units.run(directory, partial(self._run_unit, directory, files))

    def receipt_details(self) -> dict[str, Any]:
        """Return how many files the pattern left out."""
        return {"unmatched": self.context.counts["unmatched"]}

    def _directories(self) -> dict[str, dict[str, State]]:
        """Return the states of files that fit the pattern by directory and name; count the others as `unmatched`."""
        directories: defaultdict[str, dict[str, State]] = defaultdict(dict)
        unmatched = 0
        try:
            for entry in walk(self.root, self.store_folder):
                if entry.name.endswith("/") or fits(self.pattern, os.fsdecode(unquote_to_bytes(entry.address))):
                    directories[entry.directory][entry.name] = entry.state
                else:
                    unmatched += 1
        except OSError as error:
            raise StageError(f"sources.folder.path: {self.root} cannot be read: {error.strerror}") from error
        if not directories:
            raise StageError(
                f"sources.folder: none of {unmatched} files below {self.root} fits the pattern "
                f"{self.pattern}; look whether the disk is mounted, and at path, pattern and layout"
            )
        self.context.counts["unmatched"] = unmatched
        return directories

    async def _run_unit(self, directory: str, files: dict[str, State]) -> None:
        """Make windows of the files that are new in a directory now that this process holds it."""
        ending = hashlib.sha256(directory.encode()).hexdigest()[:8]
        await in_thread(self.context.markers.refresh, ending)  # another process may have been here meanwhile
        new = self._new_files(directory, files)
        for first in range(0, len(new), FILES_PER_WINDOW):
            some = dict(list(new.items())[first : first + FILES_PER_WINDOW])
            details = {"directory": directory, "files": some, "layout": self.layout}
            digest = hashlib.sha256(json.dumps(details).encode()).hexdigest()[:12]
            window = f"{slug(readable(directory)) or 'top'}-{digest}-{ending}"
            photos = [listed_file(posixpath.join(directory, name)) for name in some]
            await self.windows.run(window, photos, details, is_listed=True)
        if not self._new_files(directory, files):
            await self._supersede(directory)

    async def _supersede(self, directory: str) -> None:
        """Remove the files that this layout has read from the windows of former layouts."""
        known = self._known_files(directory)
        for window in self._superseded_windows(directory):
            details = self.context.markers.all[window]["details"]
            left = {name: state for name, state in details["files"].items() if (name, *state) not in known}
            removed = details["files"].keys() - left.keys()
            photos = {listed_file(posixpath.join(directory, name)).photo for name in removed}
            rows = [row for row in await in_thread(self.windows.read, window) if row["photo"] not in photos]
            await self.windows.run(window, [], {**details, "files": left}, rows)

    def _new_files(self, directory: str, files: dict[str, State]) -> dict[str, State]:
        known = self._known_files(directory)
        return {name: state for name, state in sorted(files.items()) if (name, *state) not in known}

    def _known_files(self, directory: str) -> set[tuple[str, int, int]]:
        windows = self._windows(directory, of_this_layout=True).values()
        return {(name, *state) for details in windows for name, state in details["files"].items()}

    def _superseded_windows(self, directory: str) -> list[str]:
        known, windows = self._known_files(directory), self._windows(directory, of_this_layout=False)
        return [
            window
            for window, details in windows.items()
            if any((name, *state) in known for name, state in details["files"].items())
        ]

    def _windows(self, directory: str, *, of_this_layout: bool) -> dict[str, dict[str, Any]]:
        markers = self.context.markers
        windows = {window: markers.all[window]["details"] for window in markers.windows_of(directory)}
        return {window: each for window, each in windows.items() if (each["layout"] == self.layout) == of_this_layout}
