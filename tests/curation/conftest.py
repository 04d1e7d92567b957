"""Fixtures of the curation tests: hand-made facts, cameras, JPEG files with EXIF, and stores as a crawl leaves them."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from benchmarks.preloaded import Preloaded, Run, preloaded_stage
from corpus.cameras.catalogue import Camera, Catalogue
from corpus.manifests.handed_on import handed_on
from corpus.records import EXAMINED, RECORD, original_path, version_of
from corpus.sections import Consensus, Curation, Rules, Shards, Support
from corpus.storage import Store, open_store
from corpus.storage.parts import photos_table
from curation.cluster.frames import Frames
from curation.facts.examine import Trouble, facts_folder, facts_row, kind_of
from curation.generations import Past, latest_generation
from curation.judging.given_splits import GivenSplits
from curation.judging.inputs import find_inputs
from curation.judging.whole_corpus import Judged, JudgeSettings, judge_all
from curation.publishing.generation import Published, publish_generation
from curation.run import main
from forensics.photo_facts import PhotoFacts
from tests.conftest import built_once, dask_scheduler, run_here

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


@pytest.fixture(scope="session")
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


@cache
def preloaded() -> Preloaded:
    """Return a process whose forks are jobs: starting Python and Dask's worker takes longer than such a job."""
    return preloaded_stage("curation")


@pytest.fixture(scope="session", autouse=True)
def _end_preloaded() -> Iterator[None]:
    yield
    if preloaded.cache_info().currsize:
        preloaded().close()


