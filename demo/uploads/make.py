"""Make: draws and writes the uploads that `demo.uploads.planning` plans, and a listing with the truth about them.

Several processes draw; equal arguments give equal bytes, whatever the number of processes. The listing is written
last, and a folder whose listing was made with the same arguments is left alone. Refuses fewer than two photographs per
device.
"""

import hashlib
import io
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
from PIL import Image

from demo.simulation.cameras import MODELS, CameraModel, take_photograph
from demo.simulation.exif import Exposure
from demo.simulation.scenes import draw_scene
from demo.uploads.planning import Plan, plan_uploads
from demo.uploads.spoiling import Capture
from demo.uploads.upload import LISTING, Upload, read_listing, write_listing

_DEVICE_SEEDS, _NOISE_SEEDS = 10**12, 2 * 10**12
"""Offsets that keep the seeds of devices and of noise apart from those of scenes."""


def make_uploads(
    folder: Path, photos_per_device: int, seed: int, workers: int, models: Sequence[CameraModel] = MODELS
) -> list[Upload]:
    """Make all uploads in `folder` and return their rows, in order of site and id.

    `photos_per_device` counts the genuine photographs of each of the devices; a third as many are spoilt.
    `workers` processes draw; with 1, this one does. A folder made with the same arguments is left alone; files made
    with others are replaced. Raises ValueError for fewer than two photographs per device.
    """
    if photos_per_device < 2:
        raise ValueError(f"photos_per_device is {photos_per_device}: a device needs at least 2 photographs")
    made_with: dict[str, object] = {
        "photos_per_device": photos_per_device,
        "seed": seed,
        "cameras": [f"{model.key} {model.width_px}x{model.height_px}" for model in models],
        "drawn_by": _drawing_digest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / LISTING).exists():
        uploads, found = read_listing(folder)
        if found == made_with:
            return uploads
        (folder / LISTING).unlink()
        for upload in uploads:
            (folder / upload.file).unlink(missing_ok=True)
    plans = plan_uploads(photos_per_device, seed, models)
    uploads = _drawn(folder, [plan for plan in plans if plan.copy_of is None], seed, workers)
    rows = {upload.file: upload for upload in uploads}
    for plan in plans:
        if plan.copy_of is not None:
            shutil.copyfile(folder / plan.copy_of, folder / plan.upload.file)
            told_by_bytes = ("width_px", "height_px", "size_bytes", "sha1")
            uploads.append(replace(plan.upload, **{name: getattr(rows[plan.copy_of], name) for name in told_by_bytes}))
    uploads.sort(key=lambda upload: (upload.site, int(upload.id)))
    write_listing(folder, uploads, made_with)
    return uploads


def capture(plan: Plan, seed: int) -> Capture:
    """Return the photograph of a plan as its device takes it, with the exposure that the camera records."""
    camera = plan.device.camera
    scene = draw_scene(plan.scene_seed, camera.width_px, camera.height_px)
    device_seed = _DEVICE_SEEDS + seed * 1000 + plan.device.number
    picture = take_photograph(camera, device_seed, scene, _NOISE_SEEDS + plan.scene_seed)
    taken_at = plan.upload.taken_at.replace("-", ":")
    exposure = Exposure(
        make=camera.make, model=camera.model, software=camera.software, taken_at=taken_at, modified_at=taken_at,
        exposure_s=scene.exposure_s, f_number=Fraction(camera.f_number).limit_denominator(10), iso=scene.iso,
        width_px=camera.width_px, height_px=camera.height_px, serial_number=plan.device.serial_number,
    )  # fmt: skip
    return Capture(camera, picture, exposure)


def _drawn(folder: Path, plans: Sequence[Plan], seed: int, workers: int) -> list[Upload]:
    write = partial(_write, folder, seed)
    if workers <= 1:
        return [write(plan) for plan in plans]
    # spawned, not forked, since the caller may have threads, such as a server's; one OpenCV thread each, as all cores
    # are taken
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        return list(pool.map(write, plans, chunksize=4))


def _write(folder: Path, seed: int, plan: Plan) -> Upload:
    """Draw one file, write it, and return its row completed with what only the bytes tell."""
    if plan.spoiling.apply is None:
        raise ValueError(f"{plan.upload.file} is a copy of {plan.copy_of}: it is copied, not drawn")
    data = plan.spoiling.apply(capture(plan, seed))
    (folder / plan.upload.file).write_bytes(data)
    with Image.open(io.BytesIO(data)) as image:  # reads the header alone, which truncated files have as well
        width_px, height_px = image.size
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return replace(plan.upload, width_px=width_px, height_px=height_px, size_bytes=len(data), sha1=sha1)


def _drawing_digest() -> str:
    """Return a digest of the code that draws, so that files drawn by older code are drawn again."""
    here = Path(__file__).parent
    modules = [*sorted(here.glob("*.py")), *sorted(here.with_name("simulation").glob("*.py"))]
    return hashlib.sha256(b"\0".join(module.read_bytes() for module in modules)).hexdigest()[:16]
