"""A photo site on this machine: a folder of uploads in, a Flickr and a Wikimedia Commons to crawl out.

`PhotoSite` runs it in a thread, for tests and for the demo. It listens on the loopback address alone. API keys are
any 32 hexadecimal digits; the wiki and its files refuse clients whose User-Agent names nobody to write to.
"""

import contextlib
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from corpus.catalogue import Catalogue
from corpus.errors import StorageError
from demo.photo_site.answers import Answer, photo_page, text_answer
from demo.photo_site.behaviour import Behaviour, Countdown, Turns
from demo.photo_site.files import file_answer
from demo.photo_site.flickr import api as flickr
from demo.photo_site.flickr.licences import licence_of
from demo.photo_site.server.connection import Connection
from demo.photo_site.server.log import Downloads, Kind, RequestLog, ServedRequest
from demo.photo_site.shown import Shown, show
from demo.photo_site.wiki import api as mediawiki
from demo.photo_site.wiki.pages import Wiki, WikiPage
from demo.uploads.upload import LISTING, Upload, read_listing

API_KEY = "0123456789abcdef0123456789abcdef"
"""One of the keys the Flickr API takes."""
_WIKI_FILES_PATH = "/images/"
_CONTACT = re.compile(r"\S@\S|https?://\S", re.IGNORECASE)
_ROBOT_POLICY = "Please set a user-agent and respect our robot policy https://w.wiki/4wJS.\n"
"""What Wikimedia answers to a client that does not say whose it is, with status 403."""


@dataclass(frozen=True)
class _Routes:
    """What answers which path, at one moment."""

    shown: Shown
    flickr: flickr.FlickrApi
    mediawiki: mediawiki.MediaWikiApi
    wiki_files: dict[str, WikiPage]
    wiki_pages: dict[str, WikiPage]


class Server(ThreadingHTTPServer):
    """The listening socket, and what every connection shares."""

    request_queue_size = 128  # connections that wait; the default of 5 turns a crawler's burst away
    daemon_threads = False  # `stop` ends the connections and waits for their threads

    def __init__(self, folder: Path, cameras: Catalogue, port: int, behaviour: Behaviour) -> None:
        try:
            uploads, _ = read_listing(folder)
        except FileNotFoundError as error:
            raise StorageError(f"{folder}: has no {LISTING}; name a folder that demo.uploads.make has made") from error
        super().__init__(("127.0.0.1", port), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.behaviour, self.log, self.closing = behaviour, RequestLog(), threading.Event()
        self.failures = Countdown({fragment: times for fragment, (_, times) in behaviour.fail_first.items()})
        self.cuts = Countdown({fragment: times for fragment, (_, times) in behaviour.cut_after_bytes.items()})
        self.turns = Turns(behaviour.refuse_every)
        self._unavailable = Countdown({"": behaviour.unavailable_answers})
        self._lagging = Countdown({"": behaviour.maxlag_answers})
        self._cameras = cameras
        self._changing = threading.Lock()
        self._routes = self._routes_to(show(folder, uploads))
        self._open: set[socket.socket] = set()

    def change(self, changed: Callable[[Shown], Shown]) -> None:
        """Show what a function makes of what is shown now; answers that have begun are finished as they were."""
        with self._changing:
            self._routes = self._routes_to(changed(self._routes.shown))

    def kind_of(self, path: str) -> Kind:
        """Return what a request for a path is for."""
        if path.rstrip("/") in (flickr.API_PATH.rstrip("/"), mediawiki.API_PATH):
            return "api"
        return "file" if path.startswith((flickr.FILES_PATH, _WIKI_FILES_PATH)) else "page"

    def answer(self, path: str, query: str, headers: Message) -> Answer:
        """Return the answer to a request for a path."""
        routes = self._routes  # once, since they may change meanwhile
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

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection and serve it in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; anything else is a fault of this site and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stop listening, end all connections, wait for their threads."""
        self.closing.set()
        self.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # closed by its own thread meanwhile
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class PhotoSite:
    """A site that runs in a background thread from its making until `stop`, or as a context manager.

    `port` 0 takes a free one. Further arguments are those of `Behaviour`, e.g. `fail_first={"_o.jpg": (429, 2)}`,
    `honour_range=False`, `bytes_per_s=4e6`. Raises StorageError where the folder holds no uploads.
    """

    def __init__(self, folder: Path, cameras: Catalogue, *, port: int = 0, **behaviour: Any) -> None:
        self._server = Server(folder, cameras, port, Behaviour(**behaviour))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the site; its log stays readable."""
        self._server.stop()
        self._thread.join()

    @property
    def url(self) -> str:
        """Address of the site, without a slash behind."""
        return self._server.url

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
        """All requests so far, in order of arrival; a copy."""
        return self._server.log.requests()

    @property
    def peak_parallel_requests(self) -> int:
        """Most requests that were being answered at once."""
        return self._server.log.peak

    def peak_parallel(self, kind: Kind) -> int:
        """Return the most requests of one kind (`api`, `file`, `page`) that were being answered at once."""
        return self._server.log.peak_of(kind)

    def replace(self, upload_id: str, file: str) -> None:
        """Give an upload another file of the folder, by its name, as its owner does who uploads it anew.

        On the wiki its SHA-1 and time change, on Flickr its original's address. Raises KeyError for an unknown upload.
        """
        self._server.change(lambda shown: shown.with_file(upload_id, file, int(time.time())))

    def delete(self, upload_id: str) -> None:
        """Take an upload off the site, with its pages and its file; raises KeyError for an unknown one."""
        self._server.change(lambda shown: shown.without(upload_id))

    def add(self, upload: Upload) -> None:
        """Put an upload, whose file lies in the folder, on its site; raises ValueError for an id that is taken."""
        self._server.change(lambda shown: shown.with_upload(upload))

    @property
    def downloads(self) -> dict[str, Downloads]:
        """How often each file, by its name in the folder, was sent whole and in part."""
        return self._server.log.downloads()
