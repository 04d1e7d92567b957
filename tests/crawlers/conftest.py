"""Fixtures: a small photo site with photographs of every kind, and `scrapy crawl` as a person runs it."""

import dataclasses
import hashlib
import io
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from benchmarks.preloaded import Preloaded
from corpus.cameras.catalogue import Catalogue, read_catalogue
from corpus.storage import TEMPORARY_PREFIX, Store, open_store
from demo.photo_site.server.site import API_KEY, PhotoSite
from demo.uploads.upload import Upload, write_listing

CAMERAS = {
    "acme-one": {
        "name": "Acme One",
        "make": ["Acme"],
        "model": ["One"],
        "sizes": ["320x240"],
        "software": ["Fw*"],
        "flickr": "acme/one",
        "commons": "Taken with Acme One",
    },
    "acme-two": {
        "name": "Acme Two",
        "make": ["Acme"],
        "model": ["Two"],
        "sizes": ["400x300"],
        "flickr": "acme/two",
        "commons": "Taken with Acme Two",
    },
}
SINCE, UNTIL = "2020-01-01", "2020-02-01"
SINCE_S = 1577836800
HEADER_BYTES = 4096
LIMIT_S = 240
"""A crawl that takes longer is killed."""


def jpeg(
    seed: int, *, size: tuple[int, int] = (320, 240), model: str = "One", software: str = "Fw 1", quality: int = 97
) -> bytes:
    """Return a JPEG of noise with EXIF; distinct for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    exif = Image.Exif()
    for tag, text in ((271, "Acme"), (272, model), (305, software)):
        if text:
            exif[tag] = text
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, exif=exif if model else b"")
    return file.getvalue()


@pytest.fixture(scope="session")
def make_jpeg() -> Callable[..., bytes]:
    """Return the function that makes JPEGs."""
    return jpeg


def with_long_header(data: bytes, segment_bytes: int = 30_000, segments: int = 3) -> bytes:
    """Return a JPEG whose scan begins far beyond the first range."""
    segment = b"\xff\xe9" + segment_bytes.to_bytes(2, "big") + bytes(segment_bytes - 2)
    return data[:2] + segment * segments + data[2:]


def with_thumbnail(data: bytes, thumbnail: bytes | None) -> bytes:
    """Return a JPEG with EXIF before its other segments, whose second directory has a thumbnail."""
    second = b"" if thumbnail is None else (
        b"\x02\0" + b"\x01\x02\x04\0\x01\0\0\0" + (44).to_bytes(4, "little")
        + b"\x02\x02\x04\0\x01\0\0\0" + len(thumbnail).to_bytes(4, "little") + bytes(4) + thumbnail
    )  # fmt: skip
    body = b"Exif\0\0II*\0\x08\0\0\0" + bytes(2) + (14 if second else 0).to_bytes(4, "little") + second
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


@pytest.fixture(scope="session")
def thumbnailed() -> Callable[[bytes, bytes | None], bytes]:
    """Return the function that gives a JPEG a thumbnail."""
    return with_thumbnail


def photographs() -> dict[str, tuple[bytes, str, tuple[str, ...]]]:
    """Return file name → (bytes, camera it is listed under, reasons for which its header must be refused)."""
    photos: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
        f"genuine-{number}.jpg": (jpeg(number), "acme-one", ()) for number in range(4)
    }
    photos |= {
        "two.jpg": (jpeg(10, size=(400, 300), model="Two", software=""), "acme-two", ()),
        "turned.jpg": (jpeg(11, size=(300, 400), model="Two", software=""), "acme-two", ()),
        "long-header.jpg": (with_long_header(jpeg(12)), "acme-one", ()),
        "edited.jpg": (jpeg(13, software="Adobe Photoshop CS5 Windows"), "acme-one", ("edited_by_software",)),
        "resized.jpg": (jpeg(14, size=(288, 216)), "acme-one", ("not_native_size",)),
        "edited-and-resized.jpg": (
            jpeg(15, size=(400, 310), software="GIMP 2.10"),
            "acme-one",
            ("edited_by_software", "not_native_size"),
        ),
        "bare.jpg": (
            with_thumbnail(jpeg(16, model=""), jpeg(18, size=(16, 12), model="")),
            "acme-one",
            ("no_camera_model",),
        ),
        "stranger.jpg": (jpeg(17, model="Three"), "acme-two", ("camera_unknown",)),
        "broken.jpg": (b"\xff\xd8\xff\xe0" + bytes(20_000), "acme-one", ("unreadable",)),
    }
    return photos


def upload(number: int, site: str, file: str, camera: str, data: bytes, reasons: tuple[str, ...] = ()) -> Upload:
    """Return an upload of a file; number n was uploaded in hour n."""
    return Upload(
        id=str(1000 + number + (5000 if site == "wikimedia" else 0)),
        site=site,
        file=file,
        title=f"Photo {number} of {camera}",
        owner_id=f"{number % 3}@N00",
        owner_name=f"Owner <{number % 3}>",
        licence="4",
        uploaded_at_s=SINCE_S + 3600 * number,
        taken_at="2019-12-24 18:00:00",
        claimed_camera=camera,
        kind="genuine" if not reasons else reasons[0],
        camera=camera,
        device=None,
        expected_reasons=reasons,
        width_px=1,
        height_px=1,
        size_bytes=len(data),
        sha1=hashlib.sha1(data).hexdigest(),
    )


@dataclasses.dataclass(frozen=True)
class Uploads:
    """A folder that a site can serve, and what is in it."""

    folder: Path
    listed: list[Upload]

    def data(self, upload: Upload) -> bytes:
        """Return the bytes of an upload."""
        return (self.folder / upload.file).read_bytes()

    def write_again(self) -> "Uploads":
        """Return a copy in a folder beside this one, with the present listing."""
        folder = self.folder.with_name(f"{self.folder.name}-{len(list(self.folder.parent.iterdir()))}")
        return write_uploads(folder, self.listed, {path.name: path.read_bytes() for path in self.folder.glob("*.jpg")})

    def of(self, site: str) -> list[Upload]:
        """Return the uploads of one site."""
        return [each for each in self.listed if each.site == site]


def write_uploads(folder: Path, listed: list[Upload], files: dict[str, bytes]) -> Uploads:
    """Write files and their listing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    write_listing(folder, listed, {})
    return Uploads(folder, listed)


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Uploads:
    """Return the photographs of every kind, on both sites."""
    photos = photographs()
    listed = [
        upload(number, site, name, camera, data, reasons)
        for site in ("flickr", "wikimedia")
        for number, (name, (data, camera, reasons)) in enumerate(photos.items())
    ]
    files = {name: data for name, (data, _, _) in photos.items()}
    return write_uploads(tmp_path_factory.mktemp("uploads"), listed, files)


