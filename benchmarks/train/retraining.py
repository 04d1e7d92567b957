"""What `train.start_from: last` gains when a camera is added: accuracy by length of the training, both ways.

Photographs are random scenes with noise, whose strength and grain tell the cameras. A network is trained on all cameras
but the last, then on all of them, from drawn weights and from those of the first run, with the same samples. Run from
the repository's root: `python -m benchmarks.train.retraining FOLDER`.
"""

import argparse
import hashlib
import time
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
import torch
import yaml

from corpus.configuration import read_configuration
from corpus.sections import Shards
from corpus.storage import Store, open_store
from shards.index import publish_index
from shards.plan import plan_shards
from shards.write import write_shard
from train.main import train

CAMERAS = ("fine-2", "fine-4", "coarse-3", "striped-4", "fine-6", "coarse-5")
SETTINGS = {
    "network": "shutter_tiny", "front": "residual", "outer_crop_px": 96, "crop_px": 48, "batch": 8, "epochs": 1,
    "manipulation_probability": 0.5, "learning_rate": 0.004, "loaders": 0, "threads": 1, "test_crops": 1,
    "test_photos": 72, "average_decay": 0.98, "warm_up_steps": 20,
}  # fmt: skip


def photograph(camera: str, seed: int, edge_px: int = 128) -> bytes:
    """Return a photograph: any scene, and over it the noise of its camera."""
    rng = np.random.default_rng([CAMERAS.index(camera), seed])
    kind, _, sigma = camera.partition("-")
    scene = cv2.resize(rng.integers(60, 200, (5, 5, 3)).astype(np.float32), (edge_px, edge_px))
    noise = rng.normal(0, 1, (edge_px, edge_px, 1)).astype(np.float32)
    if kind == "coarse":
        noise = cv2.GaussianBlur(noise, (0, 0), 0.7)[..., None]
        noise /= noise.std()
    elif kind == "striped":
        noise = 0.8 * noise + 0.6 * rng.normal(0, 1, (edge_px, 1, 1)).astype(np.float32)
    pixels = np.clip(scene + int(sigma) * noise, 0, 255).astype(np.uint8)
    return simplejpeg.encode_jpeg(pixels, quality=97, colorsubsampling="444")


def publish(store: Store, number: int, cameras: tuple[str, ...]) -> None:
    """Publish a generation of these cameras, each by four devices."""
    rows = []
    for split, photos in (("train", 24), ("test", 24)):
        for camera in cameras:
            for place in range(photos):
                name = f"{split}-{camera}-{place}"
                data = photograph(camera, place + (0 if split == "train" else 1000))
                original = f"originals/folder/{name}.jpg"
                store.publish(original, data)
                rows.append({
                    "photo": f"folder:{name}", "version": "0123456789", "kept": True, "camera": camera, "split": split,
                    "group": f"{split}-{camera}-{place % 4}", "original": original,
                    "sha256": hashlib.sha256(data).hexdigest(), "quality_factor": 97,
                })  # fmt: skip
    settings = Shards(tile_px=128, tiles_per_photo=1, shard_photos=200, restart_mcus=8)
    entries = [write_shard(store, plan, settings) for plan in plan_shards(rows, settings, cameras)]
    publish_index(store, f"{number:04d}-abcdef", cameras, entries)


def main() -> None:
    """Train both ways and print a line for each training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    file = arguments.folder / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"storage": "data", "train": SETTINGS}))
    store = open_store(str(arguments.folder / "data"))
    torch.set_num_threads(1)

    def trained(name: str, steps: int, *keys: str) -> None:
        began_s = time.process_time()
        overrides = [f"train.steps_per_epoch={steps}", *keys]
        train(read_configuration(file, overrides), name, without_ray=True)
        told = store.read_json(f"runs/{name}/evaluation.json")
        start = told.get("parent", "drawn weights")
        print(
            f"RESULT {name:24} {steps:4} steps from {start:14} unaltered {told['unaltered']:.3f} weighted "
            f"{told['weighted_accuracy']:.3f} CPU {time.process_time() - began_s:.0f} s", flush=True,
        )  # fmt: skip

    publish(store, 1, CAMERAS[:-1])
    for seed in range(arguments.seeds):
        trained(f"000{seed + 1}-before", max(arguments.steps), f"train.seed={seed}")
    publish(store, 2, CAMERAS)
    for seed in range(arguments.seeds):
        for steps in arguments.steps:
            trained(f"anew-{steps}-{seed}", steps, f"train.seed={seed}")
            parent = f"000{seed + 1}-before"
            trained(f"from-{steps}-{seed}", steps, f"train.seed={seed}", f"train.start_from={parent}")


if __name__ == "__main__":
    main()
