"""Copy-move: whether a part of the picture was copied to another place in it."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.copy_move.detection import AREA_MIN_PX, SIDE_MIN_PX, copies_in, region_box, target_box
from examiner.detectors.copy_move.verification import Copy
from examiner.finding import Finding, Map, Regions, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

CELL_PX = 16
SHOWN_MAX = 4
"""Pairs of regions that are drawn."""
_METHOD = (
    "Small neighbourhoods that look alike, in any rotation and with any contrast, are found by sorting descriptions of "
    "64 bits; displacements that many of them share are verified pixel by pixel in the whole picture. The score says "
    "how little the fine detail of a region differs from that of its copy beyond what compression changes: one less "
    "the mean squared difference over that of unrelated parts, without straight edges, and a little lower where few "
    "places agree."
)
_SOURCE = (
    "Calonder et al., ECCV 2010, for the descriptions, Charikar, STOC 2002, for the search, and Christlein et al., "
    "IEEE TIFS 7 (2012), for the whole; the comparison of fine detail is this project's own (docs/examiner.md)"
)
_CAUTION = (
    "Patterns that repeat exactly, such as printed or computer-made ones, look the same. Copies of plain surfaces, of "
    "less than about 48 px (in a picture of 12 megapixels 150 px), enlarged by more than a third, mirrored, or "
    "compressed hard after copying are not seen."
)


def copied_region(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether two regions of the picture are one and its copy."""
    if min(photograph.size_px) < SIDE_MIN_PX:
        yield Finding(
            "copied_region", "splices", "The picture is too small to look for copied regions.", "none",
            method=_METHOD, source=_SOURCE, caution=_CAUTION,
        )  # fmt: skip
        return
    copies = copies_in(photograph.luma)
    score = copies[0].score if copies else 0.0
    yield Finding(
        "copied_region", "splices", _statement(copies, photograph.size_px), "expected", score,
        _evidence(copies[:SHOWN_MAX], photograph.size_px) if copies else (), _METHOD, _SOURCE, _CAUTION,
    )  # fmt: skip


def _statement(copies: list[Copy], size_px: tuple[int, int]) -> str:
    if not copies:
        return f"No region of {AREA_MIN_PX:,} pixels or more appears twice in the picture."
    best = copies[0]
    left, top, width, height = region_box(best)
    to_left, to_top, _, _ = target_box(best, size_px)
    return (
        f"Two regions look alike, {width}×{height} px at ({left}, {top}) and at ({to_left}, {to_top}){_changed(best)}; "
        f"their fine detail agrees to {best.agreement:.2f} (1: an exact copy but for compression, 0: unrelated)."
    )


def _changed(copy: Copy) -> str:
    turn, enlargement = _turn(copy), _enlargement(copy)
    said = []
    if abs(turn) >= 1:
        said.append(f"turned by {abs(turn):.0f}° {'clockwise' if turn > 0 else 'anticlockwise'}")
    if abs(enlargement - 1) >= 0.02:
        said.append(f"{'enlarged' if enlargement > 1 else 'reduced'} to {100 * enlargement:.0f} %")
    return ", " + " and ".join(said) if said else ""


def _evidence(copies: list[Copy], size_px: tuple[int, int]) -> tuple[Regions, Map, Table]:
    rows = [
        (
            *(f"{each}" for each in (_where(region_box(copy)), _where(target_box(copy, size_px)))),
            f"{_turn(copy):.1f}°", f"{_enlargement(copy):.2f}", f"{copy.area_px:,.0f}",
            f"{copy.likeness:.2f}", f"{copy.agreement:.2f}",
        )
        for copy in copies
    ]  # fmt: skip
    return (
        Regions(
            "Regions that are seen twice", tuple((region_box(each), target_box(each, size_px)) for each in copies),
            "The comparison does not tell which of the two is the original.",
        ),
        Map("Where a region and its copy agree", _cells(copies, size_px), CELL_PX),
        Table(
            "Regions and their copies",
            ("region", "copy", "turned by", "scale", "pixels", "correlation of detail", "agreement of fine detail"),
            tuple(rows),
        ),
    )  # fmt: skip


def _cells(copies: list[Copy], size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Return for each cell of the picture how well the fine detail of a copy in it agrees; 0 outside copies."""
    across, down = (-(-side // CELL_PX) for side in size_px)
    cells = np.zeros((down, across), np.float32)
    for copy in copies:
        place = np.array([[copy.shrink, 0, copy.box[0]], [0, copy.shrink, copy.box[1]], [0, 0, 1]])
        for matrix in (place[:2], copy.matrix @ place):
            drawn = cv2.warpAffine(copy.mask.astype(np.float32), matrix / CELL_PX, (across, down))
            np.maximum(cells, np.where(drawn > 0.5, copy.score, 0), out=cells)
    return np.minimum(cells, 1.0).astype(np.float32)


def _where(box: tuple[int, int, int, int]) -> str:
    return f"{box[2]}×{box[3]} px at ({box[0]}, {box[1]})"


def _turn(copy: Copy) -> float:
    return float(np.degrees(np.arctan2(copy.matrix[1, 0], copy.matrix[0, 0])))


def _enlargement(copy: Copy) -> float:
    return float(np.hypot(copy.matrix[0, 0], copy.matrix[1, 0]))
