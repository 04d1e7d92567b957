"""Drawing: a file's parts to scale, as a picture: one bar for the whole file, one for what stands before its pixels.

parts → PNG. Colours tell kinds of parts apart; numbers are those of the table beside. The same parts give the same
bytes.
"""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from examiner.detectors.structure.parts import Part

WIDTH_PX = 960
_BAR_PX, _GAP_PX, _MARGIN_PX = 44, 30, 10
_NUMBERED_PX = 14
"""Narrowest part that gets its number written into it."""
_COLOURS = {
    "metadata": (86, 140, 200),
    "tables": (214, 154, 62),
    "frame": (148, 110, 190),
    "pixels": (176, 184, 192),
    "second picture": (92, 164, 112),
    "other": (206, 92, 92),
}
"""What a part is → colour; all carry black text."""
_OF_NAME = (
    (("APP", "COM", "eXIf", "iTXt", "tEXt", "zTXt", "iCCP", "EXIF", "XMP", "ICCP", "meta", "caBX"), "metadata"),
    (("DQT", "DHT", "DAC", "DRI", "PLTE"), "tables"),
    (("SOF", "SOS", "SOI", "EOI", "DNL", "IHDR", "IEND", "signature", "RIFF", "VP8X", "ftyp"), "frame"),
    (("scan data", "IDAT", "VP8", "mdat", "file", "ALPH"), "pixels"),
    (("JPEG",), "second picture"),
)


def kind_of_part(part: Part) -> str:
    """Return what a part is, by its name: `metadata`, `tables`, `frame`, `pixels`, `second picture` or `other`."""
    return next((kind for names, kind in _OF_NAME if part.name.startswith(names)), "other")


def drawn(parts: Sequence[Part]) -> bytes:
    """Return the parts of a file to scale, as a PNG of WIDTH_PX pixels' width; `parts` as `parts_of` gives them."""
    rows = [("whole file", list(enumerate(parts, 1)))]
    first_pixels = next((place for place, part in enumerate(parts) if kind_of_part(part) == "pixels"), len(parts))
    if 0 < first_pixels < len(parts):
        rows.append(("before the pixels", list(enumerate(parts, 1))[:first_pixels]))
    height_px = _MARGIN_PX + len(rows) * (_GAP_PX + _BAR_PX) + _GAP_PX
    picture = Image.new("RGB", (WIDTH_PX, height_px), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    top = _MARGIN_PX
    for title, numbered in rows:
        draw.text((_MARGIN_PX, top), f"{title}: {sum(part.size_bytes for _, part in numbered):,} bytes", "black", font)
        _bar(draw, font, top + _GAP_PX - 8, numbered)
        top += _GAP_PX + _BAR_PX
    left = _MARGIN_PX
    there = {kind_of_part(part) for part in parts}
    for kind, colour in _COLOURS.items():
        if kind in there:
            draw.rectangle((left, top + 2, left + 11, top + 13), colour)
            draw.text((left + 16, top), kind, "black", font)
            left += 34 + round(font.getlength(kind))
    saved = io.BytesIO()
    picture.save(saved, "PNG")
    return saved.getvalue()


def _bar(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    top: int,
    numbered: Sequence[tuple[int, Part]],
) -> None:
    begin, end = numbered[0][1].start, numbered[-1][1].end
    scale = (WIDTH_PX - 2 * _MARGIN_PX) / max(1, end - begin)
    for number, part in numbered:
        left = _MARGIN_PX + round((part.start - begin) * scale)
        right = max(left + 1, _MARGIN_PX + round((part.end - begin) * scale))
        draw.rectangle((left, top, right - 1, top + _BAR_PX - 8), _COLOURS[kind_of_part(part)])
        if right - left >= _NUMBERED_PX:
            draw.line((left, top, left, top + _BAR_PX - 8), "white")
            draw.text((left + 3, top + 10), str(number), "black", font)
