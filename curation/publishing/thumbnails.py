"""Thumbnails: draws originals as small JPEGs for the report.

Pictures are decoded at a reduced scale, so that 100 megapixels cost little memory; a file whose stated size or number
of scans would cost more than a photograph may is refused. A thumbnail has no EXIF, equal bytes give equal thumbnails,
and a damaged picture is shown as far as it decodes.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import simplejpeg
from PIL import Image

from corpus.errors import StorageError
from corpus.page import Tile, jpeg_address
from corpus.storage import Store
from forensics.jpeg.frame import DECODED_MAX_PX

EDGE_PX = 144
"""Longer edge of a thumbnail: six of them, as the report shows for each reason, take about 100 kB."""

_ORIGINAL_MAX_BYTES = 256 << 20
_SCANNED_PIXELS_MAX = 1_000_000_000
"""Largest pixels × scans: a scan of a progressive file may cover the whole picture in a few bytes. Programs write about
ten scans, so up to 100 megapixels pass."""
_SCAN = b"\xff\xda"
_JPEG_QUALITY = 72


def thumbnail(data: bytes) -> bytes | None:
    """Return the picture in `data` as a JPEG of at most EDGE_PX a side, as stored, not turned by its EXIF.

    None where it does not decode at all, or costs too much.
    """
    try:
        height_px, width_px, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        pixels = height_px * width_px
        if pixels > DECODED_MAX_PX or pixels * data.count(_SCAN) > _SCANNED_PIXELS_MAX:
            return None
        # only the longer edge: a minimum for both would decode a panorama at full scale
        longer = {"min_width": EDGE_PX} if width_px >= height_px else {"min_height": EDGE_PX}
        picture = Image.fromarray(simplejpeg.decode_jpeg(data, "RGB", strict=False, **longer))
    except (ValueError, KeyError, MemoryError):  # KeyError: simplejpeg, for a header without a frame
        return None
    picture.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.LANCZOS)
    drawn = io.BytesIO()
    picture.save(drawn, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return drawn.getvalue()


def thumbnails(store: Store, samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Tile]]:
    """Return tiles for the report, by reason.

    `samples`: by reason, each with `photo`, `value` (what the rule objected to), `page_url` and `original`, a path in
    the store or None. A tile has no picture where the store has no such file, or it does not decode.
    """
    return {reason: [_tile(store, sample) for sample in some] for reason, some in samples.items()}


def _tile(store: Store, sample: Mapping[str, Any]) -> Tile:
    caption = f"{sample['photo']}: {sample['value']}" if sample["value"] else str(sample["photo"])
    return Tile(_picture(store, sample["original"]), caption, sample["page_url"])


def _picture(store: Store, original: str | None) -> str | None:
    if original is None:
        return None
    try:
        if store.size_bytes(original) > _ORIGINAL_MAX_BYTES:
            return None
        data = store.read(original)
    except StorageError:  # taken down since; the report can do without
        return None
    drawn = thumbnail(data)
    return None if drawn is None else jpeg_address(drawn)
