"""Benchmark: how near the training loop comes to the same loop on one batch that is there already.

    python -m benchmarks.train.step [--network shutter_small] [--crop-px 112] [--batch 48] [--steps 40] [--rounds 3]
        [--ways 0:2,1:1] [--photos FOLDER] [--timm benchmark.py]

The loop is the product's own (`train.fit.loop.train_epochs`) with its batches, without Ray: tiles are read, decoded,
manipulated and learned from. Beside it the same loop, with as many threads, gets one batch again and again, on a GPU
one that is in its memory. The two take turns, `--rounds` times after a warm-up, and the best round of each counts:
other work on the machine makes both slower, none faster.

`--ways`: pairs loaders:threads. On a CPU the loaders share the cores with the network, so each way is also compared
with the resident batch on all cores: what a machine with cores to spare for its loaders would make. `--photos`: a
folder with a folder of originals for each camera, packed into tiles of 1024 px; else small photographs are made up,
of the demo's sizes. On a GPU the training is also compared with timm's own `benchmark.py`, which its package does not
contain: `--timm` is its path in a checkout of pytorch-image-models; it trains the network of the same name on RGB.

Exit code 1: no way reaches 0.95 of its resident batch, or on a GPU the loop waits for data for more than 3 %.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
import torch

from benchmarks.shards.reader import pack_tiles
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.batches import TrainingBatches
from train.data.samples import Batch
from train.fit.loop import seed_of, train_epochs
from train.fit.training_run import cores_here
from train.model.checkpoints import TrainingState, first_state
from train.model.network import build_network

RATIO_MIN, WAIT_MAX = 0.95, 0.03
CAMERAS, PHOTOS, EDGE_PX = 5, 12, 512


class Way(NamedTuple):
    """How a training uses the machine."""

    loaders: int
    threads: int


class Rate(NamedTuple):
    """The best round of a way."""

    crops_per_s: float
    data_wait: float


def made_up_photos(folder: Path) -> None:
    """Write photographs of some cameras, whose noise differs, a folder for each."""
    for camera in range(CAMERAS):
        (folder / f"camera-{camera}").mkdir(parents=True)
        for number in range(PHOTOS):
            rng = np.random.default_rng([camera, number])
            scene = cv2.resize(rng.integers(40, 220, (16, 16, 3)).astype(np.float32), (EDGE_PX, EDGE_PX))
            pixels = np.clip(scene + (2 + camera) * rng.normal(0, 1, scene.shape), 0, 255).astype(np.uint8)
            jpeg = simplejpeg.encode_jpeg(pixels, quality=96, colorsubsampling="420")
            (folder / f"camera-{camera}" / f"{number:02d}.jpg").write_bytes(jpeg)


class Loop:
    """One training that goes on for an epoch whenever it is asked, on the batches it is given."""

    def __init__(self, settings: Training, classes: int, device: torch.device, batches: Iterator[Batch]) -> None:
        torch.manual_seed(seed_of(settings.seed))
        self.settings, self.device, self.batches = settings, device, batches
        self.state: TrainingState = first_state(build_network(settings, classes).to(device), settings)

    def epoch(self) -> Rate:
        """Train an epoch."""
        train_epochs(
            self.state, self.settings.model_copy(update={"epochs": self.state.epochs_done + 1}), self.device,
            batches=self.batches, validate=lambda _: {}, after_epoch=lambda _: None,
        )  # fmt: skip
        metrics = self.state.history[-1]
        return Rate(metrics["crops_per_s"], metrics["data_wait"])


def rates(
    way: Way, settings: Training, store: Store, index: Index, device: torch.device, rounds: int
) -> tuple[Rate, Rate]:
    """Return the rates of the loop and of the same on a resident batch."""
    torch.set_num_threads(way.threads)
    settings = settings.model_copy(update={"loaders": way.loaders, "threads": way.threads})
    classes, steps = len(index.classes), settings.steps_per_epoch
    batches = TrainingBatches(store, index, settings, device=device)(0, (rounds + 1) * steps)
    one = next(iter(TrainingBatches(store, index, settings.model_copy(update={"loaders": 0}))(0, 1)))
    one = one._replace(**{name: getattr(one, name).to(device) for name in ("crops", "labels", "manipulated")})
    loop = Loop(settings, classes, device, batches)
    resident = Loop(settings, classes, device, itertools.repeat(one))
    loop.epoch(), resident.epoch()
    measured = [(loop.epoch(), resident.epoch()) for _ in range(rounds)]
    return max(pair[0] for pair in measured), max(pair[1] for pair in measured)


def timm_rate(script: Path, settings: Training) -> float:
    """Return the images a second that timm's benchmark trains."""
    command = [
        sys.executable, script, "--model", settings.network, "--bench", "train", "--img-size", settings.crop_px,
        "--batch-size", settings.batch, "--amp", "--amp-dtype", "bfloat16", "--channels-last", "--opt", "adamw",
    ]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    told = done.stdout[done.stdout.index("--result") + len("--result") :]
    result = json.loads(told)
    return float((result[0] if isinstance(result, list) else result)["train_samples_per_sec"])


