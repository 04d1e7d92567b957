"""Scanner: six simulated models as plain data, and the function that scans a page or a print with one of them.

A scanner moves one line of sensors over the glass. So its fixed pattern is the same in every row: each photosite's
sensitivity and offset, as far as the scanner's own calibration has left them (Gou, Swaminathan and Wu 2007; Khanna,
Mikkilineni and Delp 2009). Each row has a brightness of its own, from lamp and motor. Every pixel has three measured
colours, so there is no trace of a colour filter array. What is scanned is light as `documents` and `scenes` draw it.
"""

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from demo.simulation.cameras import Picture
from demo.simulation.scenes import Light


@dataclass(frozen=True, kw_only=True)
class ScannerModel:
    """One simulated model."""

    key: str
    make: str
    model: str
    software: str
    pattern: float
    """Deviation of the photosites' sensitivities that calibration has left, as a share of the signal."""
    rows: float
    """Deviation of the rows' brightnesses, as a share."""
    photons: float
    """Of white paper, for each pixel at 150 dpi: the fewer, the more noise."""
    blur_px: tuple[float, float]
    """Deviation of the optics' blur along the line and across it."""
    registration_px: float
    """By how much red and blue are moved across the line: a CCD has three lines, a contact sensor one."""
    gamma: float = 2.2
    sharpening: float
    white: float
    """Value of a white sheet, 0 to 255."""
    quality: int
    """Of its JPEGs."""
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"]


MODELS: tuple[ScannerModel, ...] = (
    ScannerModel(
        key="garnet-v1", make="GARNET", model="Garnet V1", software="GARNET Scan 3.1", pattern=0.006, rows=0.0012,
        photons=6000, blur_px=(0.6, 0.7), registration_px=0.15, sharpening=0.9, white=246, quality=92,
        subsampling="4:2:2",
    ),
    ScannerModel(
        key="garnet-v3", make="GARNET", model="Garnet V3 Photo", software="GARNET Scan 3.4", pattern=0.004, rows=0.0008,
        photons=12000, blur_px=(0.5, 0.6), registration_px=0.1, sharpening=1.2, white=243, quality=95,
        subsampling="4:4:4",
    ),
    ScannerModel(
        key="hale-jet", make="Hale", model="Hale AllJet 7", software="Hale Scan", pattern=0.009, rows=0.002,
        photons=3500, blur_px=(0.75, 0.6), registration_px=0.0, sharpening=0.6, white=240, quality=88,
        subsampling="4:2:0",
    ),
    ScannerModel(
        key="ibis-lide", make="Ibis", model="IbiScan L20", software="ScanTool 1.2", pattern=0.008, rows=0.0015,
        photons=4500, blur_px=(0.65, 0.65), registration_px=0.0, sharpening=0.3, white=248, quality=90,
        subsampling="4:2:0",
    ),
    ScannerModel(
        key="juno-feed", make="JUNO", model="SheetRun 500", software="Juno Capture", pattern=0.007, rows=0.003,
        photons=3000, blur_px=(0.7, 0.9), registration_px=0.05, gamma=1.9, sharpening=1.5, white=244, quality=85,
        subsampling="4:2:0",
    ),
    ScannerModel(
        key="kestrel-pro", make="Kestrel", model="Pro 4800", software="KestrelScan 9", pattern=0.005, rows=0.001,
        photons=9000, blur_px=(0.45, 0.5), registration_px=0.2, gamma=2.0, sharpening=0.0, white=238, quality=97,
        subsampling="4:4:4",
    ),
)  # fmt: skip


def scan(model: ScannerModel, device_seed: int, light: Light, dpi: int, noise_seed: int) -> Picture:
    """Return what one device of a model makes of light (height, width, 3) that a page on its glass reflects.

    `device_seed` decides the line's fixed pattern and the lamp, `noise_seed` the place on the glass and the noise.
    """
    height, width = light.shape[:2]
    device = np.random.Generator(np.random.SFC64(device_seed))
    rng = np.random.Generator(np.random.SFC64(noise_seed))
    sensitivity = 1.0 + model.pattern * device.standard_normal((1, 2 * width + 64, 3), dtype=np.float32)
    offset = 0.001 * device.standard_normal((1, 2 * width + 64, 3), dtype=np.float32)
    lamp = 1.0 - 0.02 * device.random() * np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :, None] ** 2
    begins = int(rng.integers(0, 32))
    pattern, dark = sensitivity[:, begins : begins + width], offset[:, begins : begins + width]
    seen = np.empty_like(light)
    for channel, moved in enumerate((-model.registration_px, 0.0, model.registration_px)):
        shift = np.asarray([[1, 0, 0], [0, 1, moved]], np.float32)
        plane = cv2.warpAffine(
            light[..., channel], shift, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        along, across = model.blur_px
        seen[..., channel] = cv2.GaussianBlur(plane, (0, 0), sigmaX=along, sigmaY=across)
    rows = 1.0 + model.rows * rng.standard_normal((height, 1, 1), dtype=np.float32)
    seen *= lamp * rows * pattern
    photons = model.photons * (150 / dpi) ** 0.5  # scanners move slower at a finer resolution
    noise = rng.standard_normal(seen.shape, dtype=np.float32)
    noise *= np.sqrt(np.maximum(seen, 0.0) / np.float32(photons) + np.float32(4.0 / photons**1.5))
    seen += noise + dark
    shown = np.power(np.clip(seen, 0.0, 1.5) * np.float32(1.0 / 0.88), np.float32(1.0 / model.gamma))
    if model.sharpening:
        shown += model.sharpening * (shown - np.asarray(cv2.GaussianBlur(shown, (0, 0), 0.9), np.float32))
    return np.asarray(np.clip(shown * np.float32(model.white) + 0.5, 0, 255), np.uint8)


def jpeg_file(model: ScannerModel, picture: Picture, dpi: int, quality: int | None = None, named: bool = True) -> bytes:
    """Return the JPEG that a scanner's software writes: JFIF with its resolution, and EXIF where `named`."""
    saved = io.BytesIO()
    exif = Image.Exif()
    if named:
        exif[0x010F], exif[0x0110], exif[0x0131] = model.make, model.model, model.software
    Image.fromarray(picture).save(
        saved, "JPEG", quality=quality or model.quality, subsampling=model.subsampling, dpi=(dpi, dpi), exif=exif
    )
    return saved.getvalue()


def png_file(model: ScannerModel, picture: Picture, dpi: int) -> bytes:
    """Return the PNG that a scanner's software writes, with its resolution."""
    saved = io.BytesIO()
    said = PngImagePlugin.PngInfo()
    said.add_text("Software", model.software)
    Image.fromarray(picture).save(saved, "PNG", dpi=(dpi, dpi), pnginfo=said, compress_level=1)
    return saved.getvalue()
