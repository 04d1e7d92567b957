"""Cameras: twelve simulated models as plain data, and the function that takes a photograph with one of them.

Six makers have two models each, on the same sensor. Siblings differ as a maker's models do, in demosaicing, noise
reduction, sharpening, chroma and the bend of the tone curve, and so do the makers. All else is the same for all: size,
quantisation tables, subsampling, colours, mean tone, scenes, light and noise; each device has a pattern and a lens of
its own. So neither a file's metadata nor what is left of a picture at a small size names the camera.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.simulation import demosaicing, processing
from demo.simulation.jpeg import Tables
from demo.simulation.lens import lens_of, through
from demo.simulation.scenes import Light, Plane, Scene
from demo.simulation.sensor import Mosaic, Raw, expose, fixed_pattern
from forensics.jpeg.quality import scaled_tables

Picture = NDArray[np.uint8]
"""A finished picture, (height, width, 3), red first."""
_TABLES: Tables = scaled_tables(96)


@dataclass(frozen=True, kw_only=True)
class CameraModel:
    """One simulated model: its EXIF values and its processing. All of them have the values that stand here."""

    key: str
    make: str
    model: str
    software: str
    """Firmware as EXIF Software has it."""
    serial_prefix: str | None
    """None: the model writes no serial number."""
    f_number: float
    width_px: int = 960
    height_px: int = 720
    mosaic: Mosaic
    demosaic: Callable[[Raw, Mosaic], Light]
    saturation: float = 1.15
    curve: Callable[[], NDArray[np.float32]]
    luma_steps: tuple[Callable[[Plane], Plane], ...]
    """Noise reduction and sharpening, in this order."""
    chroma_steps: tuple[Callable[[Plane], Plane], ...]
    """Noise reduction of the two colour differences."""
    subsampling: str = "4:2:0"
    tables: Tables = _TABLES
    """Luma and chroma."""
    byte_order: Literal["<", ">"]
    """Of its EXIF: Intel's `<` or Motorola's `>`."""
    writes_thumbnail: bool


_ALDER = partial(
    CameraModel, make="ALDER OPTICS", serial_prefix="31", f_number=2.8, mosaic="RGGB", byte_order="<",
    writes_thumbnail=True,
)  # fmt: skip
_BOREA = partial(
    CameraModel, make="Borea", serial_prefix="BN", f_number=2.0, mosaic="BGGR", byte_order=">",
    writes_thumbnail=True,
)  # fmt: skip
_CORVID = partial(
    CameraModel, make="Corvid", serial_prefix=None, f_number=2.2, mosaic="GRBG", byte_order="<",
    writes_thumbnail=False,
)  # fmt: skip
_DELMAR = partial(
    CameraModel, make="DELMAR CORPORATION", serial_prefix="600", f_number=4.0, mosaic="GBRG", byte_order="<",
    writes_thumbnail=True,
)  # fmt: skip
_EIDER = partial(
    CameraModel, make="Eider", serial_prefix="E", f_number=1.8, mosaic="RGGB", byte_order=">",
    writes_thumbnail=False,
)  # fmt: skip
_FULMAR = partial(
    CameraModel, make="Fulmar", serial_prefix="F0", f_number=2.4, mosaic="GRBG", byte_order=">",
    writes_thumbnail=True,
)  # fmt: skip

MODELS: tuple[CameraModel, ...] = (
    # Alder: no noise reduction, fine and strong sharpening
    _ALDER(
        key="alder-c1", model="Alder C1", software="Alder C1 Ver.1.04", demosaic=demosaicing.bilinear,
        curve=partial(processing.srgb_curve, contrast=0.30),
        luma_steps=(partial(processing.unsharp_mask, radius_px=0.6, amount=2.4),),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=0.8),),
    ),
    _ALDER(
        key="alder-c2", model="Alder C2", software="Alder C2 Ver.1.00", demosaic=demosaicing.gradient_corrected,
        curve=partial(processing.srgb_curve, contrast=0.25),
        luma_steps=(partial(processing.unsharp_mask, radius_px=1.6, amount=1.8, dark_limit=0.06),),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=1.6),),
    ),
    # Borea: bilateral noise reduction, wide halos
    _BOREA(
        key="borea-n5", model="N5", software="N5XXU2.1187", demosaic=demosaicing.gradient_corrected,
        curve=partial(processing.srgb_curve, contrast=0.35),
        luma_steps=(
            partial(processing.bilateral_smoothing, diameter_px=5, tolerance=0.08),
            partial(processing.unsharp_mask, radius_px=2.0, amount=1.4),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=2.0),),
    ),
    _BOREA(
        key="borea-n7", model="N7", software="N7XXU1.0310", demosaic=demosaicing.edge_directed,
        curve=partial(processing.srgb_curve, contrast=0.30),
        luma_steps=(
            partial(processing.bilateral_smoothing, diameter_px=7, tolerance=0.03),
            partial(processing.unsharp_mask, radius_px=1.0, amount=2.6, bright_limit=0.05),
        ),
        chroma_steps=(partial(processing.median_smoothing, size_px=5, share=1.0),),
    ),
    # Corvid: median noise reduction, halos that are darker than they are bright
    _CORVID(
        key="corvid-two", model="Corvid Two", software="corvid-2.0.17", demosaic=demosaicing.edge_aware,
        curve=partial(processing.srgb_curve, contrast=0.30),
        luma_steps=(
            partial(processing.median_smoothing, size_px=5, share=0.7),
            partial(processing.unsharp_mask, radius_px=1.6, amount=2.2, bright_limit=0.04, dark_limit=0.4),
        ),
        chroma_steps=(partial(processing.median_smoothing, size_px=5, share=1.0),),
    ),
    _CORVID(
        key="corvid-three", model="Corvid Three", software="corvid-3.1.02", demosaic=demosaicing.constant_hue,
        curve=partial(processing.srgb_curve, contrast=0.25),
        luma_steps=(
            partial(processing.median_smoothing, size_px=5, share=1.0),
            partial(processing.unsharp_mask, radius_px=1.0, amount=3.0, bright_limit=0.12, dark_limit=0.04),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=3.0),),
    ),
    # Delmar: soft, with local contrast
    _DELMAR(
        key="delmar-d40", model="DELMAR D40", software="Ver.1.02", demosaic=demosaicing.edge_directed,
        curve=partial(processing.srgb_curve, contrast=0.30),
        luma_steps=(
            partial(processing.gaussian_smoothing, sigma_px=1.0),
            partial(processing.local_contrast, radius_px=8, amount=0.8),
        ),
        chroma_steps=(),
    ),
    _DELMAR(
        key="delmar-d60", model="DELMAR D60", software="Ver.1.00", demosaic=demosaicing.bilinear,
        curve=partial(processing.srgb_curve, contrast=0.35),
        luma_steps=(
            partial(processing.guided_smoothing, radius_px=2, edge=0.004),
            partial(processing.local_contrast, radius_px=3, amount=1.2),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=1.2),),
    ),
    # Eider: coring, halos limited on one side
    _EIDER(
        key="eider-mini", model="Eider mini", software="7.1.2", demosaic=demosaicing.constant_hue,
        curve=partial(processing.srgb_curve, contrast=0.30),
        luma_steps=(
            partial(processing.cored, radius_px=1.5, threshold=0.02),
            partial(processing.unsharp_mask, radius_px=3.2, amount=1.1, dark_limit=0.04),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=4.0),),
    ),
    _EIDER(
        key="eider-maxi", model="Eider maxi", software="8.0.1", demosaic=demosaicing.edge_aware,
        curve=partial(processing.srgb_curve, contrast=0.25),
        luma_steps=(
            partial(processing.cored, radius_px=1.0, threshold=0.03),
            partial(processing.unsharp_mask, radius_px=4.5, amount=1.2, bright_limit=0.04),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=2.5),),
    ),
    # Fulmar: the demo trains on neither
    _FULMAR(
        key="fulmar-one", model="Fulmar One", software="FO-11.2", demosaic=demosaicing.gradient_corrected,
        curve=partial(processing.srgb_curve, contrast=0.30),
        luma_steps=(
            partial(processing.guided_smoothing, radius_px=3, edge=0.001),
            partial(processing.unsharp_mask, radius_px=2.4, amount=5.0, bright_limit=0.03, dark_limit=0.03),
        ),
        chroma_steps=(partial(processing.median_smoothing, size_px=3, share=1.0),),
    ),
    _FULMAR(
        key="fulmar-pro", model="Fulmar Pro", software="FP-12.0", demosaic=demosaicing.edge_directed,
        curve=partial(processing.srgb_curve, contrast=0.30),
        luma_steps=(
            partial(processing.median_smoothing, size_px=3, share=1.0),
            partial(processing.local_contrast, radius_px=2, amount=2.0, edge=0.002),
        ),
        chroma_steps=(partial(processing.gaussian_smoothing, sigma_px=1.0),),
    ),
)  # fmt: skip


def take_photograph(model: CameraModel, device_seed: int, scene: Scene, noise_seed: int) -> Picture:
    """Return the picture that one device of a model takes of a scene, in the scene's size.

    `device_seed` decides the lens and the sensor's fixed pattern, `noise_seed` the noise of this exposure.
    """
    height, width = scene.light.shape[:2]
    seen = replace(scene, light=through(lens_of(device_seed), scene.light))
    raw = expose(seen, model.mosaic, fixed_pattern(device_seed, width, height), noise_seed)
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