def main() -> None:
    """Measure, compare, report."""
    cores, gpu = cores_here(), torch.cuda.is_available()
    usual = f"{max(1, cores - 1)}:1" if gpu else f"0:{cores},1:{max(1, cores - 1)}"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="resnet50" if gpu else "shutter_small")
    parser.add_argument("--crop-px", type=int, default=112)
    parser.add_argument("--batch", type=int, default=256 if gpu else 48)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default=usual)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--timm", type=Path)
    arguments = parser.parse_args()
    device = torch.device("cuda", 0) if gpu else torch.device("cpu")
    settings = Training.model_validate({
        "network": arguments.network, "crop_px": arguments.crop_px, "outer_crop_px": 2 * arguments.crop_px,
        "manipulation_probability": 0.6, "batch": arguments.batch, "steps_per_epoch": arguments.steps,
        "average_decay": 0.99, "checkpoint_minutes": 0,
    })  # fmt: skip
    ways = [Way(*map(int, way.split(":"))) for way in arguments.ways.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        photos = arguments.photos or Path(folder) / "photos"
        if arguments.photos is None:
            made_up_photos(photos)
        store, index = pack_tiles(photos, Path(folder), 400)
        print(
            f"{settings.network}, crops of {settings.crop_px} px, batches of {settings.batch}, {device}, "
            f"{cores} cores, load {os.getloadavg()[0]:.1f}"
        )
        found = {way: rates(way, settings, store, index, device, arguments.rounds) for way in ways}
    most = max(resident.crops_per_s for _, resident in found.values())
    for way, (loop, resident) in found.items():
        print(
            f"loaders {way.loaders}, threads {way.threads}: {loop.crops_per_s:8.1f} crops/s, data wait "
            f"{loop.data_wait:5.1%}; resident batch {resident.crops_per_s:8.1f}: ratio "
            f"{loop.crops_per_s / resident.crops_per_s:.3f}, to the fastest resident {loop.crops_per_s / most:.3f}"
        )
    ratio, wait = max((loop.crops_per_s / resident.crops_per_s, -loop.data_wait) for loop, resident in found.values())
    is_met = ratio >= RATIO_MIN and (not gpu or -wait <= WAIT_MAX)
    print(f"ratio {ratio:.3f} ({'met' if is_met else 'MISSED'}: {RATIO_MIN}), data wait {-wait:.1%}")
    if gpu and arguments.timm:
        theirs, ours = timm_rate(arguments.timm, settings), max(loop.crops_per_s for loop, _ in found.values())
        print(f"timm's benchmark: {theirs:.1f} images/s; ours are {ours / theirs:.2f} x as many, front included")
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
