"""History: whether a picture was compressed before: on another grid, on its own grid, or as a file of another kind.

Each finding has its score on one scale for all photographs, found or not; what a score is worth is measured on genuine
photographs. A trace below the score from which it is called clear can be unusual as well, so the sentences give both.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.history.double_compression import (
    CELL_BLOCKS,
    FREQUENCIES,
    Doubled,
    doubled,
    past_map,
    without_past,
)
from examiner.detectors.history.earlier_table import FREQUENCIES as TABLE_FREQUENCIES
from examiner.detectors.history.earlier_table import EarlierTable, earlier_table
from examiner.detectors.history.grid_map import CELL_PX
from examiner.detectors.history.grid_map import foreign_grid as window_of_foreign_grid
from examiner.detectors.history.resampling import Resampled, resampled
from examiner.finding import Finding, Map, Regions, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from forensics.jpeg.quality import quality_text

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
    grid = photograph.grid
    if grid is None:
        yield Finding(
            "shifted_grid", "history", "The picture is too small or too plain to look for an earlier grid of blocks.",
            "none", method=_GRID_METHOD, source=_ZERO, caution=_GRID_CAUTION,
        )  # fmt: skip
        return
    score = max(0.0, -grid.other_log10_nfa)
    statement = (
        f"A second grid of 8×8 blocks begins at ({grid.other_x}, {grid.other_y}) px, as in a JPEG that was cropped or "
        "shifted and saved again."
        if score >= _GRID_FOUND
        else _unclear("second grid of 8×8 blocks", score, _GRID_FOUND)
    )
    yield Finding(
        "shifted_grid", "history", statement, "expected", score, method=_GRID_METHOD, source=_ZERO,
        caution=_GRID_CAUTION,
    )  # fmt: skip


def _unclear(what: str, score: float, clear_from: float) -> str:
    """Return that something is not clearly there, with its score: genuine photographs may seldom have as much."""
    if score == 0:
        return f"No {what} is seen."
    return f"No clear {what} is seen: the score is {score:.3g}, and a clear one has at least {clear_from:g}."


_EARLIER_METHOD = (
    "In the middle of the picture each pixel votes for the origin of the 8×8 blocks with most DCT zeros around it; the "
    "score is minus the logarithm of how often chance would give one origin as many votes. The steps of the earlier "
    "table are the largest on whose multiples the coefficients lie."
)
_EARLIER_SOURCE = (
    "Nikoukhah et al., ZERO, Image Processing On Line 11 (2021); Neelamani et al., JPEG Compression History Estimation "
    "for Color Images, IEEE Transactions on Image Processing 15 (2006)"
)
_EARLIER_CAUTION = (
    "Converting a JPEG to this kind of file leaves the trace, which does not show that the content was changed. "
    "Resizing, blurring and lossy coding after the JPEG hide it."
)
_GRID_IN_VOTES = 1.0


def earlier_jpeg(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say of a file that is no JPEG whether its picture was one, where its grid begins, and how hard it was."""
    if photograph.kind == "JPEG":
        return
    grid = photograph.grid
    if grid is None:
        yield Finding(
            "earlier_jpeg", "history", "The picture is too small or too plain to look for a grid of blocks.", "none",
            method=_EARLIER_METHOD, source=_EARLIER_SOURCE, caution=_EARLIER_CAUTION,
        )  # fmt: skip
        return
    score = max(0.0, -grid.log10_nfa)
    statement = _unclear("grid of 8×8 blocks as of an earlier JPEG", score, _GRID_IN_VOTES)
    evidence: tuple[Table, ...] = ()
    if score >= _GRID_IN_VOTES:
        table = earlier_table(photograph.luma, grid.x, grid.y)
        place = f"its grid of 8×8 blocks begins at ({grid.x}, {grid.y}) px"
        statement = f"The picture was probably a JPEG before{_told(table)}; {place}."
        evidence = () if table is None else (_steps_of(table),)
    yield Finding(
        "earlier_jpeg", "history", statement, "expected", score, evidence, _EARLIER_METHOD, _EARLIER_SOURCE,
        _EARLIER_CAUTION,
    )  # fmt: skip


def _told(table: EarlierTable | None) -> str:
    if table is None:
        return ""
    return (
        f", of quality {table.factor}" if table.is_ijg else f", with a quantisation table near quality {table.factor}"
    )


def _steps_of(table: EarlierTable) -> Table:
    rows = tuple(
        (f"({frequency % 8}, {frequency // 8})", str(step) if step else "–")
        for frequency, step in zip(TABLE_FREQUENCIES.tolist(), table.steps, strict=True)
    )
    return Table("Steps of the earlier table", ("frequency", "step"), rows)


