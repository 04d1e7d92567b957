"""Photographs for the crawl's benchmarks: JPEGs, and a listing that says which of them a crawl must store.

A few pictures of noise are encoded once; every photo is one of them after a header of its own, so that all files differ
and a thousand of them are written in seconds. Equal plans give equal bytes.
"""

import dataclasses
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from demo.uploads.upload import LISTING, Upload, read_listing, write_listing

SINCE, UNTIL = "2020-01-01", "2020-02-01"
SINCE_S, SPAN_S = 1577836800, 31 * 86400
REFUSED_KINDS = ("edited", "resized", "stranger", "low_quality")
QUALITY, LOW_QUALITY = 97, 80
SEGMENT_MAX_BYTES = 65_533
HEADER_SHARES = (0.0, 0.5, 0.73, 0.785, 0.9, 0.99, 0.992, 0.999, 1.0)
HEADER_KIB = (5.0, 18.0, 32.0, 64.0, 71.0, 121.0, 128.0, 300.0, 1642.0)
"""Start of the scan in 1,000 real originals: quantiles (HEADER_SHARES) and KiB from the file's start (HEADER_KIB)."""


@dataclass(frozen=True)
class Plan:
    """The number of photographs, the share that the rules refuse, and their appearance.

    `deviations`: of the noise, which decides the files' sizes. `header_scale`: factor on the headers' lengths.
    `cameras`: the number of queries over which the photographs are spread.
    """

    photos: int
    refused_share: float
    width_px: int = 2048
    height_px: int = 1536
    deviations: tuple[float, ...] = (4.0, 6.0, 10.0, 15.0, 24.0)
    header_scale: float = 1.0
    cameras: int = 1
    seed: int = 2018

    @property
    def name(self) -> str:
        """The name of the folder that keeps the photographs for the next run."""
        return f"{self.photos}-photos-{sha256(repr(self).encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Photos:
    """A folder with `photos/`, `cameras.yaml` and the demo's listing, and the photographs listed there."""

    folder: Path
    listed: list[Upload]

    @property
    def files(self) -> Path:
        """The folder of the files."""
        return self.folder / "photos"

    @property
    def accepted(self) -> dict[str, Upload]:
        """The photographs that a crawl must store, by name."""
        return {photo.file: photo for photo in self.listed if photo.kind == "genuine"}

    @property
    def size_bytes(self) -> int:
        """The length of all files together."""
        return sum(photo.size_bytes for photo in self.listed)


def write_photos(folder: Path, plan: Plan) -> Photos:
    """Return the photographs of a plan, after writing them below `folder` unless they are there already."""
    folder = folder / plan.name
    if not (folder / LISTING).exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "photos").mkdir(parents=True)
        (folder / "cameras.yaml").write_text(yaml.safe_dump(_cameras(plan)))
        planned = list(_planned(plan))
        workers = min(4, os.cpu_count() or 1)
        # in other processes, so that this one stays small: a started process's peak memory includes its starter's
        with ProcessPoolExecutor(workers) as pool:
            shares = [(folder, plan, planned[first::workers]) for first in range(workers)]
            written = [photo for share in pool.map(_write_share, shares) for photo in share]
        write_listing(folder, sorted(written, key=lambda photo: int(photo.id)), dataclasses.asdict(plan))
    return Photos(folder, read_listing(folder)[0])


def _cameras(plan: Plan) -> dict[str, dict[str, object]]:
    shared = {"make": ["Acme"], "sizes": [f"{plan.width_px}x{plan.height_px}"], "software": ["Fw*"]}
    return {
        f"acme-{n}": {"name": f"Acme {n}", "model": [f"Model {n}"], "flickr": f"acme/model_{n}", **shared}
        for n in range(plan.cameras)
    }


def _planned(plan: Plan) -> Iterator[tuple[Upload, int]]:
    """Yield each photo and its header's length in bytes; both distributions are exact, their order is random."""
    random = np.random.default_rng(plan.seed)
    refused = round(plan.photos * plan.refused_share)
    kinds = [REFUSED_KINDS[number % len(REFUSED_KINDS)] for number in range(refused)]
    kinds = random.permutation([*kinds, *["genuine"] * (plan.photos - refused)]).tolist()
    shares = (random.permutation(plan.photos) + 0.5) / plan.photos
    headers = np.interp(shares, HEADER_SHARES, HEADER_KIB) * 1024 * plan.header_scale
    for number, (kind, header_bytes) in enumerate(zip(kinds, headers, strict=True)):
        photo = Upload(
            id=str(number + 1), site="flickr", file=f"{number + 1}.jpg", title=f"Photo {number + 1}",
            owner_id=f"{number % 97}@N00", owner_name=f"Owner {number % 97}", licence="4", taken_at="",
            uploaded_at_s=SINCE_S + SPAN_S * number // plan.photos, claimed_camera=f"acme-{number % plan.cameras}",
            kind=kind, camera=None, device=None, expected_reasons=(), size_bytes=0, sha1="",
            width_px=plan.width_px, height_px=plan.height_px - (64 if kind == "resized" else 0),
        )  # fmt: skip
        yield photo, int(header_bytes)


def _write_share(share: tuple[Path, Plan, Sequence[tuple[Upload, int]]]) -> list[Upload]:
    folder, plan, planned = share
    written = []
    for photo, header_bytes in planned:
        quality = LOW_QUALITY if photo.kind == "low_quality" else QUALITY
        deviation = plan.deviations[int(photo.id) % len(plan.deviations)] * (7 if photo.kind == "low_quality" else 1)
        picture = _picture(photo.width_px, photo.height_px, quality, deviation)
        scan_start = picture.index(b"\xff\xda") + 2
        data = b"\xff\xd8" + _header(photo, header_bytes - scan_start) + picture
        (folder / "photos" / photo.file).write_bytes(data)
        written.append(dataclasses.replace(photo, size_bytes=len(data)))
    return written


@cache
def _picture(width_px: int, height_px: int, quality: int, deviation: float) -> bytes:
    """Return a JPEG of noise over a gradient, without its first two segments (SOI and JFIF)."""
    random = np.random.default_rng(1)
    slope = np.linspace(60, 190, width_px, dtype=np.float32)[None, :, None]
    noise = random.standard_normal((height_px, width_px, 3), dtype=np.float32) * deviation
    file = io.BytesIO()
    Image.fromarray(np.clip(slope + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    data = file.getvalue()
    return data[4 + int.from_bytes(data[4:6]) :]


def _header(photo: Upload, header_bytes: int) -> bytes:
    """Return EXIF, followed by filling up to the header's length, as previews and makers' own data fill real ones."""
    exif = Image.Exif()
    software = "Adobe Photoshop CS5 Windows" if photo.kind == "edited" else "Fw 1.0"
    model = "Another" if photo.kind == "stranger" else f"Model {photo.claimed_camera.rpartition('-')[2]}"
    for tag, text in ((0x010E, photo.file), (0x010F, "Acme"), (0x0110, model), (0x0131, software)):
        exif[tag] = text
    payload = exif.tobytes()
    filling = np.random.default_rng(int(photo.id)).bytes(max(header_bytes - len(payload), 0))
    first = SEGMENT_MAX_BYTES - len(payload)
    segments = _segment(0xE1, payload + filling[:first])
    for start in range(first, len(filling), SEGMENT_MAX_BYTES - 6):
        segments += _segment(0xE2, b"FPXR\0\0" + filling[start : start + SEGMENT_MAX_BYTES - 6])
    return segments


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload
