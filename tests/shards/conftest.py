"""Photographs with everything that must not reach a shard in them, and stores that hold some."""

import hashlib
import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from PIL import Image

from corpus.records import SPLITS, photo_digest
from corpus.sections import Shards
from corpus.storage import Store, open_store
from shards.index import Folds, Index, publish_index
from shards.index.build import FOUND, PLANNED, build_index
from shards.index.publish import publish_tables
from shards.index.tables import FORMAT
from shards.plan import plan_shards
from shards.remote.cache import LocalCache
from shards.write import write_shard
from tests.conftest import noisy_image

FOLDS = 5
"""Photograph n of a collection is in fold n modulo FOLDS."""
SECRETS = (b"Jane Owner", b"SN-4711-0815", b"a comment", b"xmp-secret", b"icc-secret", b"Exif")


def make_jpeg(
    width_px: int = 200, height_px: int = 152, subsampling: str = "4:2:0", seed: int = 0, **options: Any
) -> bytes:
    """Return a photograph of smooth and noisy parts with EXIF (owner, serial number, GPS), XMP, ICC and a comment."""
    image = noisy_image(width_px, height_px, seed)
    if subsampling == "grey":
        image = image.convert("L")
    else:
        options["subsampling"] = subsampling
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = "Maker", "Jane Owner"
    exif.get_ifd(0x8769)[0xA431] = "SN-4711-0815"
    exif.get_ifd(0x8825)[1] = "N"
    stream = io.BytesIO()
    metadata = {"exif": exif, "xmp": b"xmp-secret", "icc_profile": b"icc-secret", "comment": "a comment"}
    image.save(stream, "JPEG", **{"quality": 95, **metadata, **options})
    return stream.getvalue()


@pytest.fixture(scope="session")
def jpeg() -> Callable[..., bytes]:
    return make_jpeg


@pytest.fixture(scope="session")
def secrets() -> tuple[bytes, ...]:
    return SECRETS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "data"))


class Collection:
    """Originals in a store and the rows curation would judge them to be; camera `a` has most photographs."""

    def __init__(self, store: Store, classes: tuple[str, ...] = ("a", "b", "c")) -> None:
        self.store, self.classes = store, classes
        self.rows: list[dict[str, Any]] = []

    def add(self, count: int, *, split: str = "train", camera: str | None = None, **options: Any) -> None:
        for _ in range(count):
            number = len(self.rows)
            data = make_jpeg(**{"seed": number, "width_px": 200, "height_px": 72, **options})
            own = camera or ("a", "a", "a", "b", "c")[number % 5]
            original = f"originals/folder/{number:03d}.jpg"
            self.store.publish(original, data)
            self.rows.append(
                {
                    "photo": f"folder:{number}",
                    "version": "0123456789",
                    "kept": True,
                    "camera": own,
                    "split": split,
                    "group": f"device-{own}-{number % 2}",
                    "original": original,
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "quality_factor": 95,
                }
            )

    def publish(self, settings: Shards, generation: str = "0001-aa", previous: Any = ()) -> Index:
        plans = plan_shards(self.rows, settings, self.classes, previous)
        entries = [write_shard(self.store, plan, settings) for plan in plans]
        of = {photo_digest(row["photo"], row["version"]): number % FOLDS for number, row in enumerate(self.rows)}
        return publish_index(self.store, generation, self.classes, entries, Folds(FOLDS, of))


@pytest.fixture(scope="session")
def collection_in() -> Callable[[Store], Collection]:
    return Collection


@pytest.fixture
def collection(store: Store) -> Collection:
    return Collection(store)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Store, Index]]:
    """A function from a number of train shards to a store and its index: 20 photos of 2 tiles, 2 test photos."""
    made: dict[int, tuple[Store, Index]] = {}

    def get(shards: int) -> tuple[Store, Index]:
        if shards not in made:
            store = open_store(str(tmp_path_factory.mktemp(f"shards-{shards}")))
            collection = Collection(store)
            collection.add(20)
            collection.add(2, split="test")
            settings = Shards(tile_px=64, tiles_per_photo=2, shard_photos=-(-20 // shards))
            made[shards] = store, collection.publish(settings)
        return made[shards]

    return get


class Photo(NamedTuple):
    """One photograph of a made-up generation."""

    label: int
    group: str
    tiles: int = 2
    split: str = "train"
    fold: int = -1
    edge_px: int = 512


def digest_of(number: int) -> int:
    return int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8], "big")


def tables_of(photos: Sequence[Photo], shards: int = 1) -> dict[str, pa.Table]:
    """Return the tables of an index of made-up photographs, of which there are no tars; they lie in turns in shards."""
    planned, found, rows = [], [], [0] * shards
    for number, photo in enumerate(photos):
        digest, tar = digest_of(number), number % shards
        planned.append(
            {"photo": digest, "tar": tar, "label": photo.label, "group": photo.group, "fold": photo.fold}
            | {"split": SPLITS.index(photo.split), "quality_factor": 95}
        )
        for tile in range(photo.tiles):
            found.append(
                {"photo": digest, "tile": tile, "label": photo.label, "tar": tar, "row": rows[tar]}
                | {"offset_bytes": 2048 * rows[tar] + 512, "length_bytes": 100, "x_px": 0, "y_px": 0}
                | {"width_px": photo.edge_px, "height_px": 1024}
            )
            rows[tar] += 1
    return build_index(pa.Table.from_pylist(planned, PLANNED), pa.Table.from_pylist(found, FOUND))


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Index]:
    """A function from photographs and a number of shards to a published index of them, in an object store."""
    numbers, cache = itertools.count(1), LocalCache(tmp_path_factory.mktemp("cache"))

    def publish(photos: Sequence[Photo], shards: int = 1, folds: int | None = None) -> Index:
        index = Index(open_store("memory://made-up"), f"{next(numbers):06d}-aa", cache=cache)
        tars = [f"{number}.tar" for number in range(shards)]
        splits = {split: {"shards": tars if split == "train" else []} for split in SPLITS}
        classes = [f"camera-{label}" for label in range(1 + max((photo.label for photo in photos), default=0))]
        content = {"format": FORMAT, "classes": classes, "splits": splits, "failures": [], "folds": folds}
        publish_tables(index.store, index.generation, tables_of(photos, shards), content, {})
        return index

    return publish


@pytest.fixture(scope="session")
def photo() -> type[Photo]:
    return Photo
