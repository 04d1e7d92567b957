"""Every manipulation, by name: what a person can do with Pillow, jpegtran, ImageMagick and ExifTool."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.curation.manipulations import metadata, pixels
from benchmarks.curation.manipulations.subject import Subject


@dataclass(frozen=True)
class Manipulation:
    """One manipulation, and the program it needs, where that is not Pillow."""

    name: str
    apply: Callable[[Subject], bytes]
    program: str | None = None


def _with(program: str, *named: tuple[str, Callable[[Subject], bytes]]) -> tuple[Manipulation, ...]:
    return tuple(Manipulation(name, apply, program) for name, apply in named)


MANIPULATIONS: tuple[Manipulation, ...] = (
    *(Manipulation(f"saved at {quality}", pixels.resave(quality)) for quality in (70, 80, 90, 95, 98, 100)),
    Manipulation("saved at 95, optimised", pixels.resave(95, optimize=True)),
    Manipulation("saved at 98, optimised", pixels.resave(98, optimize=True)),
    Manipulation("saved at 98, progressive", pixels.resave(98, progressive=True)),
    Manipulation("saved at 98, EXIF dropped", pixels.resave(98, exif=None)),
    Manipulation("saved with own tables", pixels.resave_with_own_tables),
    Manipulation("saved with own tables, optimised", pixels.resave_with_own_tables_optimised),
    Manipulation("turned by 90, old EXIF", pixels.turned(90)),
    Manipulation("turned by 180, old EXIF", pixels.turned(180)),
    Manipulation("cropped on the grid, saved", partial(pixels.cropped, 32, 16)),
    Manipulation("cropped off the grid, saved", partial(pixels.cropped, 5, 3)),
    Manipulation("3 % crop scaled back", pixels.cropped_and_scaled_back),
    Manipulation("3 % crop scaled back, own tables", pixels.cropped_and_scaled_back_with_own_tables),
    Manipulation("halved and scaled back", pixels.halved_and_doubled),
    Manipulation("resized to 80 %", pixels.resized),
    Manipulation("brightened, saved at 98", pixels.brightened),
    Manipulation("brightened, own tables", pixels.brightened_with_own_tables),
    Manipulation("brightened, own header", pixels.brightened_behind_own_header),
    Manipulation("messenger 1600 px, q 75, stripped", pixels.messenger(1600, 75, keeps_exif=False)),
    Manipulation("messenger 1600 px, q 80, EXIF", pixels.messenger(1600, 80, keeps_exif=True)),
    Manipulation("screenshot, phone's EXIF", pixels.screenshot),
    Manipulation("screenshot at native size", pixels.screenshot_at_native_size),
    *_with(
        "jpegtran",
        ("jpegtran: turned by 90", metadata.lossless("-rotate", "90")),
        ("jpegtran: turned by 180", metadata.lossless("-rotate", "180")),
        ("jpegtran: cropped on the grid", metadata.lossless_crop(32, 16)),
        ("jpegtran: cropped off the grid", metadata.lossless_crop(21, 13)),
        ("jpegtran: optimised", metadata.lossless("-optimize")),
        ("jpegtran: progressive", metadata.lossless("-progressive")),
        ("jpegtran: rewritten", metadata.lossless()),
        ("jpegtran: metadata dropped", metadata.lossless("-copy", "none")),
    ),
    *_with(
        "imagemagick",
        ("ImageMagick: converted", pixels.imagemagick()),
        ("ImageMagick: saved at 98", pixels.imagemagick("-quality", "98")),
        ("ImageMagick: brightened", pixels.imagemagick("-modulate", "110", "-quality", "98")),
        ("ImageMagick: turned by 90", pixels.imagemagick("-rotate", "90", "-quality", "98")),
        ("ImageMagick: stripped", pixels.imagemagick("-strip", "-quality", "98")),
    ),
    *_with(
        "exiftool",
        ("ExifTool: all metadata stripped", metadata.changed("-all=")),
        ("ExifTool: thumbnail stripped", metadata.without_thumbnail),
        ("ExifTool: position stripped", metadata.changed("-GPS:all=")),
        ("ExifTool: Software is an editor", metadata.changed("-Software=Adobe Photoshop CS5 Windows")),
        ("ExifTool: Software is a word", metadata.changed("-Software=Holiday 1.0")),
        ("ExifTool: Software removed", metadata.with_software_removed),
        ("ExifTool: all dates set", metadata.changed("-AllDates=2015:05:05 10:10:10")),
        ("ExifTool: date taken moved", metadata.changed("-DateTimeOriginal-=0:0:1 0:0:0")),
        ("ExifTool: another camera's EXIF", metadata.with_metadata_of_another_camera),
        ("ExifTool: original's EXIF on a save", metadata.resaved_with_metadata_of_the_original),
    ),
    Manipulation("cropped on the grid, EXIF sizes set", metadata.lossless_crop_with_sizes_set, "exiftool"),
)  # fmt: skip
"""All manipulations, in the order of the table."""
