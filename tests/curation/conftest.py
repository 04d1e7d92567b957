"""Fixtures of the curation tests: facts by hand, cameras, JPEG files with EXIF, and a store as a crawl leaves it."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from corpus.catalogue import Camera, Catalogue
from corpus.records import RECORD, original_path, version_of
from corpus.storage import Store, open_store
from forensics.photo_facts import PhotoFacts

CATALOGUE = """
alpha-one:
  name: Alpha One
  make: [ALPHA]
  model: [One]
  sizes: [160x128]
  software: ["A1.*"]
beta-two:
  name: Beta Two
  make: [Beta]
  model: [Two]
  sizes: [160x128, 192x128]
"""

PLAIN = PhotoFacts(
    width_px=4032,
    height_px=3024,
    coding="baseline",
    precision_bits=8,
    components=3,
    subsampling="4:2:0",
    mcu_width_px=16,
    mcu_height_px=16,
    quantisation_tables=((1,) * 64, (1,) * 64),
    huffman="standard",
    segments=("APP1:Exif", "DQT", "SOF0", "DHT", "SOS"),
    scan_offset_bytes=12000,
    is_complete=True,
    trailing_bytes=0,
    quality_factor=96,
    quality_residual=0.0,
    make="LGE",
    model="Nexus 5X",
    software="bullhead-user 6.0.1",
    processing_software=None,
    serial_number=None,
    taken_at="2016:05:01 10:11:12",
    modified_at="2016:05:01 10:11:12",
    exif_width_px=4032,
    exif_height_px=3024,
    orientation=1,
    exif_error=None,
    xmp_creator_tool=None,
    xmp_history_agents=(),
    comments=(),
    editor_marks=(),
)


@pytest.fixture
def photo() -> Callable[..., PhotoFacts]:
    """Return a maker of facts: those of a genuine photo by a Nexus 5X but for what is given."""
    return lambda **changes: replace(PLAIN, **changes)


@pytest.fixture(scope="session")
def jpeg() -> Callable[..., bytes]:
    """Return a maker of JPEG files with EXIF; `seed` decides the pixels."""
    return make_jpeg


def make_jpeg(
    seed: int = 0,
    *,
    make: str | None = "ALPHA",
    model: str | None = "One",
    software: str | None = "A1.07",
    serial_number: str | None = None,
    size: tuple[int, int] = (160, 128),
    quality: int = 97,
    **save: Any,
) -> bytes:
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    exif = Image.Exif()
    for tag, value in ((271, make), (272, model), (305, software), (306, "2020:01:01 10:00:00")):
        if value is not None:
            exif[tag] = value
    inner: dict[int, Any] = {0x9003: "2020:01:01 10:00:00", 0xA002: size[0], 0xA003: size[1]}
    if serial_number is not None:
        inner[0xA431] = serial_number
    exif._ifds[0x8769] = inner
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, exif=exif.tobytes(), **save)
    return without_jfif(buffer.getvalue())


def without_jfif(data: bytes) -> bytes:
    """Return a file without its JFIF segment, as cameras write it."""
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6]) :]


@dataclass
class World:
    """A folder with a configuration and a store that this test fills as a crawl would."""

    folder: Path
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = open_store("data", self.folder)
        (self.folder / "cameras.yaml").write_text(CATALOGUE)
        self.configure()

    def configure(self, **changes: Any) -> None:
        tree: dict[str, Any] = {
            "storage": "data",
            "catalogue": "cameras.yaml",
            "curation": {"workers": 1, "batch_photos": 4, "test": 0.25, "validation": 0.25},
            "shards": {"tile_px": 64, "tiles_per_photo": 2, "shard_photos": 8},
        }
        for key, value in changes.items():
            tree[key] = {**tree.get(key, {}), **value} if isinstance(value, dict) else value
        (self.folder / "pipelines.yaml").write_text(json.dumps(tree))

    def record(self, site_id: str, data: bytes | None = None, **columns: Any) -> dict[str, Any]:
        """Return a record; with `data` a stored one, whose original is written."""
        row: dict[str, Any] = dict.fromkeys(RECORD.names)
        row |= {
            "photo": f"flickr:{site_id}",
            "version": version_of(site_id),
            "source": "flickr",
            "state": "stored" if data is not None else "refused",
            "page_url": f"https://photos.example/{site_id}",
            "title": f"Title {site_id}",
            "owner_id": "owner-a",
            "owner_name": "Owner A",
            "licence": "CC BY 2.0",
            "licence_url": "https://creativecommons.org/licenses/by/2.0/",
            "uploaded_at": "2020-01-02T00:00:00Z",
            "reasons": [],
        }
        row |= columns
        if data is not None:
            row["original"] = original_path(row["photo"], row["version"])
            row.setdefault("sha256", None)
            row["sha256"] = row["sha256"] or hashlib.sha256(data).hexdigest()
            row["size_bytes"] = len(data)
            self.store.publish(row["original"], data)
        return row

    def window(self, name: str, rows: list[dict[str, Any]], source: str = "flickr", *, done: bool = True) -> None:
        """Leave a window of records, whole or not."""
        self.store.publish_table(f"crawl/{source}/{name}/records.parquet", pa.Table.from_pylist(rows, RECORD))
        if done:
            self.store.mark_done(f"crawl/{source}/{name}", {"photos": len(rows)})

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "curation.run", "--config", str(self.folder / "pipelines.yaml"), *arguments]

    def curate(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the job in a process of its own."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )

    def generations(self) -> list[str]:
        return self.store.done_names("curated")

    def rows(self, generation: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the judged rows of a generation, by photo."""
        name = generation or self.generations()[-1]
        return {row["photo"]: row for row in self.store.read_table(f"curated/{name}/photos.parquet").to_pylist()}

    def files(self, below: str) -> dict[str, bytes]:
        """Return every file below a folder of the store, by relative path."""
        root = Path(self.store.path(below))
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return an empty world."""
    return World(tmp_path)


def fill(world: World, *, groups: int = 4, photos: int = 4) -> None:
    """Leave a window of genuine photos of two cameras, several devices each, and some that must be refused."""
    rows = []
    for camera, (make, model, software) in enumerate([("ALPHA", "One", "A1.07"), ("Beta", "Two", None)]):
        for group in range(groups):
            for number in range(photos):
                data = make_jpeg(
                    camera * 10000 + group * 100 + number,
                    make=make,
                    model=model,
                    software=software,
                    serial_number=f"SN{camera}-{group:04d}",
                )
                rows.append(world.record(f"{camera}{group}{number}", data, owner_id=f"owner-{camera}-{group}"))
    rows.append(world.record("edited", make_jpeg(9001, software="Adobe Photoshop CS5 Windows")))
    rows.append(world.record("hard", make_jpeg(9002, quality=60)))
    rows.append(world.record("html", b"<!doctype html><title>429</title>"))
    rows.append(world.record("cut", make_jpeg(9003)[:-400]))
    rows.append(world.record("forbidden", reasons=["download_forbidden"]))
    world.window("w1", rows)


@pytest.fixture(scope="session")
def empty_world() -> Callable[[Path], World]:
    """Return a maker of empty worlds in a folder, for fixtures that many tests share."""
    return World


@pytest.fixture
def filled(world: World) -> World:
    """Return a filled world in which nothing has run."""
    fill(world)
    return world


@dataclass(frozen=True)
class Finished:
    """A filled world whose job has run once; to be looked at, not changed."""

    world: World
    output: str
    took_s: float


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run the job once for all tests that only look at what it leaves."""
    world = World(tmp_path_factory.mktemp("finished"))
    fill(world)
    began_s = time.monotonic()
    result = world.curate()
    assert result.returncode == 0, result.stderr
    return Finished(world, result.stdout, time.monotonic() - began_s)


@pytest.fixture
def curated(finished: Finished, tmp_path: Path) -> World:
    """Return a copy of the finished world, for tests that go on from there."""
    shutil.copytree(finished.world.folder, tmp_path, dirs_exist_ok=True)
    return World(tmp_path)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Return a catalogue of two cameras, one named for its firmware."""
    return Catalogue(
        cameras=(
            Camera(
                key="iphone-6", name="iPhone 6", make=("Apple",), model=("iPhone 6",), sizes=("3264x2448",),
                software=("[0-9]*",),
            ),
            Camera(
                key="nexus-5x", name="LG Nexus 5X", make=("LG*",), model=("Nexus 5X",), sizes=("4032x3024",),
                software=("bullhead*", "HDR+*"),
            ),
        )
    )  # fmt: skip
