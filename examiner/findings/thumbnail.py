"""Thumbnail: whether the embedded thumbnail shows what the picture shows: as much of it, as bright, the same things."""

from collections.abc import Iterator

import numpy as np
import simplejpeg

from examiner.detectors.thumbnail.alignment import Aligned, align
from examiner.detectors.thumbnail.comparison import Difference, compare
from examiner.detectors.thumbnail.evidence import difference_map, side_by_side
from examiner.finding import Finding, Picture, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from forensics.header import embedded_thumbnail

ALIGNED_MIN = 0.8
"""Least correlation at which crop and tones mean anything; below it thumbnail and picture show different things."""
_CONTRAST_MIN = 3.0
"""Levels; plainer pictures, as in the dark, are alike whatever they show."""
_MAX_PX = 1024
"""Longest side of a thumbnail that is compared."""
_FAR = 4.0
"""Mean difference in units of noise from which the sentence calls a place different."""
_CROPPED = 0.08
_METHOD = (
    "The picture, reduced to the thumbnail's size, is laid over it, allowing black bars, stretching and a crop; tones "
    "are fitted by a cubic, and what is left is averaged over windows of 7×7 px of the thumbnail, in units of noise."
)
_SOURCE = (
    "Kee and Farid, Digital image authentication from thumbnails (SPIE 7541, 2010); alignment after Evangelidis and "
    "Psarakis (IEEE TPAMI 30, 2008)"
)
_CAUTION = (
    "Some cameras make the thumbnail from another reading of the sensor, or before they brighten and sharpen; programs "
    "mostly write a new thumbnail, and then nothing differs. A change that is smaller than a few pixels of the "
    "thumbnail is not seen."
)
_NAMES = ("thumbnail_frame", "thumbnail_tones", "thumbnail_content")


def thumbnail_differences(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Compare the embedded thumbnail with the picture: frame, tones, content."""
    if photograph.kind != "JPEG":
        return
    thumbnail = _thumbnail(photograph.data)
    aligned = None if thumbnail is None else align(photograph.luma, thumbnail)
    difference = None if aligned is None else compare(aligned)
    if aligned is None or difference is None or aligned.contrast_levels < _CONTRAST_MIN:
        flat = aligned is not None and aligned.contrast_levels < _CONTRAST_MIN
        fault = "too plain" if flat else "too small, or the picture too long,"
        why = "It has no thumbnail" if thumbnail is None else f"Its thumbnail is {fault}"
        yield Finding(
            _NAMES[-1], "history", f"{why} to compare the picture with.", "none", method=_METHOD, source=_SOURCE
        )
        return
    shown = side_by_side(aligned, difference)
    yield _content(aligned, difference, photograph.size_px, shown)
    if aligned.correlation < ALIGNED_MIN:
        for name in _NAMES[:2]:
            yield Finding(
                name, "history", "Thumbnail and picture have too little in common to compare their frames and tones.",
                "none", method=_METHOD, source=_SOURCE,
            )  # fmt: skip
        return
    yield _frame(aligned)
    yield _tones(difference)


def _thumbnail(data: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None":
    """Return the thumbnail in grey; None where there is none, or it does not decode."""
    jpeg = embedded_thumbnail(data)
    if jpeg is None:
        return None
    try:
        height_px, width_px = simplejpeg.decode_jpeg_header(jpeg, strict=False)[:2]
        if max(height_px, width_px) > _MAX_PX:
            return None
        return np.asarray(simplejpeg.decode_jpeg(jpeg, "GRAY", strict=False)[..., 0], np.uint8)
    except ValueError:
        return None


def _content(aligned: Aligned, difference: Difference, size_px: tuple[int, int], shown: Picture) -> Finding:
    place, box = difference_map(aligned, difference, size_px)
    if aligned.correlation < ALIGNED_MIN:
        statement = (
            "The thumbnail does not show this picture: the correlation of their brightness is only "
            f"{aligned.correlation:.2f}."
        )
    elif difference.content >= _FAR:
        x, y, width_px, height_px = box
        statement = (
            f"Thumbnail and picture differ most in {width_px}×{height_px} px of the picture at ({x}, {y}), by "
            f"{difference.content:.1f} times the noise; their brightness correlates by {aligned.correlation:.3f}."
        )
    else:
        statement = (
            f"Thumbnail and picture show the same: nowhere do they differ by more than {difference.content:.1f} times "
            f"the noise (correlation {aligned.correlation:.3f})."
        )
    return Finding(
        "thumbnail_content", "history", statement, "expected", _content_score(aligned, difference),
        evidence=(shown, place), method=_METHOD, source=_SOURCE, caution=_CAUTION,
    )  # fmt: skip


def _content_score(aligned: Aligned, difference: Difference) -> float:
    """Return the largest difference, raised where the two have little in common: noise then hides all differences."""
    return max(difference.content, _FAR * 20 * (ALIGNED_MIN - aligned.correlation))


def _frame(aligned: Aligned) -> Finding:
    beyond = aligned.beyond
    corners = np.round(aligned.corners).astype(int)
    width_px, height_px = aligned.content[2:]
    statement = (
        f"The thumbnail shows more than the picture: {100 * beyond:.0f} % of it lies outside, as after a crop."
        if beyond >= _CROPPED
        else f"The thumbnail shows no more than the picture: {100 * beyond:.1f} % of it lies outside."
    )
    rows = (
        ("thumbnail without bars", f"{width_px}×{height_px} px"),
        ("upper left corner of the picture in it", f"({corners[0, 0]}, {corners[0, 1]})"),
        ("lower right corner of the picture in it", f"({corners[2, 0]}, {corners[2, 1]})"),
        ("share of the thumbnail outside the picture", f"{beyond:.3f}"),
    )
    return Finding(
        "thumbnail_frame", "history", statement, "expected", beyond,
        evidence=(Table("Where the picture lies in its thumbnail", ("what", "value"), rows),),
        method=_METHOD, source=_SOURCE, caution=_CAUTION,
    )  # fmt: skip


def _tones(difference: Difference) -> Finding:
    levels = round(difference.brightness_levels, 1)
    brightness = f"{'brighter' if levels > 0 else 'darker'} by {abs(levels):.1f}" if levels else "as bright"
    return Finding(
        "thumbnail_tones", "history",
        f"The tones of thumbnail and picture differ by {difference.tones_levels:.1f} levels of 255; the thumbnail is "
        f"{brightness}.",
        "expected", difference.tones_levels, method=_METHOD, source=_SOURCE, caution=_CAUTION,
    )  # fmt: skip