@pytest.fixture(scope="session")
def cameras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalogue of two cameras."""
    file = tmp_path_factory.mktemp("catalogue") / "cameras.yaml"
    file.write_text(yaml.safe_dump(CAMERAS))
    return file


@pytest.fixture(scope="session")
def cameras(cameras_file: Path) -> Catalogue:
    """Return the catalogue of two cameras."""
    return read_catalogue(cameras_file)


@pytest.fixture(scope="session")
def start_site(uploads: Uploads, cameras: Catalogue) -> Iterator[Callable[..., PhotoSite]]:
    """Return a function that starts a site; all sites are stopped at the end."""
    sites: list[PhotoSite] = []

    def start(of: Uploads = uploads, **behaviour: Any) -> PhotoSite:
        sites.append(PhotoSite(of.folder, cameras, **behaviour))
        return sites[-1]

    yield start
    for site in sites:
        site.stop()


@cache
def preloaded() -> Preloaded:
    """Return the process that crawls for this one; it ends with its standard input, so no later than this one."""
    return Preloaded("tests.crawlers.crawling", environment={"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="session", autouse=True)
def _end_preloaded() -> Iterator[None]:
    """End the process at the end of all tests, so that what it has used counts as theirs."""
    yield
    if preloaded.cache_info().currsize:
        preloaded().close()


@dataclasses.dataclass(frozen=True)
class Crawl:
    """One run of `scrapy crawl` that has ended."""

    exit_code: int
    log: str


class RunningCrawl:
    """One run of `scrapy crawl`, in a process of its own that is forked from one that has Scrapy loaded."""

    def __init__(self, words: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._run = preloaded().start(words, environment, log)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._run.wait(0)

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        self._run.send_signal(number)

    def wait(self) -> Crawl:
        """Wait for its end."""
        exit_code = self._run.wait(LIMIT_S)
        return Crawl(self._run.kill() if exit_code is None else exit_code, self.log)

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="backslashreplace") if self._log.exists() else ""


@dataclasses.dataclass
class Crawler:
    """A configuration in a folder of its own, and `scrapy crawl` with it."""

    folder: Path
    repository: Path
    tree: dict[str, Any]
    _numbers: Iterator[int] = dataclasses.field(default_factory=itertools.count, repr=False)

    @property
    def store(self) -> Store:
        """What the crawl has written."""
        return open_store(str(self.folder / "data"))

    def command(self, spider: str, *settings: str) -> list[str]:
        """Return the command line."""
        file, text = self.folder / "pipelines.yaml", yaml.safe_dump(self.tree)
        if not file.exists() or file.read_text() != text:  # else a crawl that has begun may be reading it
            file.write_text(text)
        overrides = [part for setting in settings for part in ("-a", f"set={setting}")]
        return [sys.executable, "-m", "scrapy", "crawl", spider, *overrides]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment: the configuration's place and a key."""
        inherited = {name: value for name, value in os.environ.items() if name != "FLICKR_API_KEY"}
        own = {"SHUTTERPRINT_CONFIG": str(self.folder / "pipelines.yaml"), "OMP_NUM_THREADS": "1"}
        return {**inherited, **own, "FLICKR_API_KEY": API_KEY, **more}

    def start(
        self,
        spider: str,
        *settings: str,
        log_level: str = "INFO",
        own: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
        **environment: str,
    ) -> RunningCrawl:
        """Begin a crawl; `own`: arguments of this spider alone; `options`: others of scrapy's."""
        number = next(self._numbers)
        log = self.folder.with_name(f"{self.folder.name}-{number}.log")  # beside it: some tests crawl the folder itself
        mine = [part for name, value in (own or {}).items() for part in ("-a", f"{name}={value}")]
        words = [*self.command(spider, *settings)[1:], *mine, *options, "-L", log_level]
        return RunningCrawl(words, self.environment(**environment), log)

    def run(self, spider: str, *settings: str, **told: Any) -> Crawl:
        """Crawl to the end; see `start`."""
        return self.start(spider, *settings, **told).wait()

    def module(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the crawlers, `python -m module`."""
        return self.process([sys.executable, "-m", module, *arguments])

    def process(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run any command in a process of its own, with the environment of a crawl."""
        return subprocess.run(
            command,
            cwd=self.repository,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def kill_when(self, spider: str, is_time: Callable[[], bool], with_signal: int = signal.SIGKILL) -> int:
        """Crawl and send a signal once `is_time`; return the exit code."""
        crawl = self.start(spider)
        while crawl.poll() is None and not is_time():
            time.sleep(0.002)
        crawl.send_signal(with_signal)
        return crawl.wait().exit_code

    def rows(self, source: str) -> list[dict[str, Any]]:
        """Return the rows of all whole windows."""
        return [
            row
            for window in self.store.done_names(f"crawl/{source}")
            for row in self.store.read_table(f"crawl/{source}/{window}/records.parquet").to_pylist()
        ]

    def tree_of_bytes(self) -> dict[str, bytes]:
        """Return every file of the store but receipts, and temporary files that a kill has left behind."""
        root = self.folder / "data"
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        return {
            name: data
            for name, data in files.items()
            if not name.startswith("receipts/") and TEMPORARY_PREFIX not in name
        }


@pytest.fixture(scope="session")
def make_crawler(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, cameras_file: Path
) -> Callable[[PhotoSite | None], Crawler]:
    """Return a function that makes a crawler for a site, with an empty store of its own."""

    def make(site: PhotoSite | None = None) -> Crawler:
        folder = tmp_path_factory.mktemp("crawl")
        times = {"since": SINCE, "until": UNTIL, "hosts": ["127.0.0.1"]}
        tree: dict[str, Any] = {
            "storage": "data",
            "catalogue": str(cameras_file),
            "crawl": {
                "contact": "tests@example.org",
                "retries": 2,
                "header_bytes": HEADER_BYTES,
                "timeout_s": 20,
                "limits_folder": str(folder / "limits"),
            },
        }
        if site is not None:
            tree["sources"] = {
                "flickr": times | {"api_url": site.flickr_api_url},
                "wikimedia": times | {"api_url": site.wikimedia_api_url},
            }
        return Crawler(folder, repository, tree)

    return make
