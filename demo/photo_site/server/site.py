"""A photo site on this machine: serves a folder of uploads as a Flickr and a Wikimedia Commons to crawl.

`PhotoSite` runs it in a thread, for tests and for the demo. Any 32 hexadecimal digits are an API key. The wiki and its
files refuse clients whose User-Agent names no contact.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from corpus.cameras.catalogue import Catalogue
from corpus.errors import StorageError
from demo.photo_site.behaviour import Behaviour, Countdown
from demo.photo_site.content.answers import Answer, photo_page, text_answer
from demo.photo_site.content.files import file_answer
from demo.photo_site.content.licences import licence_of
from demo.photo_site.content.shown import Shown, show
from demo.photo_site.flickr import api as flickr
from demo.photo_site.server.connection import Server
from demo.photo_site.server.log import Downloads, Kind, ServedRequest
from demo.photo_site.wiki import api as mediawiki
from demo.photo_site.wiki.pages import Wiki, WikiPage
from demo.uploads.upload import LISTING, Upload, read_listing

API_KEY = "0123456789abcdef0123456789abcdef"
"""One of the keys the Flickr API accepts."""
_WIKI_FILES_PATH = "/images/"
_CONTACT = re.compile(r"\S@\S|https?://\S", re.IGNORECASE)
_ROBOT_POLICY = "Please set a user-agent and respect our robot policy https://w.wiki/4wJS.\n"
"""Wikimedia's answer, with status 403, to a client that does not say whose it is."""


@dataclass(frozen=True)
class _Routes:
    shown: Shown
    flickr: flickr.FlickrApi
    mediawiki: mediawiki.MediaWikiApi
    wiki_files: dict[str, WikiPage]
    wiki_pages: dict[str, WikiPage]


class PhotoSite(Server):
    """A site that runs in a background thread from its creation until `stop`, or as a context manager.

    `port` 0 takes a free port. Further arguments are those of `Behaviour`, e.g. `fail_first={"_o.jpg": (429, 2)}`,
    `honour_range=False`, `bytes_per_s=4e6`. Raises StorageError where the folder holds no uploads. Its log stays
    readable after `stop`.
    """

    def __init__(self, folder: Path, cameras: Catalogue, *, port: int = 0, **behaviour: Any) -> None:
        try:
            uploads, _ = read_listing(folder)
        except FileNotFoundError as error:
            raise StorageError(f"{folder}: has no {LISTING}; name a folder that demo.uploads.make has made") from error
        super().__init__(port, Behaviour(**behaviour))
        self._unavailable = Countdown({"": self.behaviour.unavailable_answers})
        self._lagging = Countdown({"": self.behaviour.maxlag_answers})
        self._cameras = cameras
        self._changing = threading.Lock()
        self._routes = self._routes_to(show(folder, uploads))
        self._thread.start()

    @property
    def flickr_api_url(self) -> str:
        """Address of the Flickr API."""
        return self.url + flickr.API_PATH

    @property
    def wikimedia_api_url(self) -> str:
        """Address of the MediaWiki API."""
        return self.url + mediawiki.API_PATH

    @property
    def requests(self) -> list[ServedRequest]:
        """A copy of all requests so far, in order of arrival."""
        return self.log.requests()

    @property
    def peak_parallel_requests(self) -> int:
        """The most requests that were being answered at once."""
        return self.log.peak()

    def peak_parallel(self, kind: Kind) -> int:
        """Return the most requests of one kind (`api`, `file`, `page`) that were being answered at once."""
        return self.log.peak(kind)

    def replace(self, upload_id: str, file: str) -> None:
        """Replace an upload's file by another one of the folder, as owners do who upload a new version.

        On the wiki its SHA-1 and time change, on Flickr its original's address. Raises KeyError for an unknown upload.
        """
        self._change(lambda shown: shown.with_file(upload_id, file, int(time.time())))

    def delete(self, upload_id: str) -> None:
        """Remove an upload with its pages and its file from the site; raises KeyError for an unknown one."""
        self._change(lambda shown: shown.without(upload_id))

    def add(self, upload: Upload) -> None:
        """Add an upload whose file is in the folder; raises ValueError for an id that is taken."""
        self._change(lambda shown: shown.with_upload(upload))

    @property
    def downloads(self) -> dict[str, Downloads]:
        """How often each file, by its name in the folder, was sent whole and in part."""
        return self.log.downloads()

    def _change(self, changed: Callable[[Shown], Shown]) -> None:
        """Replace what is shown by what a function makes of it; answers under way are finished as they began."""
        with self._changing:
            self._routes = self._routes_to(changed(self._routes.shown))

    def kind_of(self, path: str) -> Kind:
        """Return what a request for a path is for."""
        if path.rstrip("/") in (flickr.API_PATH.rstrip("/"), mediawiki.API_PATH):
            return "api"
        return "file" if path.startswith((flickr.FILES_PATH, _WIKI_FILES_PATH)) else "page"

    def answer(self, path: str, query: str, headers: Message) -> Answer:
        """Return the answer to a request for a path."""
        routes = self._routes  # read once, since another thread may replace them
        shown = routes.shown
        plain = unquote(path)
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        if plain.rstrip("/") == flickr.API_PATH.rstrip("/"):
            return routes.flickr.answer(parameters)
        if plain == mediawiki.API_PATH or plain.startswith(_WIKI_FILES_PATH):
            if not _CONTACT.search(headers.get("User-Agent", "")):
                return text_answer(403, _ROBOT_POLICY)
            if plain == mediawiki.API_PATH:
                return routes.mediawiki.answer(parameters)
        upload = routes.flickr.files.get(plain)
        if page := routes.wiki_files.get(plain):
            upload = page.upload if page.upload and page.upload.id not in self.behaviour.missing_files else None
        if upload is not None:
            file_at_s = shown.replaced_at_s.get(upload.id, upload.uploaded_at_s)
            return file_answer(shown.folder, upload, file_at_s, headers, self.behaviour.honour_range)
        if upload := routes.flickr.pages.get(plain.rstrip("/")):
            return photo_page(upload, licence_of(upload.licence).name, self.url + flickr.file_path(upload))
        if (page := routes.wiki_pages.get(plain)) and page.upload:
            return photo_page(page.upload, licence_of(page.upload.licence).short_name, self.url + page.file_path)
        return text_answer(404, f"{path}: nothing here\n")

    def _routes_to(self, shown: Shown) -> _Routes:
        wiki = Wiki(shown.uploads, self._cameras, shown.replaced_at_s)
        return _Routes(
            shown,
            flickr.FlickrApi(shown.uploads, self._cameras, self.behaviour, self._unavailable, self.url),
            mediawiki.MediaWikiApi(wiki, shown.folder, self.behaviour, self._lagging, self.url),
            {unquote(page.file_path): page for page in wiki.files},
            {unquote(page.description_path): page for page in wiki.files},
        )
