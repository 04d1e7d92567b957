"""`scrapy crawl folder`: a tree of existing files, each of them a photo `folder:<path below the tree>`.

A window holds the files of one directory that were new when it was made, by name, size and time of change. A file that
was rewritten is read again in its window, one that is gone is marked as deleted, and files that are known and unchanged
are not opened, unless another layout or owner is configured (`crawlers.folder.changes`). `crawlers.folder.ingest`
decides the row of each file.

Refuses a folder in which no file is found, since a disk that is not mounted looks like that, and one from which more
than half of the files have vanished, unless it is told that they are gone: `-a gone=accept`.
"""

import hashlib
import json
import os
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes

from corpus.errors import ConfigurationError, StageError
from corpus.text import slug
from crawlers.folder.changes import (
    Details,
    Directory,
    Tree,
    WindowChange,
    are_too_many_gone,
    changes,
    former_rows,
    gone_from,
    is_of,
    kept_rows,
    new_files,
)
from crawlers.folder.files import State, fits, walk
from crawlers.folder.ingest import FILES_AT_ONCE, FileIngester, listed_file, readable
from crawlers.folder.layouts import LAYOUTS
from crawlers.folder.originals import is_whole
from crawlers.folder.trees import Upload, moved_trees, not_overruled, present
from crawlers.network.concurrency import in_thread
from crawlers.spiders.base import PhotoSpider
from crawlers.spiders.context import CrawlContext
from crawlers.spiders.window_run import WindowRunner
from crawlers.windows import checkpoint
from crawlers.windows.records import ListedPhoto, Row
from crawlers.windows.refused_pictures import RefusedPictures

FILES_PER_WINDOW = 1000  # a window's records are written, and its files known, in one go


