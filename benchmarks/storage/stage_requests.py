"""Benchmark: the requests to an object store of crawls, curation and a refresh, by kind and by what they ask for.

    python -m benchmarks.storage.stage_requests [--flickr 12x10] [--wikimedia 12x6] [--refresh 2] [--what]

Small photographs lie on a photo site of this machine, so many cameras and photographs of each, `CAMERASxPHOTOGRAPHS`. A
camera is one window of Flickr, and two of Wikimedia: a category and its subcategory. A quarter is spoilt. Both crawls
run, then curation with shards, in moto_server behind a proxy that counts requests
(`benchmarks/storage/object_store.py`). With `--refresh N` each camera then has N photographs more, and the same
commands run once again. `--what` prints what each request was for. Exit code 1: a stage failed.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, unquote

from benchmarks.pipelines.tiny import HEIGHT_PX, WIDTH_PX, photograph
from benchmarks.places import REPOSITORY
from benchmarks.storage.object_store import BUCKET, ObjectStore, Request
from corpus.cameras.catalogue import read_catalogue
from demo.photo_site.server.site import PhotoSite
from demo.uploads.upload import Upload, write_listing

KEY = "d" * 32
SINCE_S, DAY_S = 1_577_836_800, 86_400  # 2020-01-01
SPOILT_EVERY = 4
EDITOR = "Adobe Photoshop CS5 Windows"
SITES = ("flickr", "wikimedia")
STAGES = {
    "crawl flickr": ["scrapy", "crawl", "flickr"],
    "crawl wikimedia": ["scrapy", "crawl", "wikimedia"],
    "curation": ["python", "-m", "curation.run"],
}


def catalogue(cameras: int) -> dict[str, dict[str, object]]:
    """Return a catalogue of so many cameras."""
    return {
        f"acme-{n}": {
            "name": f"Acme {n}", "make": ["Acme"], "model": [f"A{n}"], "sizes": [f"{WIDTH_PX}x{HEIGHT_PX}"],
            "flickr": f"acme/a{n}", "commons": f"Taken with Acme {n}",
        }
        for n in range(cameras)
    }  # fmt: skip


def uploads(folder: Path, site: str, cameras: int, each: int, first: int = 0) -> list[Upload]:
    """Make uploads of a site, `each` of every camera from its photograph `first` on; returns their rows."""
    made = []
    for camera in range(cameras):
        for number in range(first, first + each):
            name = f"{site}-{camera}-{number}.jpg"
            seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
            is_spoilt = (camera + number) % SPOILT_EVERY == SPOILT_EVERY - 1
            software = EDITOR if is_spoilt else None
            device = f"{site[0]}{camera}-{number % 3}"
            data = photograph(seed, "Acme", f"A{camera}", software, 2.0 + camera, f"SN{device}")
            (folder / name).write_bytes(data)
            made.append(
                Upload(
                    id=str(10_000_000 + SITES.index(site) * 5_000_000 + camera * 10_000 + number), site=site, file=name,
                    title=f"Photograph {number} of {camera}", owner_id=f"{device}@N00", owner_name=f"Owner {device}",
                    licence="4", uploaded_at_s=SINCE_S + DAY_S * (number + 1) + camera,
                    taken_at="2020-01-01 10:00:00", claimed_camera=f"acme-{camera}",
                    kind="edited_by_software" if is_spoilt else "genuine", camera=f"acme-{camera}", device=device,
                    expected_reasons=(), width_px=WIDTH_PX, height_px=HEIGHT_PX, size_bytes=len(data),
                    sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
                )
            )  # fmt: skip
    return made


def configure(folder: Path, storage: str, site: PhotoSite, until_s: int) -> Path:
    """Write the configuration of a run that knows the photographs up to a moment; returns its path."""
    period = {"since": "2020-01-01", "until": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until_s))}
    tree = {
        "storage": storage, "catalogue": str(folder / "cameras.yaml"), "cameras": "all",
        "crawl": {"limits_folder": str(folder / "limits"), "contact": "someone@example.org"},
        "sources": {
            "flickr": {"api_url": site.flickr_api_url, "hosts": ["127.0.0.1"], **period},
            "wikimedia": {"api_url": site.wikimedia_api_url, "hosts": ["127.0.0.1"], **period},
        },
        "rules": {"quality_factor_min": 90},
        "curation": {"workers": 1, "test": 0.25, "validation": 0.25},
        "shards": {"tile_px": 64, "tiles_per_photo": 2, "shard_photos": 64},
    }  # fmt: skip
    file = folder / "pipelines.yaml"
    file.write_text(json.dumps(tree, indent=1))
    return file


def what(request: Request) -> str:
    """Return what a request asks for, without what differs from window to window and from photograph to photograph."""
    path, _, query = request.target.partition("?")
    key = unquote(path).removeprefix(f"/{BUCKET}").lstrip("/")
    if request.kind == "LIST":
        key = parse_qs(query).get("prefix", [""])[0] + ("*" if "delimiter" in query else "**")
    key = re.sub(r"\d{8}T\d{6}Z_\d{8}T\d{6}Z_[^/]*", "<window>", key.removeprefix("data/"))
    key = re.sub(r"^originals/(\w+)/.*\.jpg", r"originals/\1/<photo>", key)
    key = re.sub(r"_leases/[^*]+", "_leases/<unit>", key)
    return re.sub(r"\b(?=\w*\d)[0-9a-f]{8,}\b", "#", re.sub(r"\d{4}-[0-9a-f]{8,}", "<generation>", key))


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for site, default in zip(SITES, ("12x10", "12x6"), strict=True):
        parser.add_argument(f"--{site}", default=default, metavar="CAMERASxPHOTOGRAPHS")
    parser.add_argument("--refresh", type=int, default=0, metavar="N")
    parser.add_argument("--what", action="store_true")
    arguments = parser.parse_args()
    sizes = {site: tuple(map(int, getattr(arguments, site).split("x"))) for site in SITES}
    with tempfile.TemporaryDirectory() as name, ObjectStore() as store:
        folder = Path(name)
        (folder / "uploads").mkdir()
        (folder / "cameras.yaml").write_text(json.dumps(catalogue(max(cameras for cameras, _ in sizes.values()))))
        asked: Counter[tuple[str, str]] = Counter()
        store.seen = lambda request: asked.update([(request.kind, what(request))])
        shown: list[Upload] = []
        for round_number in range(2 if arguments.refresh else 1):
            for site, (cameras, each) in sizes.items():
                first, more = (0, each) if round_number == 0 else (each, arguments.refresh)
                shown += uploads(folder / "uploads", site, cameras, more, first)
            write_listing(folder / "uploads", shown, {})
            last = max(upload.uploaded_at_s for upload in shown)
            with PhotoSite(folder / "uploads", read_catalogue(folder / "cameras.yaml")) as site:
                file = configure(folder, store.url, site, last + DAY_S // 2)
                own = {"SHUTTERPRINT_CONFIG": str(file), "FLICKR_API_KEY": KEY}
                environment = {**os.environ, **store.environment(), **own}
                for stage, command in STAGES.items():
                    program = Path(sys.executable).with_name(command[0])
                    began_s = time.monotonic()
                    ended = subprocess.run(
                        [str(program), *command[1:]], cwd=REPOSITORY, env=environment, capture_output=True, text=True
                    )
                    if ended.returncode:
                        print(ended.stdout + ended.stderr)
                        return 1
                    said = re.findall(r"requests: .*", ended.stdout + ended.stderr)
                    took_s = time.monotonic() - began_s
                    counts = store.counts()
                    print(f"{stage} {counts.total()} {dict(counts.most_common())} {took_s:.0f} s", flush=True)
                    print(f"  {said[-1] if said else ''}")
                    for (kind, key), number in asked.most_common() if arguments.what else ():
                        print(f"  {number:>5} {kind:<6} {key}")
                    asked.clear()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
