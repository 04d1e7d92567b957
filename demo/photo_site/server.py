"""A photo site on this machine: a folder of uploads in, a Flickr and a Wikimedia Commons to crawl out.

`PhotoSite` runs it in a thread, for tests and for the demo. It listens on the loopback address alone. API keys are
any 32 hexadecimal digits; the wiki and its files refuse clients whose User-Agent names nobody to write to.
"""

import contextlib
import re
import socket
import sys
import threading
from email.message import Message
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from corpus.catalogue import Catalogue
from corpus.errors import StorageError
from demo.photo_site import flickr, mediawiki
from demo.photo_site.answers import Answer, photo_page, text_answer
from demo.photo_site.behaviour import Behaviour, Countdown
from demo.photo_site.connection import Connection
from demo.photo_site.files import file_answer
from demo.photo_site.licences import licence_of
from demo.photo_site.log import Downloads, RequestLog, ServedRequest
from demo.photo_site.wiki_pages import Wiki
from demo.upload import LISTING, read_listing

API_KEY = "0123456789abcdef0123456789abcdef"
"""One of the keys the Flickr API takes."""
_CONTACT = re.compile(r"\S@\S|https?://\S", re.IGNORECASE)
_ROBOT_POLICY = "Please set a user-agent and respect our robot policy https://w.wiki/4wJS.\n"
"""What Wikimedia answers to a client that does not say whose it is, with status 403."""


class Server(ThreadingHTTPServer):
    """The listening socket, and what every connection shares."""

    request_queue_size = 128  # connections that wait; the default of 5 turns a crawler's burst away
    daemon_threads = False  # `stop` ends the connections and waits for their threads

    def __init__(self, folder: Path, cameras: Catalogue, port: int, behaviour: Behaviour) -> None:
        try:
            uploads, _ = read_listing(folder)
        except FileNotFoundError as error:
            raise StorageError(f"{folder}: has no {LISTING}; name a folder that demo.uploads has made") from error
        super().__init__(("127.0.0.1", port), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.behaviour, self.log, self.closing = behaviour, RequestLog(), threading.Event()
        self.failures = Countdown({fragment: times for fragment, (_, times) in behaviour.fail_first.items()})
        self.cuts = Countdown({fragment: times for fragment, (_, times) in behaviour.cut_after_bytes.items()})
        self._folder = folder
        self._flickr = flickr.FlickrApi(uploads, cameras, behaviour, self.url)
        wiki = Wiki(uploads, cameras)
        self._mediawiki = mediawiki.MediaWikiApi(wiki, folder, behaviour, self.url)
        self._wiki_files = {unquote(page.file_path): page for page in wiki.files}
        self._wiki_pages = {unquote(page.description_path): page for page in wiki.files}
        self._open: set[socket.socket] = set()

    def answer(self, path: str, query: str, headers: Message) -> Answer:
        """Return the answer to a request for a path."""
        plain = unquote(path)
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        if plain.rstrip("/") == flickr.API_PATH.rstrip("/"):
            return self._flickr.answer(parameters)
        if plain == mediawiki.API_PATH or plain.startswith("/images/"):
            if not _CONTACT.search(headers.get("User-Agent", "")):
                return text_answer(403, _ROBOT_POLICY)
            if plain == mediawiki.API_PATH:
                return self._mediawiki.answer(parameters)
        upload = self._flickr.files.get(plain)
        if page := self._wiki_files.get(plain):
            upload = page.upload if page.upload and page.upload.id not in self.behaviour.missing_files else None
        if upload is not None:
            return file_answer(self._folder, upload, headers, self.behaviour.honour_range)
        if upload := self._flickr.pages.get(plain.rstrip("/")):
            return photo_page(upload, licence_of(upload.licence).name, self.url + flickr.file_path(upload))
        if (page := self._wiki_pages.get(plain)) and page.upload:
            return photo_page(page.upload, licence_of(page.upload.licence).short_name, self.url + page.file_path)
        return text_answer(404, f"{path}: nothing here\n")

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

    @property
    def downloads(self) -> dict[str, Downloads]:
        """How often each file, by its name in the folder, was sent whole and in part."""
        return self._server.log.downloads()