class FolderSpider(PhotoSpider):
    """Ingests photographs from a folder of this machine."""

    name = source = "folder"
    own_arguments: ClassVar = {"gone": ("ask", "accept")}

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
        self.context, self.section = context, section
        self.pattern = section.pattern or LAYOUTS[section.layout].pattern
        self.tree = Tree(
            hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12],
            {"layout": section.layout, "owner": section.owner, "link": section.link},
            takes_unknown=self.arguments["gone"] == "accept",
        )
        self.unlisted: set[str] = set()
        catalogue, reading = configuration.whole_catalogue, (section.layout, section.owner, section.link)
        pictures = RefusedPictures(store, self.source)
        ingester = FileIngester(self.root, store, context.door, catalogue, *reading, context.counts, pictures)
        self.windows = WindowRunner(
            context, partial(in_thread, ingester.ingest), FILES_AT_ONCE, is_maintained=self._is_of_this_tree
        )

    async def crawl(self) -> None:
        """Read every file that is new or was rewritten, and mark those that are gone."""
        directories = await in_thread(self._directories)
        self._check_gone(directories)
        left_alone = await self._bring_up_to_date(directories)
        if left_alone and self.arguments["gone"] == "accept":
            moved = await in_thread(self._moved_trees)
            if moved:
                self.tree = replace(self.tree, moved=moved)
                left_alone = await self._bring_up_to_date(directories)
        if left_alone:
            self.logger.info(
                "%d windows of files that are not below %s stay as they are: they are of another tree, or of an "
                "earlier version's crawl; -a gone=accept marks those files as deleted if they are an earlier "
                "version's, or if at least half of their tree was moved here",
                left_alone,
                self.root,
            )

    async def _bring_up_to_date(self, directories: dict[str, Directory]) -> int:
        """Run the directories in which there is something to do; return how many windows are not of this tree."""
        left_alone = 0
        for name in sorted(directories.keys() | {details["directory"] for details in self._all_details()}):
            directory = self._directory(directories, name)
            windows = self._windows(name, directory)
            others = self._windows_of_other_trees(name, windows)
            left_alone += len(others)
            is_new = directory is not None and bool(new_files(windows, directory))
            may_overrule = windows and any(self.context.markers.all[other].get("deleted") for other in others)
            is_changed = changes(windows, directory, self.tree) or (self.section.link and windows)
            if is_new or may_overrule or is_changed:
                await self.context.units.run(name, partial(self._run_unit, name, directory))
        return left_alone

    def receipt_details(self) -> dict[str, Any]:
        """Return how many files the pattern left out."""
        return {"unmatched": self.context.counts["unmatched"]}

    def _directories(self) -> dict[str, Directory]:
        """Return what is in each directory; count the files that the pattern leaves out as `unmatched`."""
        directories: defaultdict[str, Directory] = defaultdict(Directory)
        unmatched = 0
        try:
            for entry in walk(self.root, self.store_folder):
                if entry.is_unlisted:
                    self.unlisted.add(entry.address.rstrip("/"))
                if entry.name.endswith("/") or fits(self.pattern, os.fsdecode(unquote_to_bytes(entry.address))):
                    directories[entry.directory].files[entry.name] = entry.state
                else:
                    unmatched += 1
                    directories[entry.directory].left_out.add(entry.name)
        except OSError as error:
            raise StageError(f"sources.folder.path: {self.root} cannot be read: {error.strerror}") from error
        if not any(directory.files for directory in directories.values()):
            raise StageError(
                f"sources.folder: none of {unmatched} files below {self.root} fits the pattern "
                f"{self.pattern}; look whether the disk is mounted, and at path, pattern and layout"
            )
        self.context.counts["unmatched"] = unmatched
        return directories

    def _check_gone(self, directories: dict[str, Directory]) -> None:
        """Refuse to mark most of a tree as deleted unasked: a disk may not be mounted."""
        gone: list[State] = []
        new: list[State] = []
        known = 0
        for name in {details["directory"] for details in self._all_details()} | directories.keys():
            directory = self._directory(directories, name)
            windows = self._windows(name, directory)
            known += sum(len(details["files"]) for details in windows.values())
            gone += [state for details in windows.values() for state in gone_from(details, directory).values()]
            new += new_files(windows, directory).values() if directory is not None else ()
        if self.arguments["gone"] != "accept" and are_too_many_gone(gone, known, new):
            raise StageError(
                f"sources.folder: {len(gone)} of {known} files below {self.root} are no longer there; look whether "
                "every disk is mounted, or crawl with -a gone=accept to mark them as deleted"
            )

    def _directory(self, directories: dict[str, Directory], name: str) -> Directory | None:
        """Return what is in a directory, None where it, or a folder above it, could not be listed."""
        folders = name.split("/")
        above = {"/".join(folders[:number]) for number in range(1, len(folders) + 1)}
        return None if above & self.unlisted else directories.get(name, Directory())

    async def _run_unit(self, name: str, directory: Directory | None) -> None:
        """Bring the windows of a directory up to date now that this process holds it."""
        ending = hashlib.sha256(name.encode()).hexdigest()[:8]
        markers = self.context.markers
        await in_thread(markers.refresh, ending)  # another process may have been here meanwhile
        for window in markers.windows_of(name):
            await in_thread(markers.reread, window)
        windows = self._windows(name, directory)
        damaged = await in_thread(self._damaged, name, windows) if self.section.link else set()
        found = changes(windows, directory, self.tree, damaged)
        rows = {window: await in_thread(self.windows.read, window) for window in found}
        elsewhere = await in_thread(self._present, self._windows_of_other_trees(name, windows))
        for window, change in found.items():
            others = [row for other in found if other != window for row in rows[other]]
            if not await self._change(name, window, change, rows[window], others, elsewhere):
                return  # rows may only leave a window when they have reached the other
        new = new_files(windows, directory) if directory is not None else {}
        for first in range(0, len(new), FILES_PER_WINDOW):
            some = dict(list(new.items())[first : first + FILES_PER_WINDOW])
            details = {"directory": name, "files": some, **self.tree.reading}
            digest = hashlib.sha256(json.dumps(details).encode()).hexdigest()[:12]
            window = f"{slug(readable(name)) or 'top'}-{digest}-{ending}"
            details |= {"root": self.tree.root, "gone": []}  # not in the digest: the same files have the same name
            await self.windows.run(window, [self._listed(name, each) for each in some], details, is_listed=True)
        await in_thread(self._overrule, name, directory)

    async def _change(
        self,
        directory: str,
        window: str,
        change: WindowChange,
        rows: list[Row],
        others: list[Row],
        elsewhere: set[Upload],
    ) -> bool:
        """Read again what was rewritten in a window, and mark what is gone; False where that failed.

        `rows`: its own; `others`: those of other windows of the directory, some of which may be of its files;
        `elsewhere`: uploads that other trees have.
        """
        listed = {name: self._listed(directory, name) for name in change.read | change.gone | change.removed}
        keys = {name: each.photo for name, each in listed.items()}
        rewritten = {keys[name] for name in change.rewritten}
        kept = kept_rows(rows, [row for row in others if row["photo"] in rewritten], change, keys)
        kept = not_overruled(kept, elsewhere)
        await in_thread(self._forget_other_reading, window, change.details)
        photos, former = [listed[name] for name in sorted(change.read)], former_rows(rows, change, keys)
        is_done = await self.windows.run(window, photos, change.details, kept, former=former)
        self.context.counts["deleted"] += len(change.gone) if is_done else 0
        return is_done

    def _forget_other_reading(self, window: str, details: dict[str, Any]) -> None:
        """Remove what a killed crawl with another layout has left of a window: its rows say other things."""
        store, folder = self.context.store, f"{checkpoint.folder(self.source)}/{window}"
        path = f"{folder}/{checkpoint.DETAILS}"
        if store.exists(path) and store.read_json(path) != details:
            store.remove(folder)

    def _overrule(self, name: str, directory: Directory | None) -> None:
        """Take from the windows of other trees what they call deleted though this tree has it."""
        windows, markers = self._windows(name, directory), self.context.markers.all
        others = [other for other in self._windows_of_other_trees(name, windows) if markers[other].get("deleted")]
        here = self._present(windows) if others else set()
        for other in others:
            rows = self.windows.read(other)
            kept = not_overruled(rows, here)
            if len(kept) < len(rows):
                self.windows.keep(other, kept)

    def _moved_trees(self) -> frozenset[str]:
        """Return the roots of the trees that were moved here, as the records of the whole store show."""
        by_tree = defaultdict(list)
        for window, marker in self.context.markers.all.items():
            if "root" in marker["details"]:
                by_tree[marker["details"]["root"]].append(window)
        uploads = {tree: self._present(windows) for tree, windows in by_tree.items()}
        return moved_trees(uploads, self.tree.root)

    def _present(self, windows: Iterable[str]) -> set[Upload]:
        """Return the uploads that some windows have and do not call deleted."""
        return present(row for window in windows for row in self.windows.read(window))

    def _damaged(self, directory: str, windows: dict[str, Details]) -> set[str]:
        """Return the names of the files whose originals, linked to them, no longer are what their records say."""
        store = self.context.store
        damaged = {
            row["photo"]
            for window in windows
            for row in self.windows.read(window)
            if store.is_local and row["state"] == "stored" and not is_whole(store, row["original"], row["sha256"])
        }
        names = (name for details in windows.values() for name in details["files"])
        return {name for name in names if self._listed(directory, name).photo in damaged}

    def _listed(self, directory: str, name: str) -> ListedPhoto:
        return listed_file(posixpath.join(directory, name))

    def _all_details(self) -> list[Details]:
        return [marker["details"] for marker in self.context.markers.all.values()]

    def _is_of_this_tree(self, details: Details) -> bool:
        """Whether the files of a window lie below the root, as far as the window says so."""
        return bool(details.get("root", self.tree.root) == self.tree.root)

    def _windows(self, name: str, directory: Directory | None) -> dict[str, Details]:
        """Return the details of the windows of a directory of this tree, by window."""
        markers = self.context.markers
        windows = {window: markers.all[window]["details"] for window in markers.windows_of(name)}
        seen = directory or Directory()
        return {window: details for window, details in windows.items() if is_of(details, self.tree, seen)}

    def _windows_of_other_trees(self, name: str, windows: Mapping[str, Details]) -> list[str]:
        """Return the windows of a directory beside `windows`, which are this tree's."""
        return [window for window in self.context.markers.windows_of(name) if window not in windows]
