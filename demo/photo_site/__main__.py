"""`python -m demo.photo_site FOLDER --port 8090`: serves a folder of uploads as a photo site until stopped."""

import argparse
import signal
import threading
from pathlib import Path

from corpus.cameras.catalogue import read_catalogue
from corpus.command_line import exit_with
from demo.local_configuration import CAMERAS
from demo.photo_site.server.site import PhotoSite
from demo.uploads.upload import LISTING


def main(arguments: list[str] | None = None) -> int:
    """Serve a folder until interrupted or terminated; return 0."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.photo_site", description="Serve a folder of uploads as a photo site."
    )
    parser.add_argument("folder", type=Path, help=f"the folder that holds {LISTING}")
    parser.add_argument("--port", type=int, default=8090, help="port on the loopback address, 0 for a free one")
    parser.add_argument("--cameras", type=Path, default=CAMERAS, help="catalogue of the cameras (default: the demo's)")
    options = parser.parse_args(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with PhotoSite(options.folder, read_catalogue(options.cameras), port=options.port) as site:
        print(f"ready: {site.url}", flush=True)
        stopped.wait()
    return 0


if __name__ == "__main__":
    exit_with(main)
