"""History: whether a picture was compressed before: on another grid, on its own grid, or as a file of another kind.

Each finding has its score on one scale for all photographs, found or not; what a score is worth is measured on genuine
photographs.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.finding import Finding, Map, Regions, Table
from examiner.history.double_compression import CELL_BLOCKS, FREQUENCIES, Doubled, doubled, past_map, without_past
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from forensics.jpeg.quality import quality_text
from forensics.pixels.grid import grid_evidence

_GRID_METHOD = (
    "Blocks of 8×8 px that were once compressed have more DCT zeros than blocks beside them; a sign test over all "
    "pairs of neighbouring blocks in the middle of the picture asks whether any origin other than the file's own has "
    "more."
)
_ZERO = "Nikoukhah et al., ZERO, Image Processing On Line 11 (2021), with the test of symmetry of forensics.pixels.grid"
_GRID_CAUTION = (
    "Fine regular patterns can look the same. A crop by a multiple of 8 px on both axes is not seen, and neither is a "
    "grid that a later, harder compression has hidden."
)
_GRID_FOUND = 6.0
"""Score from which a shifted grid is said to be there; `forensics.pixels.grid.MOST_LOG10_NFA` says how it was found."""


def shifted_grid(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether another grid of blocks than the file's own is in the middle of the picture."""
    if photograph.kind != "JPEG":
        return
    grid = grid_evidence(photograph.luma)
    if grid is None:
        yield Finding(
            "shifted_grid", "history", "The picture is too small or too plain to look for an earlier grid of blocks.",
            "none", method=_GRID_METHOD, source=_ZERO, caution=_GRID_CAUTION,
        )  # fmt: skip
        return
    score = max(0.0, -grid.other_log10_nfa)
    statement = (
        f"A second grid of 8×8 blocks begins at ({grid.other_x}, {grid.other_y}), as a JPEG has that was cropped or "
        "moved and saved again."
        if score >= _GRID_FOUND
        else "No second grid of 8×8 blocks: nothing says that the picture was cropped and saved again."
    )
    yield Finding(
        "shifted_grid", "history", statement, "expected", score, method=_GRID_METHOD, source=_ZERO,
        caution=_GRID_CAUTION,
    )  # fmt: skip


_DOUBLE_METHOD = (
    "The histograms of nine DCT frequencies are compared with those that the picture, shifted off its grid, would have "
    "after an earlier quantisation by each step from 2 to 64 and then the file's own; the score is the gain in "
    "likelihood over no earlier one, in thousandths of a nat a coefficient."
)
_DOUBLE_SOURCE = (
    "Fridrich and Lukáš, Estimation of Primary Quantization Matrix in Double Compressed JPEG Images, DFRWS (2003); "
    "Bianchi and Piva, IEEE Transactions on Information Forensics and Security 7 (2012)"
)
_DOUBLE_CAUTION = (
    "Rotating without loss in a viewer, messengers and sites that save again leave the same trace without a change of "
    "content, and so do cameras that compress twice. A photograph saved again with the same table is not seen, and of "
    "several earlier compressions the hardest is named."
)
_DOUBLE_FOUND = 2.0
"""Score from which an earlier compression is said to be there. Of 101 originals of 17 cameras none has more than
1.6."""
_IJG_SHARE = 0.6
"""Least share of the gain that an IJG table must reach for its factor to be named."""

_UNEVEN_METHOD = (
    "Each block says how much likelier its coefficients are with the earlier compression of the picture than without; "
    "the score is the sum, in nats, over the connected region that speaks most against it."
)
_UNEVEN_CAUTION = (
    "Flat and saturated regions have no answer. Regions that were blurred, drawn or written over lack the trace as "
    "well as those from another photograph; a region that was itself a JPEG on the same grid is not seen."
)
_UNEVEN_FOUND = 60.0
"""Score from which a region is said to lack the earlier compression."""
_STRONG_NATS = 20.0
"""Mean of a cell and those beside it from which the map is at its brightest."""


def double_compression(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether the picture was compressed before on the grid that it has, how hard, and whether all of it was."""
    if photograph.facts is None:
        return
    tables = photograph.facts.quantisation_tables
    found = doubled(photograph.luma, tables[0]) if tables else None
    if found is None:
        yield Finding(
            "double_compression", "history",
            "The picture is too small or too plain to look for an earlier compression.",
            "none", method=_DOUBLE_METHOD, source=_DOUBLE_SOURCE, caution=_DOUBLE_CAUTION,
        )  # fmt: skip
        return
    score = 1000 * found.gain
    is_found = score >= _DOUBLE_FOUND
    own = quality_text(photograph.facts.quality_factor, photograph.facts.quality_residual)
    statement = (
        f"The picture was probably a JPEG before, on the same grid of blocks, {_hardness(found)}: its coefficients fit "
        f"that and then its own table ({own}) better than its own alone."
        if is_found
        else "No trace of an earlier compression on the same grid of blocks."
    )
    evidence = (_steps(found, tables[0]),) if is_found else ()
    yield Finding(
        "double_compression", "history", statement, "expected", score, evidence, _DOUBLE_METHOD, _DOUBLE_SOURCE,
        _DOUBLE_CAUTION,
    )  # fmt: skip
    if is_found:
        yield _uneven(photograph, tables[0], found)


def _hardness(found: Doubled) -> str:
    if found.factor_gain < _IJG_SHARE * found.gain:
        return "with a table that is none of the IJG's"
    return f"at a quality near {found.factor}"


def _steps(found: Doubled, table: tuple[int, ...]) -> Table:
    rows = tuple(
        (f"({frequency % 8}, {frequency // 8})", str(table[frequency]), str(step) if step > 1 else "–", f"{gain:.4f}")
        for frequency, step, gain in zip(FREQUENCIES.tolist(), found.steps, found.gains, strict=True)
    )
    return Table("Likeliest earlier steps", ("frequency", "own step", "earlier step", "gain, nats"), rows)


def _uneven(photograph: Photograph, table: tuple[int, ...], found: Doubled) -> Finding:
    cells = past_map(photograph.luma, table, found)
    side = 8 * CELL_BLOCKS
    region = without_past(cells)
    score = 0.0 if region is None else region.nats
    evidence: tuple[Map | Regions, ...] = (Map("Where the earlier compression is missing", _as_evidence(cells), side),)
    statement = "Every region with enough detail has the earlier compression."
    if region is not None and score >= _UNEVEN_FOUND:
        x, y, width, height = (side * each for each in region.cells)
        place = f"{width}×{height} px at ({x}, {y})"
        statement = f"A region within {place} lacks the earlier compression that the rest has."
        evidence += (Regions("The region without it", (((x, y, width, height),),)),)
    return Finding(
        "uneven_compression", "history", statement, "expected", score, evidence, _UNEVEN_METHOD, _DOUBLE_SOURCE,
        _UNEVEN_CAUTION,
    )  # fmt: skip


def _as_evidence(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what speaks against the past, 0 to 1, from what speaks for it, in nats; NaN stays."""
    around = np.asarray(cv2.blur(np.nan_to_num(cells), (3, 3)), np.float32)
    return np.where(np.isnan(cells), np.float32(np.nan), np.clip(-around / _STRONG_NATS, 0, 1)).astype(np.float32)
