"""Runs the programs that the crawl's benchmarks compare, and measures what each run costs.

They are the crawl itself, started as a person would, and its peers: a plain Scrapy spider, img2dataset and curl. Each
gets an empty folder. CPU time and memory are the kernel's, for the process and all that it started and waited for.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.crawlers.photo_site import PhotoSite, Served
from benchmarks.crawlers.photos import SINCE, UNTIL, Photos
from benchmarks.places import REPOSITORY
from corpus.storage import open_store

API_KEY = "0123456789abcdef" * 2
LONGEST_RUN_S = 900.0
LOG_TAIL_BYTES = 2000


@dataclass(frozen=True)
class Run:
    """A finished program: its exit code, its cost, the requests the site served it, and the end of its log.

    `peak_bytes`: resident memory of its largest process.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_bytes: int
    served: list[Served]
    log: str

    @property
    def files(self) -> list[Served]:
        """Requests for photographs."""
        return [request for request in self.served if request.is_file]

    @property
    def sent_bytes(self) -> int:
        """Bytes that nginx sent for photographs, response headers included."""
        return sum(request.sent_bytes for request in self.files)


@dataclass(frozen=True)
class Crawl:
    """A `scrapy crawl flickr` with a configuration in a folder of its own."""

    folder: Path

    @classmethod
    def prepare(cls, folder: Path, site: PhotoSite, *, file_requests: int, **crawl: Any) -> "Crawl":
        """Write the configuration; `crawl`: further keys of its section `crawl`."""
        folder.mkdir(parents=True)
        flickr = {"api_url": site.api_url, "hosts": ["127.0.0.1"], "since": SINCE, "until": UNTIL}
        flickr |= {"api_requests": file_requests, "file_requests": file_requests}
        tree = {
            "storage": str(folder / "data"),
            "catalogue": str(site.photos.folder / "cameras.yaml"),
            "crawl": {"contact": "benchmark@example.org", "limits_folder": str(folder / "limits"), **crawl},
            "sources": {"flickr": flickr},
        }
        (folder / "pipelines.yaml").write_text(yaml.safe_dump(tree))
        return cls(folder)

    @property
    def command(self) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "scrapy", "crawl", "flickr", "-a", f"config={self.folder / 'pipelines.yaml'}"]

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        """Start the crawl; `more`: arguments of `scrapy crawl`. Its output is appended to `crawl.log`."""
        with (self.folder / "crawl.log").open("ab") as file:
            return subprocess.Popen(
                [*self.command, *more],
                cwd=REPOSITORY,
                env=_environment(FLICKR_API_KEY=API_KEY),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def fault(self, exit_codes: list[int]) -> str | None:
        """Return a message with the log's end where processes of `start` failed, None where all succeeded."""
        log = (self.folder / "crawl.log").read_text(errors="replace")
        return f"exit codes {exit_codes}: …{' '.join(log.split())[-300:]}" if any(exit_codes) else None

    def rows(self) -> list[dict[str, Any]]:
        """Return name, state and original of every photograph with a row in a whole window."""
        store = open_store(str(self.folder / "data"))
        return [
            {**row, "name": f"{row['photo'].partition(':')[2]}.jpg"}
            for window in store.done_names("crawl/flickr")
            for row in store.read_table(f"crawl/flickr/{window}/records.parquet")
            .select(["photo", "state", "original"])
            .to_pylist()
        ]

    def difference(self, photos: Photos) -> str | None:
        """Return how the stored originals differ from the expected ones, bytes included; None where they do not."""
        stored = {row["name"]: row["original"] for row in self.rows() if row["state"] == "stored"}
        expected = photos.accepted
        if missing := expected.keys() - stored.keys():
            return f"{len(missing)} photographs were not stored, {min(missing)} among them"
        if surplus := stored.keys() - expected.keys():
            return f"{len(surplus)} photographs were stored that should be refused, {min(surplus)} among them"
        if listed := {photo.file for photo in photos.listed} - {row["name"] for row in self.rows()}:
            return f"{len(listed)} photographs have no row, {min(listed)} among them"
        for name, original in stored.items():
            if (self.folder / "data" / original).read_bytes() != (photos.files / name).read_bytes():
                return f"{name} was stored with wrong bytes"
        return None


def crawl(ours: Crawl, site: PhotoSite, *more: str) -> Run:
    """Crawl the site to the end; `more`: arguments of `scrapy crawl`."""
    return _run([*ours.command, "-L", "WARNING", *more], ours.folder, site, REPOSITORY, FLICKR_API_KEY=API_KEY)


def plain_scrapy(folder: Path, site: PhotoSite, requests: int) -> Run:
    """Download all files of the site with a plain spider, `requests` at once."""
    urls, files = _prepare(folder, site)
    limits = ("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN")
    settings = [*(f"{name}={requests}" for name in limits), "LOG_LEVEL=WARNING", "TELNETCONSOLE_ENABLED=False"]
    program = str(Path(__file__).with_name("plain_spider.py"))
    command = [sys.executable, "-m", "scrapy", "runspider", program, "-a", f"urls={urls}", "-a", f"folder={files}"]
    return _run([*command, *(part for setting in settings for part in ("-s", setting))], folder, site, folder)


def curl(folder: Path, site: PhotoSite, requests: int) -> Run:
    """Download all files of the site with curl, `requests` at once."""
    _, files = _prepare(folder, site)
    lines = [f'url = "{url}"\noutput = "{files / url.rpartition("/")[2]}"' for url in site.urls]
    (folder / "curl.txt").write_text("\n".join(lines))
    command = ["curl", "--silent", "--show-error", "--parallel", "--parallel-max", str(requests)]
    return _run([*command, "--config", str(folder / "curl.txt")], folder, site, folder)


def img2dataset(program: Path, folder: Path, site: PhotoSite, requests: int) -> Run:
    """Download all files of the site with img2dataset, `requests` at once in each of its processes."""
    urls, files = _prepare(folder, site)
    options = {
        "url_list": str(urls),
        "output_folder": str(files),
        "output_format": "files",
        "processes_count": "1",  # its default; each process opens as many connections as there are threads
        "thread_count": str(requests),
        "resize_mode": "no",
        "disable_all_reencoding": "True",
        "enable_wandb": "False",
    }
    command = [str(program), *(f"--{name}={value}" for name, value in options.items())]
    return _run(command, folder, site, folder, NO_ALBUMENTATIONS_UPDATE="1")


def install_img2dataset(keep: Path) -> Path | str:
    """Return img2dataset's command, installed once below `keep` in its own environment, or why it is not."""
    folder = keep / "img2dataset"
    program = folder / "bin" / "img2dataset"
    steps = [[sys.executable, "-m", "venv", str(folder)], [str(folder / "bin" / "pip"), "install", "-q", "img2dataset"]]
    for step in steps if not program.exists() else []:
        done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=LONGEST_RUN_S)
        if done.returncode != 0:
            return f"could not be installed: {' '.join(done.stderr.split())[-200:]}"
    return program


def downloaded_bytes(folder: Path) -> int:
    """Return the total size of all JPEGs that a peer has written below its folder."""
    return sum(path.stat().st_size for path in (folder / "files").rglob("*.jpg"))


def _prepare(folder: Path, site: PhotoSite) -> tuple[Path, Path]:
    """Make a folder with the list of addresses and an empty `files`; return both."""
    files = folder / "files"
    files.mkdir(parents=True)
    urls = folder / "urls.txt"
    urls.write_text("\n".join(site.urls))
    return urls, files


def _run(command: list[str], folder: Path, site: PhotoSite, current: Path, **environment: str) -> Run:
    """Run a command in the folder `current`; its log and its cost are written to `folder`."""
    position, log, result = site.position(), folder / "run.log", folder / "cost.json"
    program = Path(__file__).with_name("cost.py")
    with log.open("wb") as file:
        subprocess.run(
            [sys.executable, str(program), str(result), str(LONGEST_RUN_S), *command],
            cwd=current,
            env=_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=True,
        )
    text = log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
    return Run(**json.loads(result.read_text()), served=site.served(position), log=text)


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}
