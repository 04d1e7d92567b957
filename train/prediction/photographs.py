"""Photographs: a file → the crops that a network judges and what else is known of it. This is the work of the loaders.

Whatever is wrong with a file becomes the `error` of its photograph; nothing is raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.jpeg.frame import DECODED_MAX_PX
from train.data.crops import fixed_rectangles, to_tensor
from train.prediction.jpegs import CodedPicture, WholePicture, luma_of, open_jpeg
from train.prediction.phase import Phase, looked_at, phase_of_jpeg, phase_of_pixels
from train.prediction.pictures import decode_stored
from train.prediction.reading import Kind, kind_of, read_file

_TOO_LITTLE_MEMORY = "needs more memory than this machine can give"


@dataclass(frozen=True)
class Photograph:
    """A file, with an error, or with everything else; sizes are those of the stored frame, which EXIF may turn."""

    path: str
    error: str | None = None
    kind: Kind | None = None
    width_px: int = 0
    height_px: int = 0
    make: str | None = None
    model: str | None = None
    orientation: int | None = None
    """EXIF Orientation, 1 to 8, as written."""
    exif_size_px: tuple[int | None, int | None] = (None, None)
    """Width and height that EXIF states."""
    phase: Phase | None = None
    notes: tuple[str, ...] = ()
    """What its kind of file lacks."""
    crops: Tensor | None = None
    """uint8, N×3×H×W."""


@dataclass(frozen=True)
class Photographs:
    """The files of a prediction, by path, as crops of a size; a data set for `train.data.loading.load`."""

    crop_px: int
    crops: int
    """Most crops of a photograph."""

    def __getitems__(self, paths: Sequence[str]) -> list[Photograph]:
        """Return the photographs of these paths."""
        return [photograph(path, self.crop_px, self.crops) for path in paths]


def photograph(path: str, crop_px: int, crops: int) -> Photograph:
    """Return what is to be judged of a file."""
    try:
        data = read_file(path)
    except OSError as error:
        return Photograph(path, f"cannot be read: {error.strerror or error}")
    except MemoryError:
        return Photograph(path, _TOO_LITTLE_MEMORY)
    except ValueError as error:
        return Photograph(path, str(error))
    return photograph_of(data, path, crop_px, crops)


def photograph_of(data: bytes, path: str, crop_px: int, crops: int) -> Photograph:
    """Return what is to be judged of the bytes of a file; `path` is carried along."""
    try:
        kind = kind_of(data)
        return _jpeg(path, data, crop_px, crops) if kind == "JPEG" else _stored(path, data, kind, crop_px, crops)
    except OSError as error:
        fault = f"cannot be read: {error.strerror or error}"
    except MemoryError:
        fault = _TOO_LITTLE_MEMORY
    except JpegError as error:
        fault = f"is not a readable JPEG: {error}"
    except ValueError as error:
        fault = str(error)
    return Photograph(path, fault)


def _jpeg(path: str, data: bytes, crop_px: int, crops: int) -> Photograph:
    facts = read_facts(data, whole=False)
    size_px = (facts.width_px, facts.height_px)
    if size_px[0] * size_px[1] > DECODED_MAX_PX:
        raise ValueError(f"{size_px[0]}×{size_px[1]} is beyond {DECODED_MAX_PX // 1_000_000} megapixels")
    mcu_size_px = (facts.mcu_width_px, facts.mcu_height_px)
    rectangles, middle = fixed_rectangles(*size_px, crop_px, crops), looked_at(*size_px)
    try:
        picture = open_jpeg(data, size_px, mcu_size_px, [*rectangles, middle])
        phase = phase_of_jpeg(picture.luma(middle))
        if phase.origin != (0, 0):
            rectangles = fixed_rectangles(*size_px, crop_px, crops, phase.origin)
            if isinstance(picture, CodedPicture):
                picture = open_jpeg(data, size_px, mcu_size_px, rectangles)
        pixels = [picture.pixels(each) for each in rectangles]
    except ValueError as error:
        raise ValueError(f"does not decode: {error}") from error
    return Photograph(
        path, None, "JPEG", *size_px, facts.make, facts.model, facts.orientation,
        (facts.exif_width_px, facts.exif_height_px), phase, (), to_tensor(pixels),
    )  # fmt: skip


def _stored(path: str, data: bytes, kind: Kind, crop_px: int, crops: int) -> Photograph:
    stored = decode_stored(data, kind)
    height_px, width_px = stored.picture.shape[:2]
    whole = WholePicture(stored.picture)
    fixed_rectangles(width_px, height_px, crop_px, 1)  # refuses a small one before its grid is looked for
    phase = phase_of_pixels(luma_of(whole.pixels(looked_at(width_px, height_px))), stored.grid_px)
    rectangles = fixed_rectangles(width_px, height_px, crop_px, crops, phase.origin)
    exif = stored.exif
    return Photograph(
        path, None, kind, width_px, height_px, exif.make, exif.model, exif.orientation,
        (exif.width_px, exif.height_px), phase, stored.notes, to_tensor(map(whole.pixels, rectangles)),
    )  # fmt: skip
