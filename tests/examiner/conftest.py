"""A small network, trained for a few steps to tell three simple cameras, and their photographs."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.sections import Training
from examiner.knowledge import TrainedRun
from train.model.loaded import Model
from train.model.network import build_network

CAMERAS = ("grainy", "smooth", "striped")
CROP_PX = 64


def taken(camera: str, seed: int, width_px: int = 256, height_px: int = 192) -> np.ndarray:
    """Return a picture by one of CAMERAS: soft shapes below noise, blurred noise, or noise with lines."""
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 196, (height_px // 32 + 2, width_px // 32 + 2, 3)).astype(np.float32)
    shapes = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    noise = random.normal(0, 4, shapes.shape).astype(np.float32)
    if camera == "smooth":
        noise = 2 * cv2.GaussianBlur(noise, (0, 0), 1.0)
    if camera == "striped":
        noise[::2] += 5
    return np.clip(shapes + noise, 2, 253).astype(np.uint8)


def as_file(picture: np.ndarray, camera: str | None = None, kind: str = "JPEG") -> bytes:
    """Return a picture as a file whose EXIF names a camera."""
    exif = Image.Exif()
    if camera is not None:
        exif[0x010F], exif[0x0110] = "Maker", camera.upper()
    saved = io.BytesIO()
    Image.fromarray(picture).save(saved, kind, exif=exif, **({"quality": 96} if kind == "JPEG" else {}))
    return saved.getvalue()


@pytest.fixture(scope="session")
def run() -> TrainedRun:
    """Return a run of a network for three cameras; it knows their photographs as JPEGs of 96."""
    torch.manual_seed(0)
    settings = Training(
        recipe="small", network="shutter_tiny", front="residual", crop_px=CROP_PX, outer_crop_px=128, batch=24
    )
    network = build_network(settings, len(CAMERAS)).train()
    pictures = [np.asarray(Image.open(io.BytesIO(as_file(taken(each, seed))))) for seed in range(4) for each in CAMERAS]
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    random = np.random.default_rng(0)
    for _ in range(40):
        labels, crops = [], []
        for _ in range(24):
            number = int(random.integers(len(pictures)))
            top, left = 8 * int(random.integers(16)), 8 * int(random.integers(24))
            labels.append(number % len(CAMERAS))
            crops.append(pictures[number][top : top + CROP_PX, left : left + CROP_PX])
        logits = network(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2))
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
        optimiser.step()
    entries = tuple(
        Camera(key=key, name=key.title(), make=("Maker",), model=(key.upper(),), sizes=("256x192",)) for key in CAMERAS
    )
    model = Model("run", "0001-abc", network.eval(), torch.device("cpu"), CAMERAS, settings, Catalogue(cameras=entries))
    return TrainedRun("run", model)


@pytest.fixture(scope="session")
def camera_picture() -> Callable[..., np.ndarray]:
    return taken


@pytest.fixture(scope="session")
def camera_file() -> Callable[..., bytes]:
    return as_file
