"""Cameras: five simulated models as plain data, and the function that takes a photograph with one of them.

The models differ as makers' cameras do (mosaic, demosaicing, colour, tone curve, noise reduction, sharpening, chroma,
tables) and in nothing else: scenes, light, noise and lens are the same for all. Two models share native size,
quantisation tables and subsampling, so that these alone do not identify a camera.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.simulation import demosaicing, processing
from demo.simulation.jpeg import Tables
from demo.simulation.scenes import Light, Plane, Scene
from demo.simulation.sensor import Mosaic, Raw, expose, fixed_pattern
from forensics.jpeg.quality import scaled_tables

Picture = NDArray[np.uint8]
"""A finished picture, (height, width, 3), red first."""


@dataclass(frozen=True)
class CameraModel:
    """One simulated model: its EXIF values and its processing."""

    key: str
    make: str
    model: str
    software: str
    """Firmware as EXIF Software has it."""
    serial_prefix: str | None
    """None: the model writes no serial number."""
    f_number: float
    width_px: int
    height_px: int
    mosaic: Mosaic
    demosaic: Callable[[Raw, Mosaic], Light]
    saturation: float
    curve: Callable[[], NDArray[np.float32]]
    luma_steps: tuple[Callable[[Plane], Plane], ...]
    """Noise reduction and sharpening, in this order."""
    chroma_steps: tuple[Callable[[Plane], Plane], ...]
    """Noise reduction of the two colour differences."""
    subsampling: str
    tables: Tables
    """Luma and chroma."""
    byte_order: Literal["<", ">"]
    """Of its EXIF: Intel's `<` or Motorola's `>`."""
    writes_thumbnail: bool


_OWN_TABLES: Tables = (
    (1, 1, 1, 1, 2, 2, 3, 3) * 2 + (1, 1, 1, 2, 2, 3, 3, 4) * 2 + (2, 2, 3, 3, 4, 4, 5, 5) * 4,
    (1, 1, 2, 3, 4, 5, 5, 5) * 3 + (3, 4, 5, 5, 5, 5, 5, 5) * 5,
)
"""A maker's own tables, nearest to the IJG's of factor 98 and equal to none of them."""

MODELS: tuple[CameraModel, ...] = (
    CameraModel(
        key="alder-c1", make="ALDER OPTICS", model="Alder C1", software="Alder C1 Ver.1.04", serial_prefix="31",
        f_number=2.8, width_px=1152, height_px=864, mosaic="RGGB", demosaic=demosaicing.bilinear,
        saturation=0.95, curve=processing.srgb_curve,
        luma_steps=(partial(processing.unsharp_mask, radius_px=0.6, amount=2.2),),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=0.8),),
        subsampling="4:4:4", tables=scaled_tables(97), byte_order="<", writes_thumbnail=True,
    ),
    CameraModel(
        key="borea-n5", make="Borea", model="N5", software="N5XXU2.1187", serial_prefix="BN5",
        f_number=2.0, width_px=1152, height_px=864, mosaic="BGGR", demosaic=demosaicing.gradient_corrected,
        saturation=1.4, curve=partial(processing.srgb_curve, contrast=0.7),
        luma_steps=(
            partial(processing.bilateral_smoothing, diameter_px=5, tolerance=0.08),
            partial(processing.unsharp_mask, radius_px=2.0, amount=1.4),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=2.0),),
        subsampling="4:2:0", tables=scaled_tables(96), byte_order=">", writes_thumbnail=True,
    ),
    CameraModel(
        key="corvid-two", make="Corvid", model="Corvid Two", software="corvid-2.0.17", serial_prefix=None,
        f_number=2.2, width_px=1152, height_px=864, mosaic="GRBG", demosaic=demosaicing.edge_aware,
        saturation=1.15, curve=partial(processing.filmic_curve, gain=6.0),
        luma_steps=(
            partial(processing.median_smoothing, size_px=5, share=0.7),
            partial(processing.unsharp_mask, radius_px=1.6, amount=2.2, bright_limit=0.04, dark_limit=0.4),
        ),
        chroma_steps=(partial(processing.median_smoothing, size_px=5, share=1.0),),
        subsampling="4:2:0", tables=scaled_tables(96), byte_order="<", writes_thumbnail=False,
    ),
    CameraModel(
        key="delmar-d40", make="DELMAR CORPORATION", model="DELMAR D40", software="Ver.1.02", serial_prefix="60040",
        f_number=4.0, width_px=1280, height_px=960, mosaic="GBRG", demosaic=demosaicing.edge_directed,
        saturation=0.8, curve=partial(processing.srgb_curve, black=0.06, white=0.98),
        luma_steps=(
            partial(processing.gaussian_smoothing, sigma_px=1.0),
            partial(processing.local_contrast, radius_px=8, amount=0.8),
        ),
        chroma_steps=(),
        subsampling="4:2:2", tables=_OWN_TABLES, byte_order="<", writes_thumbnail=True,
    ),
    CameraModel(
        key="eider-mini", make="Eider", model="Eider mini", software="7.1.2", serial_prefix="E",
        f_number=1.8, width_px=1280, height_px=960, mosaic="RGGB", demosaic=demosaicing.constant_hue,
        saturation=1.2, curve=partial(processing.srgb_curve, contrast=0.3),
        luma_steps=(
            partial(processing.cored, radius_px=1.5, threshold=0.02),
            partial(processing.unsharp_mask, radius_px=3.2, amount=1.1, dark_limit=0.04),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=4.0),),
        subsampling="4:2:0", tables=scaled_tables(98), byte_order=">", writes_thumbnail=False,
    ),
)  # fmt: skip


def take_photograph(model: CameraModel, device_seed: int, scene: Scene, noise_seed: int) -> Picture:
    """Return the picture that one device of a model takes of a scene, in the scene's size.

    `device_seed` decides the sensor's fixed pattern, `noise_seed` the noise of this exposure.
    """
    height, width = scene.light.shape[:2]
    raw = expose(scene, model.mosaic, fixed_pattern(device_seed, width, height), noise_seed)
    linear = np.asarray(cv2.transform(model.demosaic(raw, model.mosaic), _colour_matrix(model.saturation)), np.float32)
    linear *= np.float32(processing.CURVE_ENTRIES - 1)
    np.clip(linear, 0.0, processing.CURVE_ENTRIES - 1, out=linear)
    display = model.curve().take(linear.astype(np.uint16))
    planes = cv2.split(cv2.cvtColor(display, cv2.COLOR_RGB2YCrCb))
    luma, red_difference, blue_difference = (np.asarray(plane, np.float32) for plane in planes)
    for step in model.luma_steps:
        luma = step(luma)
    for step in model.chroma_steps:
        red_difference, blue_difference = step(red_difference), step(blue_difference)
    picture = cv2.cvtColor(cv2.merge([luma, red_difference, blue_difference]), cv2.COLOR_YCrCb2RGB)
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0.0), alpha=255.0), np.uint8)


def _colour_matrix(saturation: float) -> NDArray[np.float32]:
    """Return the matrix that moves colours away from grey (Rec. 709 weights); its rows sum to one."""
    grey = np.array([0.2126, 0.7152, 0.0722])
    return (saturation * np.eye(3) + (1 - saturation) * grey[None, :]).astype(np.float32)
