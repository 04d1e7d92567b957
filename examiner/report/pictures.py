"""Pictures: the small pictures of a report: the photograph, its thumbnails, maps and regions drawn over it.

All are made from pixels, so that equal photographs give equal bytes and nothing but pixels gets into a report. Maps and
regions are given in the stored frame; everything is drawn turned as a person sees it (`orientation`, as EXIF counts).
"""

import io
import struct
import warnings
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from examiner.finding import Map, Regions
from examiner.photograph.opened import Photograph
from forensics.pixels.reduced import decode_reduced

PREVIEW_EDGE_PX = 960
"""Longer edge of the photograph in a report: sharp across a page of A4 at 130 dpi, about 120 kB."""
EVIDENCE_MAX_PX = 4_000_000
"""Largest picture that a finding may show."""
SETS_SHOWN = 26

Pixels = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Value = TypeVar("Value", bound=np.generic)

_QUALITY = 84
_HEAT = np.array(((255, 214, 10), (250, 130, 20), (206, 17, 72)), np.float32)
"""Colours of a map: weak, strong, strongest; they differ in lightness, so they can be told without colours."""
_OPACITY = 0.88
_HATCH_PX = 9
_NO_ANSWER = np.array((112, 116, 122), np.float32)
_SETS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2", "#ffffff")
"""Colours of regions that belong together: those of Okabe and Ito, told apart with any colour vision."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError, TypeError, struct.error,
           MemoryError, Image.DecompressionBombError)  # fmt: skip
"""What Pillow raises for damaged files."""


def preview_of(photograph: Photograph) -> bytes:
    """Return the picture as a JPEG of at most PREVIEW_EDGE_PX a side, as stored; empty where it does not decode."""
    try:
        pixels = decode_reduced(photograph.data, PREVIEW_EDGE_PX) if photograph.kind == "JPEG" else photograph.rgb
    except (ValueError, MemoryError):
        return b""
    return b"" if pixels is None else as_jpeg(_reduced(pixels, PREVIEW_EDGE_PX))


def is_small_picture(data: bytes) -> bool:
    """Whether bytes begin as a PNG or JPEG of at most EVIDENCE_MAX_PX; nothing is decoded."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            warnings.simplefilter("ignore")
            return opened.width * opened.height <= EVIDENCE_MAX_PX
    except _BROKEN:
        return False


def drawn_anew(data: bytes) -> bytes:
    """Return a PNG or JPEG saved anew as the same kind, without anything but its pixels.

    Empty where it is none of these, is larger than EVIDENCE_MAX_PX, or does not decode.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            warnings.simplefilter("ignore")
            if opened.width * opened.height > EVIDENCE_MAX_PX:
                return b""
            saved = io.BytesIO()
            if opened.format == "PNG":
                opened.convert("RGBA" if opened.has_transparency_data else "RGB").save(saved, "PNG")
            else:
                opened.convert("RGB").save(saved, "JPEG", quality=92)
            return saved.getvalue()
    except _BROKEN:
        return b""


def thumbnail_of(preview: bytes, orientation: int, edge_px: int) -> bytes:
    """Return the photograph for a contact sheet as a JPEG, turned; empty where there is no preview."""
    return as_jpeg(_reduced(turned(_pixels(preview), orientation), edge_px)) if preview else b""


def upright(preview: bytes, orientation: int) -> bytes:
    """Return the photograph as a person sees it, as a JPEG; empty where there is no preview."""
    if not preview or orientation == 1:
        return preview
    return as_jpeg(turned(_pixels(preview), orientation))


def map_picture(shown: Map, preview: bytes, size_px: tuple[int, int], orientation: int = 1) -> bytes:
    """Return a map drawn over the photograph in grey, as a JPEG; hatched where there is no answer.

    `preview`: the photograph, as stored, or empty; `size_px`: of the stored frame. Cells are drawn as they are, without
    smoothing, since a smooth map would look finer than it is.
    """
    ground = _ground(preview, size_px)
    height_px, width_px = ground.shape[:2]
    values = _sampled(shown, (width_px, height_px), size_px)
    grey = turned(ground, orientation).mean(axis=2, keepdims=True)
    values = turned(values, orientation)[..., None]
    heated = heat(np.broadcast_to(grey, (*grey.shape[:2], 3)), np.nan_to_num(values))
    rows, columns = np.indices(values.shape[:2])
    hatched = ((rows + columns) // (_HATCH_PX // 3) % 3 == 0)[..., None]
    missing = 0.45 * grey + 0.55 * np.where(hatched, 235, _NO_ANSWER)
    return as_jpeg(np.where(np.isnan(values), missing, heated).round().astype(np.uint8))


def heat(ground: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a ground (…, 3) with the colours of values (…, 1) from 0 to 1 laid over it."""
    values = np.clip(values, 0, 1)
    place = values * (len(_HEAT) - 1)
    lower = np.minimum(place.astype(int), len(_HEAT) - 2)[..., 0]
    colour = _HEAT[lower] + (place - lower[..., None]) * (_HEAT[lower + 1] - _HEAT[lower])
    opacity = _OPACITY * values
    return np.asarray((1 - opacity) * ground + opacity * colour, np.float32)


