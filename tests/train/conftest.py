"""A store of small photographs whose cameras differ in their noise alone: a tiny network learns them at once."""

import hashlib
import shutil
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
import torch
import yaml

from corpus.configuration import read_configuration
from corpus.records import photo_digest
from corpus.sections import Shards, Training
from corpus.storage import Store, open_store
from shards.entries import POOL
from shards.index import Folds, Index, publish_index, read_index
from shards.plan import plan_shards
from shards.reader import TileReader
from shards.write import write_shard
from tests.conftest import built_once
from train.main import train

FOLDS = 4
CAMERAS = ("grainy", "smooth", "striped")
SETTINGS = {
    "network": "shutter_tiny",
    "front": "residual",
    "outer_crop_px": 64,
    "crop_px": 32,
    "manipulation_probability": 0.25,
    "batch": 8,
    "epochs": 3,
    "steps_per_epoch": 4,
    "learning_rate": 0.01,
    "warm_up_steps": 2,
    "loaders": 0,
    "threads": 1,
    "test_crops": 2,
}
CATALOGUE = {
    key: {"name": f"The {key} one", "make": ["Maker"], "model": [key.upper()], "sizes": ["96x96"]}
    for key in (*CAMERAS, "other")
}


def photograph(camera: str, seed: int, edge_px: int = 96) -> bytes:
    """Return a photograph: any scene, and the noise of its camera over it."""
    rng = np.random.default_rng([zlib.crc32(camera.encode()), seed])
    scene = cv2.resize(rng.integers(60, 200, (4, 4, 3)).astype(np.float32), (edge_px, edge_px))
    noise = rng.normal(0, 1, (edge_px, edge_px, 1))
    if camera == "grainy":
        scene = scene + 12 * noise
    elif camera == "striped":
        scene = scene + 10 * (np.arange(edge_px)[:, None, None] % 2) - 5
    else:
        scene = scene + 0.5 * noise
    pixels = np.clip(scene, 0, 255).astype(np.uint8)
    return simplejpeg.encode_jpeg(pixels, quality=97, colorsubsampling="444")


def fill_store(
    store: Store,
    photos: dict[str, int],
    cameras: tuple[str, ...] = CAMERAS,
    edge_px: int = 96,
    number: int = 1,
    restart_mcus: int = 8,
) -> Index:
    """Publish a generation of shards: `photos` of each camera by split."""
    rows: list[dict[str, Any]] = []
    for split, count in photos.items():
        for camera in cameras:
            for place in range(count):
                name = f"{split}-{camera}-{place}"
                data = photograph(camera, zlib.crc32(name.encode()), edge_px)
                original = f"originals/folder/{name}.jpg"
                store.publish(original, data)
                rows.append(
                    {
                        "photo": f"folder:{name}",
                        "version": "0123456789",
                        "kept": True,
                        "camera": camera,
                        "split": split,
                        "group": f"{split}-{camera}-{place % 2}",
                        "original": original,
                        "sha256": hashlib.sha256(data).hexdigest(),
                        "quality_factor": 97,
                    }
                )
    settings = Shards(tile_px=max(edge_px, 64), tiles_per_photo=1, shard_photos=10, restart_mcus=restart_mcus)
    entries = [write_shard(store, plan, settings) for plan in plan_shards(rows, settings, cameras)]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    of = {photo_digest(row["photo"], row["version"]): groups.index(row["group"]) % FOLDS for row in rows}
    return publish_index(store, f"{number:04d}-abcdef", cameras, entries, Folds(FOLDS, of))


@pytest.fixture(scope="session")
def settings() -> Callable[..., Training]:
    """Return the settings of a tiny training, with changes."""
    return lambda **changes: Training.model_validate({**SETTINGS, **changes})


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store with a generation of three cameras, to be read only."""

    def build(folder: Path) -> None:
        fill_store(open_store(str(folder / "data")), {"train": 6, "validation": 2, "test": 4})

    return built_once(tmp_path_factory, "filled", build) / "data"


@pytest.fixture
def filled(tmp_path: Path, filled_once: Path) -> Store:
    """Return a store of the test's own with a generation of three cameras."""
    return open_store(str(shutil.copytree(filled_once, tmp_path / "data")))


@pytest.fixture
def index(filled: Store) -> Index:
    """Return the index of the generation that `filled` has."""
    return read_index(filled, "0001-abcdef")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, filled_once: Path, configure: Callable[..., Path]) -> Path:
    """Return the configuration of a store with a finished run, its catalogue beside it; to be read only."""
    torch.set_num_threads(1)

    def build(folder: Path) -> None:
        shutil.copytree(filled_once, folder / "data")
        file = configure(folder, epochs=4, steps_per_epoch=12, manipulation_probability=0.5)
        (folder / "cameras.yaml").write_text(yaml.safe_dump(CATALOGUE))
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"catalogue": "cameras.yaml"}))
        train(read_configuration(file), without_ray=True)

    return built_once(tmp_path_factory, "trained", build) / "pipelines.yaml"


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory, filled_once: Path, configure: Callable[..., Path]) -> Path:
    """Return the configuration of a store with a finished run that `striped` was held out of; to be read only."""
    torch.set_num_threads(1)

    def build(folder: Path) -> None:
        shutil.copytree(filled_once, folder / "data")
        file = configure(folder, epochs=1, steps_per_epoch=16, held_out_cameras=["striped"])
        makers = {"grainy": "One", "smooth": "Two", "striped": "Two"}
        cameras = {
            key: {"name": f"The {key} one", "make": [maker], "model": [key.upper()], "sizes": ["96x96"]}
            for key, maker in makers.items()
        }
        (folder / "cameras.yaml").write_text(yaml.safe_dump(cameras))
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"catalogue": "cameras.yaml"}))
        train(read_configuration(file), without_ray=True)

    return built_once(tmp_path_factory, "held-out", build) / "pipelines.yaml"


def damage(store: Store, index: Index, rows: Iterable[int]) -> list[str]:
    """Damage tiles in every part, so that each crop of them is; returns their keys."""
    for row in rows:
        tar, first, length = (int(index.tiles[name][row]) for name in ("tar", "offset_bytes", "length_bytes"))
        path = Path(store.path(f"{POOL}/{index.tars[tar]}"))
        data = bytearray(path.read_bytes())
        tile = slice(first, first + length)
        data[tile] = bytes(byte ^ 16 for byte in data[tile])
        path.write_bytes(data)
    return TileReader(store, index).keys(np.array(list(rows), np.int64))


@pytest.fixture(scope="session")
def damage_tiles() -> Callable[..., list[str]]:
    return damage


@pytest.fixture(scope="session")
def fill() -> Callable[..., Index]:
    return fill_store


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    return photograph


@pytest.fixture(scope="session")
def configure() -> Callable[..., Path]:
    """Write a configuration of the tiny training into a folder, its store `data` beside it, and return its path."""

    def write(folder: Path, **changes: Any) -> Path:
        path = folder / "pipelines.yaml"
        path.write_text(yaml.safe_dump({"storage": "data", "train": {**SETTINGS, **changes}}))
        return path

    return write


@pytest.fixture
def configuration(tmp_path: Path, configure: Callable[..., Path]) -> Callable[..., Path]:
    """Write a configuration beside the store of `filled`."""
    return lambda **changes: configure(tmp_path, **changes)