_FOREIGN_METHOD = (
    "Blocks are compared in DCT zeros with the neighbours that symmetry makes their equals, by windows of 128 to "
    "512 px; the score says by how many standard deviations an origin of blocks has more zeros in one window than "
    "outside it."
)
_FOREIGN_CAUTION = (
    "Regular textures in one place, such as fabric, bricks and screens, can look the same. A region whose grid happens "
    "to be the picture's own (1 in 64), or mirrors itself (3 in 64), is not seen, and a later compression below 90 "
    "hides small ones."
)
_FOREIGN_FOUND = 7.0
"""Score from which a window is said to have another grid. Of 101 originals of 17 cameras one has more, with a regular
pattern (9.4), and none of the others more than 6.4."""


def foreign_grid(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether a region has another grid of blocks than the rest, as one from another JPEG has."""
    own = photograph.grid if photograph.kind != "JPEG" else None
    is_own_known = own is not None and own.log10_nfa <= -_GRID_IN_VOTES
    own_x, own_y = (own.x, own.y) if own is not None and is_own_known else (0, 0)
    found = window_of_foreign_grid(photograph.luma, own_x, own_y)
    if found is None:
        yield Finding(
            "foreign_grid", "history", "The picture is too small to compare the grids of its regions.", "none",
            method=_FOREIGN_METHOD, source=_ZERO, caution=_FOREIGN_CAUTION,
        )  # fmt: skip
        return
    x, y, width, height = found.box_px
    statement = (
        "No region clearly has another grid of 8×8 blocks than the rest: the largest difference, in "
        f"{width}×{height} px at ({x}, {y}), is {found.deviations:.1f} standard deviations, and a clear one has at "
        f"least {_FOREIGN_FOUND:g}."
    )
    evidence: tuple[Map | Regions, ...] = ()
    if found.deviations >= _FOREIGN_FOUND:
        statement = (
            f"In {width}×{height} px at ({x}, {y}) the grid of 8×8 blocks seems to begin at "
            f"({(found.x + own_x) % 8}, {(found.y + own_y) % 8}) px, unlike in the rest, as if this part came from "
            "another JPEG."
        )
        evidence = (
            Map("Where the grid begins as in that region", found.cells, CELL_PX, found.origin_px),
            Regions("The window that differs most", ((found.box_px,),)),
        )
    yield Finding(
        "foreign_grid", "history", statement, "expected", found.deviations, evidence, _FOREIGN_METHOD, _ZERO,
        _FOREIGN_CAUTION,
    )  # fmt: skip


_DOUBLE_METHOD = (
    "The histograms of nine DCT frequencies are compared with those that the picture, shifted off its grid, would have "
    "after an earlier quantisation by each step from 2 to 64 and then the file's own; the score is how much likelier "
    "an earlier one makes the picture than none, in thousandths of a nat per coefficient; less than 2 counts as 0."
)
_DOUBLE_SOURCE = (
    "Fridrich and Lukáš, Estimation of Primary Quantization Matrix in Double Compressed JPEG Images, DFRWS (2003); "
    "Bianchi and Piva, IEEE Transactions on Information Forensics and Security 7 (2012)"
)
_DOUBLE_CAUTION = (
    "Viewers that save a picture again when they rotate it, messengers and web sites leave the same trace without a "
    "change of content, and so do cameras that compress twice. A photograph that was saved again with the same "
    "quantisation table is not seen, and of several earlier compressions the hardest is named."
)
_DOUBLE_FOUND = 2.0
"""Score from which an earlier compression is said to be there; less counts as 0. Of 101 originals of 17 cameras none
has more than 1.6, but 4 of 13 by as many cameras have more than 0, where simulated ones have 0: such small scores would
make real photographs unusual among simulated ones."""
_IJG_SHARE = 0.6
"""Least share of the gain that an IJG table must reach for its factor to be named."""

_UNEVEN_METHOD = (
    "Each block says how much likelier its coefficients are with the earlier compression of the picture than without; "
    "the score is the sum, in nats, over the connected region that speaks most against it."
)
_UNEVEN_CAUTION = (
    "Flat and saturated regions have no answer. Regions that were blurred, drawn or written over lack the trace as "
    "well as those from another photograph; a region that was itself a JPEG on the same grid is not seen. "
    "The sum grows with the size of the region."
)
_UNEVEN_FOUND = 400.0
"""Score from which a region is said to lack the earlier compression; less counts as 0. In 132 crops saved twice, 84 of
real and 48 of simulated cameras, with nothing pasted in and the first compression the harder one, no region has more
than 320, and none of a real camera more than 48."""
_CLEAR = 20.0
"""Score of double compression from which its traces are strong enough to say where they are missing."""
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
    score = 1000 * found.gain if 1000 * found.gain >= _DOUBLE_FOUND else 0.0
    is_found = score > 0
    own = quality_text(photograph.facts.quality_factor, photograph.facts.quality_residual)
    statement = (
        f"The picture was probably compressed before, on the same grid of blocks, {_hardness(found)}: its coefficients "
        f"fit that and then a compression with the file's own table ({own}) better than the latter alone."
        if is_found
        else _unclear("trace of an earlier compression on the same grid of blocks", score, _DOUBLE_FOUND)
    )
    evidence = (_steps(found, tables[0]),) if is_found else ()
    yield Finding(
        "double_compression", "history", statement, "expected", score, evidence, _DOUBLE_METHOD, _DOUBLE_SOURCE,
        _DOUBLE_CAUTION,
    )  # fmt: skip
    if score >= _CLEAR:
        yield _uneven(photograph, tables[0], found)
    else:
        yield Finding(
            "uneven_compression", "history",
            "No earlier compression is clear enough to ask whether a region lacks it.",
            "expected", 0.0, method=_UNEVEN_METHOD, source=_DOUBLE_SOURCE, caution=_UNEVEN_CAUTION,
        )  # fmt: skip


def _hardness(found: Doubled) -> str:
    if found.factor_gain < _IJG_SHARE * found.gain:
        return "with a quantisation table that is not one of the IJG's"
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
    score = 0.0 if region is None or region.nats < _UNEVEN_FOUND else region.nats
    evidence: tuple[Map | Regions, ...] = (Map("Where the earlier compression is missing", _as_evidence(cells), side),)
    statement = "No region with enough detail clearly lacks the earlier compression that the picture has."
    if region is not None and score:
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


_RESAMPLED_METHOD = (
    "How well pixels are predicted from their neighbours is summed along each axis and transformed; the score is the "
    "evidence at all frequencies where resizing by one factor would leave traces, for the factor that fits best. "
    "Multiples of 1/8 cycles per pixel, where JPEG blocks and colour filters lie, do not count."
)
_RESAMPLED_SOURCE = (
    "Popescu and Farid, IEEE Transactions on Signal Processing 53 (2005); Gallagher, Canadian Conference on Computer "
    "and Robot Vision (2005); Kirchner, ACM Multimedia and Security (2008)"
)
_RESAMPLED_CAUTION = (
    "Cameras resize as well: digital zoom, smaller picture sizes, and the pipelines of some phones; of 17 cameras "
    "measured, 5 have such periods in some of their own originals. Fine regular patterns all over the scene look the "
    "same. Resizing before a JPEG compression at 85 or below, and making a picture smaller, are mostly not seen."
)
_RESAMPLED_FOUND = 15.0
"""Score from which a picture is said to have traces of interpolation. Of 101 originals of 17 cameras 10, of 3 cameras,
have more, and 18, of 5 cameras, more than 12."""


def resampling(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether the picture has the traces of interpolation, and by which factor it was resized."""
    found = resampled(photograph.luma)
    if found is None:
        yield Finding(
            "resampling", "history", "The picture is too small to look for traces of interpolation.", "none",
            method=_RESAMPLED_METHOD, source=_RESAMPLED_SOURCE, caution=_RESAMPLED_CAUTION,
        )  # fmt: skip
        return
    score = max(found.evidence, 0.0)
    statement = _unclear("trace of interpolation", score, _RESAMPLED_FOUND)
    evidence: tuple[Table, ...] = ()
    if found.evidence >= _RESAMPLED_FOUND:
        factors = " or ".join(f"{factor:.2f}" for factor in found.factors)
        statement = (
            f"The picture has traces of interpolation, as after resizing by a factor of {factors}"
            f"{' (these leave the same traces)' if len(found.factors) > 1 else ''}."
        )
        evidence = (_peaks(found),)
    yield Finding(
        "resampling", "history", statement, "expected", score, evidence, _RESAMPLED_METHOD, _RESAMPLED_SOURCE,
        _RESAMPLED_CAUTION,
    )  # fmt: skip


def _peaks(found: Resampled) -> Table:
    rows = tuple((axis, f"{cycles:.4f}", f"{1 / cycles:.2f}", f"{times:.1f}") for axis, cycles, times in found.peaks)
    return Table("Strongest periods", ("axis", "cycles per pixel", "period, px", "times the background"), rows)
