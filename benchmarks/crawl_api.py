"""A Flickr-like API for the crawl's benchmarks: serves a listing of photographs, in a process of its own.

    python crawl_api.py LISTING FILES_URL DELAY_S sizes|no-sizes

Prints the port it listens on. Supports `flickr.photos.search` by camera and upload time, and the licences; any other
method gets Flickr's error for unknown methods.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from crawl_photos import Photo, read_listing

LICENCES = [{"id": "4", "name": "CC BY 2.0", "url": "https://creativecommons.org/licenses/by/2.0/"}]


def search(photos: tuple[Photo, ...], files_url: str, asked: dict[str, str], *, states_sizes: bool) -> dict[str, Any]:
    """Return one page of a search's results; the bounds of its upload time are inclusive."""
    least_s, most_s = int(asked["min_upload_date"]), int(asked["max_upload_date"])
    hits = [photo for photo in photos if photo.camera == asked["camera"] and least_s <= photo.uploaded_s <= most_s]
    hits.sort(key=lambda photo: (photo.uploaded_s, photo.name))
    page, per_page = int(asked.get("page", "1")), int(asked.get("per_page", "100"))
    first = (page - 1) * per_page
    entries = [entry(photo, files_url, states_sizes=states_sizes) for photo in hits[first : first + per_page]]
    pages = -(-len(hits) // per_page)
    return {"page": page, "pages": pages, "perpage": per_page, "total": len(hits), "photo": entries}


def entry(photo: Photo, files_url: str, *, states_sizes: bool) -> dict[str, Any]:
    """Return one photograph's entry in a page of search results."""
    number = photo.name.removesuffix(".jpg")
    sizes = {"o_width": str(photo.width_px), "o_height": str(photo.height_px)} if states_sizes else {}
    return {
        "id": str(1 + int(number)),
        "owner": f"{int(number) % 97}@N00",
        "ownername": f"Owner {int(number) % 97}",
        "title": f"Photo {number}",
        "license": "4",
        "dateupload": str(photo.uploaded_s),
        "media": "photo",
        "originalformat": "jpg",
        "can_download": 1,
        "url_o": f"{files_url}/{photo.name}",
        **sizes,
    }


class Handler(BaseHTTPRequestHandler):
    """Answers one call."""

    photos: tuple[Photo, ...]
    files_url: str
    delay_s: float
    states_sizes: bool

    def do_GET(self) -> None:
        """Answer a call of an API method."""
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        time.sleep(self.delay_s)
        match asked.get("method"):
            case "flickr.photos.search":
                hits = search(self.photos, self.files_url, asked, states_sizes=self.states_sizes)
                answer: dict[str, Any] = {"photos": hits, "stat": "ok"}
            case "flickr.photos.licenses.getInfo":
                answer = {"licenses": {"license": LICENCES}, "stat": "ok"}
            case method:
                answer = {"stat": "fail", "code": 112, "message": f'Method "{method}" not found'}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Write nothing, since nginx in front of this server keeps the log."""


class Server(ThreadingHTTPServer):
    """Accepts as many calls at once as a crawl may make."""

    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up, since the benchmarks kill them."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until killed."""
    listing, files_url, delay_s, sizes = sys.argv[1:]
    Handler.photos, Handler.files_url = read_listing(Path(listing)), files_url
    Handler.delay_s, Handler.states_sizes = float(delay_s), sizes == "sizes"
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
