"""Splices: whether the traces of the camera, of the noise and of the grid of blocks are the same all over a picture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from examiner.detectors.splices.consistency import CELL_PX, LEAST_CELLS, Consistency, consistency_of
from examiner.finding import Evidence, Finding, Map, Regions, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from train.prediction.phase import Phase, phase_of_jpeg_grid, phase_of_pixels_grid

if TYPE_CHECKING:  # it needs torch, and an examination without a network does not
    from train.model.loaded import Model

NAME, WITHOUT_NETWORK = "splices", "splices_without_network"
_SHOWN = 3
_STRONG = 4.0
"""Units at which a map is drawn as strong as can be."""
_PLAIN_METHOD = (
    "The noise of each cell of 32 px (median absolute deviation of wavelet details) is compared with that of cells as "
    "bright. Sign tests on DCT zeros look for blocks on another grid, in windows of 192 px. Each pixel votes for the "
    "block of 8×8 px around it with most DCT zeros; binomial tests ask where, in windows of 96 px, another grid has "
    "more votes than it usually has in this picture, or the picture's own grid has fewer."
)
_METHOD = (
    "The network judges windows of the whole picture, and each window's log-probabilities are compared with their "
    "median over the picture (Kullback-Leibler divergence). "
)
_SPREAD_METHOD = (
    "In the maps, smaller windows also say how much likelier they are another photograph's, by the scatter of genuine "
    "windows (probabilistic linear discriminant analysis)."
)
_SOURCE = (
    "Cozzolino and Verdoliva, Noiseprint, IEEE TIFS 15 (2020), for the idea; Mahdian and Saic, Image and Vision "
    "Computing 27 (2009), for noise; Nikoukhah et al., ZERO, IPOL 11 (2021), for grids and votes; Ioffe, ECCV (2006), "
    "for the scatter; decisions 0022, 0025 and 0034 of this project"
)
_VOTES = (
    "Where another grid of blocks has more votes than is usual in this picture, or its own has fewer. All but 1 to 4 "
    "of a hundred cells of genuine photographs have nothing. "
)
_CAUTION = (
    "Depth of field, motion, sharp edges between textures, local adjustments and several pictures joined by the camera "
    "itself (HDR, panoramas, portrait mode) differ from place to place as well. What a program has drawn over a "
    "picture that was not compressed again, such as a caption, lacks its grid of blocks too. A region by the same "
    "camera, processed alike, on the same grid, is not seen. Regions without an answer say nothing, neither for nor "
    "against."
)
_PLAIN_CAUTION = (
    " Without a network only noise and grids of blocks were looked at; a last compression at quality 90 or less hides "
    "both."
)


def splices(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say where a picture differs most from itself, with maps of where."""
    model = knowledge.run.model if knowledge.run is not None else None
    name = WITHOUT_NETWORK if model is None else NAME
    method = _PLAIN_METHOD if model is None else _METHOD + _PLAIN_METHOD + " All of these count beside the network."
    if knowledge.run is not None and knowledge.run.spread is not None:
        method += " " + _SPREAD_METHOD
    caution = _CAUTION + (_PLAIN_CAUTION if model is None else "")
    x_px, y_px = _phase(photograph).origin or (0, 0)
    spread = knowledge.run.spread if knowledge.run is not None else None
    windows = None
    if model is not None:
        from examiner.detectors.splices.windows import windows_of

        windows = windows_of(model, photograph.rgb[y_px:, x_px:], spread)
    found = consistency_of(photograph.luma[y_px:, x_px:], windows, spread)
    if found.score is None:
        statement = (
            f"Only {100 * found.answered:.0f} % of the picture, fewer than {LEAST_CELLS} cells of {CELL_PX} px, has "
            "traces that could be compared: the rest is saturated, flat or blurred."
        )
        yield Finding(name, "splices", statement, "none", method=method, source=_SOURCE, caution=caution)
        return
    yield Finding(
        name, "splices", _statement(found, model, (x_px, y_px)), "expected", found.score,
        evidence=_evidence(found, model, (x_px, y_px)), method=method, source=_SOURCE, caution=caution,
    )  # fmt: skip


def _phase(photograph: Photograph) -> Phase:
    if photograph.kind == "JPEG":
        return phase_of_jpeg_grid(photograph.grid)
    return phase_of_pixels_grid(photograph.grid, photograph.stored.grid_px if photograph.stored is not None else 0)


def _statement(found: Consistency, model: "Model | None", origin_px: tuple[int, int]) -> str:
    x_px, y_px, width_px, height_px = _region(found.joined, origin_px)
    where = f"most in {width_px}×{height_px} px at ({x_px}, {y_px})"
    if model is None:
        return f"Noise and grids of blocks differ {where}; no network was used."
    if found.own is None or found.strongest is None:
        return f"The traces of the picture differ {where}."
    own, there = (model.name_of(model.classes[int(each.argmax())]) for each in (found.own, found.strongest))
    if own == there:
        return f"The network answers {own} for the picture as a whole; its traces differ {where}."
    return f"The network answers {own} for the picture as a whole, and {there} where its traces differ {where}."


def _region(joined: NDArray[np.float32], origin_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the rectangle (x, y, width, height) of the cells around the strongest one that have half of its value."""
    import cv2

    values = np.nan_to_num(joined)
    strong = (values >= values.max() / 2).astype(np.uint8)
    _, labels = cv2.connectedComponents(strong, connectivity=4)
    rows, columns = np.nonzero(labels == labels.ravel()[int(values.argmax())])
    return (
        origin_px[0] + int(columns.min()) * CELL_PX, origin_px[1] + int(rows.min()) * CELL_PX,
        int(columns.max() - columns.min() + 1) * CELL_PX, int(rows.max() - rows.min() + 1) * CELL_PX,
    )  # fmt: skip


def _evidence(found: Consistency, model: "Model | None", origin_px: tuple[int, int]) -> tuple[Evidence, ...]:
    unit = f"The scale ends at {_STRONG:g} times the value that one cell in a hundred reaches in genuine photographs. "
    maps = (
        ("All traces together", found.joined, unit),
        ("Camera", found.camera, unit),
        ("Noise", found.noise, unit),
        ("Grid of blocks", found.grid, unit),
        ("Votes of blocks", found.votes, _VOTES),
    )
    unanswered = f"Saturated, flat and blurred cells have no answer: {100 * (1 - found.answered):.0f} % of the picture."
    evidence: list[Evidence] = [
        Map(title, np.clip(values / _STRONG, 0, 1).astype(np.float32), CELL_PX, origin_px, caption + unanswered)
        for title, values, caption in maps
        if values is not None
    ]
    evidence.append(Regions("Where the traces differ most", ((_region(found.joined, origin_px),),)))
    if model is not None and found.own is not None and found.strongest is not None:
        evidence.append(_table(model, found.own, found.strongest))
    return tuple(evidence)


def _table(model: "Model", own: NDArray[np.float64], there: NDArray[np.float64]) -> Table:
    likeliest = dict.fromkeys([*np.argsort(-own)[:_SHOWN].tolist(), *np.argsort(-there)[:_SHOWN].tolist()])
    rows = tuple(
        (model.name_of(model.classes[each]), f"{np.exp(own[each]):.3f}", f"{np.exp(there[each]):.3f}")
        for each in likeliest
    )
    return Table(
        "Median probabilities over windows, not calibrated",
        ("camera", "the whole picture", "where traces differ most"),
        rows,
    )