def heat_scale(steps: int) -> list[str]:
    """Return the colours of a map's legend from 0 to 1, `#rrggbb`, laid over a middle grey."""
    ground = np.full((steps, 3), 128, np.float32)
    colours = heat(ground, np.linspace(0, 1, steps, dtype=np.float32)[:, None])
    return ["#{:02x}{:02x}{:02x}".format(*(round(float(each)) for each in colour)) for colour in colours]


def regions_picture(shown: Regions, preview: bytes, size_px: tuple[int, int], orientation: int = 1) -> bytes:
    """Return the photograph with rectangles, as a JPEG; those that belong together share a colour and a letter.

    At most SETS_SHOWN sets are drawn.
    """
    ground = _ground(preview, size_px)
    scale = ground.shape[1] / max(size_px[0], 1), ground.shape[0] / max(size_px[1], 1)
    stored_size = ground.shape[1], ground.shape[0]
    picture = Image.fromarray(turned(ground, orientation))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(12, round(max(picture.size) / 45)))
    for number, rectangles in enumerate(shown.sets[:SETS_SHOWN]):
        colour, letter = _SETS[number % len(_SETS)], chr(ord("A") + number)
        for x, y, width, height in rectangles:
            corners = (x * scale[0], y * scale[1]), ((x + width) * scale[0], (y + height) * scale[1])
            box = _turned_box(*corners, stored_size, orientation)
            draw.rectangle(
                [each + off for each, off in zip(box, (-1, -1, 1, 1), strict=True)], outline="black", width=5
            )
            draw.rectangle(box, outline=colour, width=3)
            _label(draw, box, letter, colour, font)
    return as_jpeg(np.asarray(picture))


def as_jpeg(pixels: Pixels) -> bytes:
    """Return pixels as a JPEG without metadata; equal pixels give equal bytes."""
    saved = io.BytesIO()
    Image.fromarray(pixels).save(saved, "JPEG", quality=_QUALITY, optimize=True)
    return saved.getvalue()


def turned(pixels: NDArray[Value], orientation: int) -> NDArray[Value]:
    """Return stored pixels, or values by place, as a person sees them; `orientation` as EXIF counts."""
    upside = {3: 2, 4: 2, 6: -1, 5: -1, 7: 1, 8: 1}.get(orientation, 0)
    whole = np.rot90(pixels, upside)
    return (whole[:, ::-1] if orientation in (2, 4, 5, 7) else whole).copy()


def _turned_box(
    first: tuple[float, float], second: tuple[float, float], size: tuple[int, int], orientation: int
) -> list[float]:
    width, height = size
    points = [
        {
            1: (x, y), 2: (width - x, y), 3: (width - x, height - y), 4: (x, height - y),
            5: (y, x), 6: (height - y, x), 7: (height - y, width - x), 8: (y, width - x),
        }.get(orientation, (x, y))
        for x, y in (first, second)
    ]  # fmt: skip
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(*points, strict=True))
    wide, high = size if orientation < 5 else size[::-1]
    return [min(max(left, 0), wide - 1), min(max(top, 0), high - 1), min(max(right, 0), wide - 1),
            min(max(bottom, 0), high - 1)]  # fmt: skip


def _label(draw: ImageDraw.ImageDraw, box: Sequence[float], letter: str, colour: str, font: Font) -> None:
    left, top = box[0] + 2, box[1] + 2
    _, _, right, bottom = draw.textbbox((left + 4, top + 1), letter, font=font)
    draw.rectangle([left, top, right + 4, bottom + 3], fill=colour)
    draw.text((left + 4, top + 1), letter, fill="black", font=font)


def _pixels(jpeg: bytes) -> Pixels:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
        return np.asarray(opened.convert("RGB"))


def _ground(preview: bytes, size_px: tuple[int, int]) -> Pixels:
    """Return the photograph to draw on; where it does not decode, an even grey of its shape."""
    if preview:
        return _pixels(preview)
    longer = max(*size_px, 1)
    width_px, height_px = (max(1, round(each * PREVIEW_EDGE_PX / longer)) for each in size_px)
    return np.full((height_px, width_px, 3), 160, np.uint8)


def _sampled(shown: Map, drawn_px: tuple[int, int], size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Return the value of the cell at each pixel of the drawing; NaN outside the map."""
    rows, columns = shown.values.shape
    at_y, at_x = (
        np.floor(((np.arange(drawn) + 0.5) * stored / drawn - origin) / max(shown.cell_px, 1)).astype(int)
        for drawn, stored, origin in zip(drawn_px[::-1], size_px[::-1], shown.origin_px[::-1], strict=True)
    )
    values = np.full((drawn_px[1], drawn_px[0]), np.nan, np.float32)
    if rows and columns:
        found = shown.values[np.clip(at_y, 0, rows - 1)[:, None], np.clip(at_x, 0, columns - 1)]
        inside = ((at_y >= 0) & (at_y < rows))[:, None] & ((at_x >= 0) & (at_x < columns))
        values[inside] = found[inside]
    return values


def _reduced(pixels: Pixels, edge_px: int) -> Pixels:
    picture = Image.fromarray(pixels)
    picture.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS, reducing_gap=3)
    return np.asarray(picture)
