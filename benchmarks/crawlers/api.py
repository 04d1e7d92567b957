"""The demo's Flickr API for the crawl's benchmarks, over a listing of photographs and in a process of its own.

    python -m benchmarks.crawlers.api FOLDER SITE_URL DELAY_S sizes|no-sizes

Prints the port it listens on. The addresses of files in its answers are those of SITE_URL.
"""

import sys
from dataclasses import replace
from email.message import Message
from pathlib import Path
from urllib.parse import parse_qsl

from corpus.cameras.catalogue import read_catalogue
from demo.photo_site.behaviour import Behaviour, Countdown
from demo.photo_site.content.answers import Answer
from demo.photo_site.flickr.api import FlickrApi
from demo.photo_site.server.connection import Server
from demo.photo_site.server.log import Kind
from demo.uploads.upload import read_listing


class Api(Server):
    """Answers every request with the API."""

    def __init__(self, folder: Path, site_url: str, delay_s: float, states_sizes: bool) -> None:
        super().__init__(0, Behaviour(delay_s=delay_s))
        uploads, _ = read_listing(folder)
        if not states_sizes:
            uploads = [replace(upload, width_px=0, height_px=0) for upload in uploads]
        cameras = read_catalogue(folder / "cameras.yaml")
        self.flickr = FlickrApi(uploads, cameras, self.behaviour, Countdown({}), site_url)

    def kind_of(self, path: str) -> Kind:
        """Return what a request is for."""
        return "api"

    def answer(self, path: str, query: str, headers: Message) -> Answer:
        """Return the answer to a call."""
        return self.flickr.answer(dict(parse_qsl(query)))


if __name__ == "__main__":
    folder, site_url, delay_s, sizes = sys.argv[1:]
    server = Api(Path(folder), site_url, float(delay_s), sizes == "sizes")
    print(server.server_address[1], flush=True)
    server.serve_forever()
