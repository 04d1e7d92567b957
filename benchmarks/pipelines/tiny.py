"""A tiny pipeline for benchmarks and tests of faults: 32 small photographs, each stage a command that takes seconds.

The photographs are files of a folder; crawl, curation and training are the product's own commands on a store that may
be a folder or a bucket. `whole` compares what two stores must have in common: everything but receipts, leases, the
timings of a training, and what a refresh remembers of its tables, which has the times of their files.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.places import REPOSITORY

CAMERAS = {"alpha-one": ("ALPHA", "One", "A1.07", 18.0), "beta-two": ("Beta", "Two", None, 2.0)}
STAGES = ("crawl", "curation", "train")
WIDTH_PX, HEIGHT_PX = 160, 128
_TRAIN = {
    "network": "shutter_tiny", "front": "residual", "outer_crop_px": 64, "crop_px": 32, "batch": 8, "epochs": 2,
    "manipulation_probability": 0.25, "steps_per_epoch": 4, "learning_rate": 0.01, "warm_up_steps": 2, "loaders": 0,
    "threads": 1, "test_crops": 1,
}  # fmt: skip
_TIMED = re.compile(
    r"(^|/)(receipts|judged|_leases|leases|ray|checkpoints|report|\.?_proof)/|metrics\.jsonl$|evaluation\.html$|/listed$|/\.tmp-"
)


def write_photographs(folder: Path, devices: int = 4, each: int = 4) -> None:
    """Write the photographs: `<camera>/<owner>/<number>.jpg`."""
    for camera, (make, model, software, noise) in CAMERAS.items():
        for device in range(devices):
            (folder / camera / f"owner-{camera}-{device}").mkdir(parents=True, exist_ok=True)
            for number in range(each):
                name = f"{camera}/owner-{camera}-{device}/{number}.jpg"
                seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
                data = photograph(seed, make, model, software, noise, f"SN{camera}-{device:04d}")
                (folder / name).write_bytes(data)


def photograph(seed: int, make: str, model: str, software: str | None, noise: float, serial: str) -> bytes:
    """Return a photograph of 160×128 pixels: a blurred scene with a camera's noise, and EXIF."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(60, 200, (8, 8, 3), dtype=np.uint8))
    scene = np.asarray(coarse.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC), np.float32)
    pixels = np.clip(scene + noise * random.normal(0, 1, (HEIGHT_PX, WIDTH_PX, 1)), 0, 255).astype(np.uint8)
    exif = Image.Exif()
    for tag, value in ((271, make), (272, model), (305, software), (306, "2020:01:01 10:00:00")):
        if value is not None:
            exif[tag] = value
    exif._ifds[0x8769] = {
        0x9003: "2020:01:01 10:00:00", 0xA002: WIDTH_PX, 0xA003: HEIGHT_PX, 0xA431: serial,
    }  # fmt: skip
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=97, exif=exif.tobytes())
    data = buffer.getvalue()
    return data[:2] + data[4 + int.from_bytes(data[4:6]) :]  # without its JFIF segment, as cameras write it


@dataclass
class Tiny:
    """The pipeline in a folder, with its storage anywhere."""

    folder: Path
    storage: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        photographs = self.folder / "photographs"
        if not photographs.exists():
            write_photographs(photographs)
        self.configure()

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write the configuration, with keys of its sections changed."""
        catalogue = {
            key: {
                "name": key,
                "make": [make],
                "model": [model],
                "sizes": [f"{WIDTH_PX}x{HEIGHT_PX}"],
                **({} if software is None else {"software": [software]}),
            }
            for key, (make, model, software, _) in CAMERAS.items()
        }
        (self.folder / "cameras.yaml").write_text(json.dumps(catalogue))
        tree: dict[str, Any] = {
            "storage": self.storage,
            "catalogue": "cameras.yaml",
            "cameras": "all",
            "crawl": {"limits_folder": str(self.folder / "limits")},
            "sources": {"folder": {"path": str(self.folder / "photographs"), "owner": 2}},
            "curation": {"workers": 1, "batch_photos": 8, "test": 0.25, "validation": 0.25},
            "shards": {"tile_px": 64, "tiles_per_photo": 2, "shard_photos": 8},
            "train": _TRAIN | {"cache_folder": str(self.folder / "cache")},
        }
        for name, changes in sections.items():
            tree[name] = {**tree.get(name, {}), **changes}
        (self.folder / "pipelines.yaml").write_text(json.dumps(tree, indent=1))

    def command(self, stage: str) -> list[str]:
        """Return the command of a stage."""
        return {
            "crawl": [sys.executable, "-m", "scrapy", "crawl", "folder"],
            "curation": [sys.executable, "-m", "curation.run"],
            "train": [sys.executable, str(REPOSITORY / "train/main.py"), "--without-ray"],
            "train on ray": [sys.executable, str(REPOSITORY / "train/main.py")],
        }[stage]

    def environment_of(self) -> dict[str, str]:
        """Return the environment of a stage."""
        own = {"SHUTTERPRINT_CONFIG": str(self.folder / "pipelines.yaml"), "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **own, **self.environment}

    def start(
        self, stage: str, prefix: tuple[str, ...] = (), output: Path | None = None, **more: str
    ) -> "subprocess.Popen[str]":
        """Start a stage in a process group of its own; `prefix`: what stands before its command.

        `more`: what its environment has, too.
        """
        return subprocess.Popen(
            [*prefix, *self.command(stage)], cwd=REPOSITORY, env=self.environment_of() | more, text=True,
            stdout=subprocess.PIPE if output is None else output.open("w"), stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def run(self, stage: str, timeout_s: float = 900, prefix: tuple[str, ...] = ()) -> tuple[int, str]:
        """Run a stage; returns its exit code and what it said."""
        process = self.start(stage, prefix)
        said, _ = process.communicate(timeout=timeout_s)
        return process.returncode, said


def whole(objects: Mapping[str, bytes]) -> dict[str, str]:
    """Return the digest of everything that two stores with equal histories must have in common, by path."""
    return {path: hashlib.sha256(data).hexdigest() for path, data in objects.items() if not _TIMED.search(path)}


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, as `ObjectStore.objects` does those of a bucket."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def half_published(objects: Mapping[str, str], finished: Mapping[str, str]) -> list[str]:
    """Return what is not as it will be although a marker says that its directory is whole; `finished`: at the end.

    Both are of `whole`. Directories without a marker do not count: they are made again.
    """
    directories = [path.rpartition("/")[0] for path in objects if path.endswith("/_done.json")]
    return [
        path
        for directory in directories
        for path in finished
        if path.rpartition("/")[0] == directory and objects.get(path) != finished[path]
    ]