@dataclass
class World:
    """A folder with a configuration and a store that this test fills as a crawl would."""

    folder: Path
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = open_store("data", self.folder)
        if not (self.folder / "pipelines.yaml").exists():  # else it is a world that others may be looking at
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

    def start(self, *arguments: str) -> Run:
        """Start the job in a process group of its own; job and worker are forks of a process that has imported them."""
        out, err = self.folder / "stdout", self.folder / "stderr"
        return preloaded().start(self.command(*arguments)[1:], os.environ, out, err, self.folder)

    def curate(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the job in a process of its own."""
        run = self.start(*arguments)
        if (code := run.wait(240)) is None:
            run.kill()
        out, err = ((self.folder / name).read_text() for name in ("stdout", "stderr"))
        assert code is not None, f"it hangs: {out}{err}"
        return subprocess.CompletedProcess([], code, out, err)

    def curate_here(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the job in this process, on the Dask worker that all tests share."""
        cluster = f"clusters.dask_scheduler={dask_scheduler()}"
        return run_here(lambda: main([*self.command()[3:], "--set", cluster, *arguments]))

    def generations(self) -> list[str]:
        return self.store.done_names("curated")

    def rows(self, generation: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the judged rows of a generation, by photo."""
        name = generation or self.generations()[-1]
        return {row["photo"]: row for row in photos_table(self.store, f"curated/{name}").to_pylist()}

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

    def build(folder: Path) -> None:
        world = World(folder)
        fill(world)
        run = world.start()
        began_s = time.monotonic()
        code = run.wait(240)
        took_s = time.monotonic() - began_s
        assert code == 0, (folder / "stderr").read_text()
        told = {"output": (folder / "stdout").read_text(), "took_s": took_s}
        folder.with_name("finished.json").write_text(json.dumps(told))

    folder = built_once(tmp_path_factory, "finished", build)
    return Finished(World(folder), **json.loads(folder.with_name("finished.json").read_text()))


@pytest.fixture
def curated(finished: Finished, tmp_path: Path) -> World:
    """Return a copy of the finished world, for tests that go on from there."""
    shutil.copytree(finished.world.folder, tmp_path, dirs_exist_ok=True)
    return World(tmp_path)


@pytest.fixture(scope="session")
def digest() -> Callable[..., str]:
    """Return what makes hex digits that stand for a text."""
    return digest_of


def digest_of(text: object, digits: int = 64) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()[:digits]


@dataclass
class Corpus:
    """Records and facts of photographs without any picture, and their judgement in this process."""

    store: Store
    catalogue: Catalogue
    records: list[dict[str, Any]] = field(default_factory=list)
    examined: list[dict[str, Any]] = field(default_factory=list)
    windows: int = 0

    def record(self, site_id: object, **columns: Any) -> dict[str, Any]:
        """Add a record, by default of a photo that was refused at the door."""
        row = dict.fromkeys(RECORD.names) | {
            "photo": f"flickr:{site_id}", "version": "v", "source": "flickr", "state": "refused", "size_bytes": 1000,
            "owner_id": "ann", "owner_name": "Ann", "title": f"Title {site_id}", "licence": "CC BY 2.0",
            "page_url": f"https://photos.example/{site_id}", "reasons": [],
        }  # fmt: skip
        self.records.append(row | columns)
        return self.records[-1]

    def photo(self, site_id: object, facts: PhotoFacts | None, *, seen: str | None = None, **columns: Any) -> None:
        """Add a stored photo and its facts; `seen`: its perceptual hash; other columns of EXAMINED or of RECORD.

        Its scan and its bytes are its own but where they are given.
        """
        found = {name: columns.pop(name) for name in EXAMINED.names if name in columns and name not in RECORD.names}
        row = self.record(site_id, **{"state": "stored", **columns})
        row["sha256"] = row["sha256"] or digest_of(f"bytes of {row['photo']} {row['version']}")
        row["original"] = row["original"] or original_path(row["photo"], row["version"])
        if facts is not None and facts.scan_digest is None:
            facts = replace(facts, scan_digest=digest_of(f"scan of {row['photo']} {row['version']}", 32))
        said = {"error": "not a JPEG"} if facts is None else {"facts": facts_row(facts), "perceptual_hash": seen}
        same = {name: row[name] for name in ("photo", "version", "original", "sha256", "size_bytes")}
        self.examined.append(dict.fromkeys(EXAMINED.names) | same | said | found)

    def write(self, curation: Curation) -> None:
        """Leave what was added since as a crawl and an examination do."""
        self.windows += 1
        name = f"w{self.windows:02d}"
        self.store.publish_table(f"crawl/flickr/{name}/records.parquet", pa.Table.from_pylist(self.records, RECORD))
        self.store.mark_done(f"crawl/flickr/{name}", {"photos": len(self.records)})
        table = pa.Table.from_pylist(self.examined, EXAMINED)
        self.store.publish_table(f"{facts_folder(kind_of(curation))}/{name}.parquet", table)
        self.records, self.examined = [], []

    def judge(
        self,
        cameras: tuple[str, ...] | str | Support = "all",
        *,
        rules: Rules | None = None,
        consensus: Consensus | None = None,
        troubles: Iterable[Trouble] = (),
        given: GivenSplits | None = None,
        afresh: bool = False,
        **settings: Any,
    ) -> Judged:
        """Judge all that was ever added, as the job does; `settings`: keys of the section `curation`.

        `afresh`: as if nothing had been published.
        """
        curation = Curation(**{"test": 0.25, "validation": 0.25, **settings})
        if self.records or not self.windows:
            self.write(curation)
        catalogue = self.catalogue.opened() if isinstance(cameras, Support) else self.catalogue
        told = (rules or Rules(), consensus or Consensus(), curation, given or GivenSplits())
        judge_settings = JudgeSettings(catalogue, cameras, *told)
        inputs = find_inputs(self.store, kind_of(curation))
        past = Past(self.store, None if afresh else latest_generation(self.store), handed_on(self.store))
        return judge_all(inputs, past, troubles, judge_settings, Frames(None), lambda *_: nullcontext(lambda _: None))

    def rows(self, *arguments: Any, **settings: Any) -> dict[str, dict[str, Any]]:
        """Judge, and return the rows by the site's id, in their order; see `judge`."""
        return rows_of(self.judge(*arguments, **settings))

    def publish(self, *arguments: Any, shards: Shards | None = None, **settings: Any) -> Published:
        """Judge and publish a generation; see `judge`."""
        judged = self.judge(*arguments, **settings)
        return publish_generation(self.store, judged, SETTINGS, shards or Shards(), lambda _: None, lambda: None)


SETTINGS = {
    "cameras": "all",
    "rules": Rules().model_dump(),
    "consensus": Consensus().model_dump(),
    "curation": Curation().model_dump(),
}


def rows_of(judged: Judged) -> dict[str, dict[str, Any]]:
    """Return the rows of a judgement by the site's id; walks its parts."""
    rows = [row for table, _, _ in judged.parts for row in table.to_pylist()]
    return {row["photo"].partition(":")[2]: row for row in rows}


@pytest.fixture
def corpus(tmp_path: Path, catalogue: Catalogue) -> Corpus:
    """Return an empty corpus."""
    return Corpus(open_store("corpus", tmp_path), catalogue)


@pytest.fixture(scope="session")
def varied_corpus(catalogue: Catalogue) -> Callable[[Store], Corpus]:
    """Return what puts 300 uploads with all that can befall a photo into a store, in an order of no meaning."""

    def fill_it(store: Store) -> Corpus:
        corpus = Corpus(store, catalogue)
        random = np.random.default_rng(0)
        for number in random.permutation(300).tolist():
            kind, other = number % 10, int(random.integers(200))
            told: dict[str, Any] = {"tables_digest": f"{number % 3 // 2:016x}", "segments_form": "cd" * 8}
            columns: dict[str, Any] = {"owner_id": f"owner{number % 37}"}
            if kind == 0:
                columns["sha256"] = digest_of(f"bytes {number // 20}")
            elif kind == 1:
                columns["seen"] = f"{int(digest_of('seen'), 16) ^ (1 << other) ^ (1 << other % 7):064x}"
            elif kind == 2:
                told["coding"] = "progressive"
            elif kind == 3:
                told |= {"make": "KODAK", "model": "Z650", "software": None}
            elif kind == 4:
                told |= {"serial_number": f"SN{number:06d}", "editor_marks": ("app13: Photoshop 3.0",)[: number % 3]}
            corpus.photo(digest_of(number, 12), replace(PLAIN, **told), **columns)
        return corpus

    return fill_it


@pytest.fixture(scope="session")
def rows_judged() -> Callable[[Judged], dict[str, dict[str, Any]]]:
    """Return what walks a judgement and returns its rows by the site's id."""
    return rows_of


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


def copy_crawl(here: Store, there: Store) -> None:
    """Copy a window's records, marker and originals from one store to another."""
    for record in here.read_table("crawl/flickr/w1/records.parquet").to_pylist():
        if record["original"]:
            there.publish(record["original"], here.read(record["original"]))
    for name in ("records.parquet", "_done.json"):
        there.publish(f"crawl/flickr/w1/{name}", here.read(f"crawl/flickr/w1/{name}"))
