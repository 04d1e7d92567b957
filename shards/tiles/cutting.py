"""Cutting: cuts a photograph losslessly into tiles on its MCU grid, or keeps it whole.

A tile has the photograph's own tables and coefficients, so every trace survives. Its pixels equal the photograph's,
except within 8 px of an edge where chroma is subsampled. Nothing else of the file is kept: no EXIF, XMP, colour
profile, comment or thumbnail. Refuses what `forensics.coefficients` refuses, and photographs smaller than one MCU.
"""

from dataclasses import dataclass

from forensics.coefficients import Coefficients, read_coefficients, write_rectangle
from shards.restarts import interval
from shards.tiles.placement import place_tiles, tile_size


@dataclass(frozen=True, slots=True)
class Cut:
    """One tile: a whole baseline JPEG, and its place in the photograph, in pixels."""

    jpeg: bytes
    x_px: int
    y_px: int
    width_px: int
    height_px: int


def cut_tiles(jpeg: bytes, *, tile_px: int, tiles_per_photo: int, restart_mcus: int = 0) -> list[Cut]:
    """Return up to `tiles_per_photo` tiles, the central one first, the others placed by `shards.tiles.placement`.

    An edge is `tile_px`, or the photograph's where that is shorter, rounded down to the MCU grid. Restart markers stand
    about `restart_mcus` MCUs apart, and at the end of every row of MCUs (0: none). Equal bytes give equal tiles. Raises
    ValueError, which says what is wrong, for bytes that are not a whole baseline JPEG.
    """
    photo = read_coefficients(jpeg)
    mcu_px = photo.frame.mcu_size_px
    photo_px = (photo.frame.width_px, photo.frame.height_px)
    width_px, height_px = (tile_size(edge, tile_px, mcu) for edge, mcu in zip(photo_px, mcu_px, strict=True))
    if width_px == 0 or height_px == 0:
        raise ValueError(
            f"photograph of {photo_px[0]}x{photo_px[1]} px or tile of {tile_px} px is smaller than "
            f"one {mcu_px[0]}x{mcu_px[1]} MCU"
        )
    places = place_tiles(photo_px, (width_px, height_px), mcu_px, tiles_per_photo)
    return [_cut(photo, x_px, y_px, width_px, height_px, restart_mcus) for x_px, y_px in places]


def whole_photo(jpeg: bytes, *, restart_mcus: int = 0) -> Cut:
    """Return the whole photograph with all its coefficients and its true size; the rest is as for `cut_tiles`."""
    photo = read_coefficients(jpeg)
    return _cut(photo, 0, 0, photo.frame.width_px, photo.frame.height_px, restart_mcus)


def _cut(photo: Coefficients, x_px: int, y_px: int, width_px: int, height_px: int, restart_mcus: int) -> Cut:
    mcus = interval(-(-width_px // photo.frame.mcu_size_px[0]), restart_mcus)
    return Cut(
        write_rectangle(photo, x_px, y_px, width_px, height_px, restart_mcus=mcus), x_px, y_px, width_px, height_px
    )
