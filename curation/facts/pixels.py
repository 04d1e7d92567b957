"""Pixels: decode one JPEG and find its perceptual hash and the traces of earlier compression.

Pictures larger than the limits below, by the size their header states, are not decoded. Bad bytes raise nothing: the
result says why they do not decode. What is bad is decided by `forensics.pixels.decoding`. Too little memory is a
MemoryError: it says nothing of the bytes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.errors import is_short_of_memory
from forensics.jpeg.frame import DECODED_MAX_PX
from forensics.photo_facts import PhotoFacts
from forensics.pixels.decoding import Decoded, decode_luma, decode_whole
from forensics.pixels.first_quality import first_quality
from forensics.pixels.grid import CROP_PX, MOST_LOG10_NFA, grid_evidence, middle, middle_start
from forensics.pixels.perceptual_hash import LEAST_SIDE_PX, perceptual_hash

COEFFICIENTS_MAX_BYTES = 512 << 20
"""A progressive picture takes two bytes a coefficient until its last scan is read."""
WHOLE_MAX_PX = 80_000_000
"""Largest picture decoded at full size, down to its middle, to search that for a grid; one byte a pixel."""


def pixel_facts(data: bytes, facts: PhotoFacts, kind: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the columns of EXAMINED that pixels give, and the file's oddities as decoding shows them.

    `kind`: see `curation.facts.examine.kind_of`. The oddities of a picture that does not decode are those of its facts.
    """
    refusal = _too_large(facts)
    if refusal is not None:
        return {"pixel_error": refusal}, facts.oddities
    searches = set(kind.split("-")) & {"grid", "first"} if has_blocks(facts) else set()
    try:
        reduced = _decoded(data, facts)
        luma = _middle_luma(reduced.jpeg, facts) if searches else None
    except ValueError as error:
        if is_short_of_memory(error):
            raise MemoryError(str(error)) from error
        return {"pixel_error": str(error) or type(error).__name__}, facts.oddities
    found: dict[str, Any] = {}
    hashed = perceptual_hash(_grey(reduced.picture))
    if hashed is not None:
        found["perceptual_hash"] = hashed.hex()
    if luma is not None:
        grid = grid_evidence(luma) if "grid" in searches else None
        if grid is not None and grid.other_log10_nfa <= MOST_LOG10_NFA:
            found |= {"foreign_grid": f"{grid.other_x},{grid.other_y}", "foreign_grid_log10_nfa": grid.other_log10_nfa}
        is_asked = "first" in searches and facts.quantisation_tables
        first = first_quality(luma, facts.quantisation_tables[0]) if is_asked else None
        if first is not None:
            found |= {"first_quality_factor": first.factor, "first_quality_gain": first.gain}
    return found, reduced.oddities


def has_blocks(facts: PhotoFacts) -> bool:
    """Whether traces of earlier compression are searched in such a picture.

    They can be told only in 8-bit pictures that are coded in blocks of one MCU grid, and are not too large.
    """
    coded_in_blocks = facts.coding in ("baseline", "extended", "progressive") and facts.components in (1, 3)
    return coded_in_blocks and facts.precision_bits == 8 and facts.width_px * facts.height_px <= WHOLE_MAX_PX


def _decoded(data: bytes, facts: PhotoFacts) -> Decoded:
    """Return the picture, reduced as far as the perceptual hash allows; raises ValueError where it is damaged.

    At an eighth of the size every coefficient is still read, so damage is found as in a full decode, in a 64th of the
    memory. Narrow pictures are reduced less.
    """
    narrow_px = min(facts.width_px, facts.height_px)
    factor = next((each for each in (8, 4, 2, 1) if narrow_px // each >= LEAST_SIDE_PX), 8)
    colours = "CMYK" if facts.components == 4 else "GRAY"
    width_px, height_px = (-(-size // factor) for size in (facts.width_px, facts.height_px))
    return decode_whole(data, colours, min_width=width_px, min_height=height_px, min_factor=factor)


def _middle_luma(jpeg: bytes, facts: PhotoFacts) -> NDArray[np.uint8]:
    """Return the middle of the luma of a picture that decodes whole, at full size."""
    top = middle_start(facts.height_px)
    return middle(decode_luma(jpeg, top + CROP_PX)[top : top + CROP_PX])


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[..., 0] if picture.shape[-1] == 1 else picture.mean(axis=-1).astype(np.uint8)


def _too_large(facts: PhotoFacts) -> str | None:
    size_px = facts.width_px * facts.height_px
    if size_px > DECODED_MAX_PX:
        return f"{facts.width_px}x{facts.height_px} pixels are more than the {DECODED_MAX_PX} that are decoded"
    if facts.coding not in ("baseline", "extended") and size_px * facts.components * 2 > COEFFICIENTS_MAX_BYTES:
        return f"{facts.coding} coding of {facts.width_px}x{facts.height_px} pixels is too large to decode"
    return None
