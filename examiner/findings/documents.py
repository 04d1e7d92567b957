"""Documents: whether parts of a scanned page differ from the rest, and whether words of it are copies of each other."""

from collections.abc import Iterator

import numpy as np

from examiner.detectors.scans.cells import CELL_PX, Cells
from examiner.detectors.scans.glyphs import Copy, copied_word
from examiner.detectors.scans.letter_map import letter_map
from examiner.detectors.scans.page import Page, page_of
from examiner.detectors.scans.page_map import page_map
from examiner.detectors.scans.photographed import is_photographed
from examiner.finding import Finding, Map, Regions, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

COPIED = 3.4
"""Of 196 genuine simulated pages none has more; copied words of two or three letters may have
less."""
DIFFERENT = 6.0
"""Mean squared deviations of a place from the rest of its page; six genuine simulated pages, each saved in three ways,
have at most 5.4 (docs/decisions/0032)."""
_USUAL = 2.0
_FAINT = 0.02
"""Evidence of what is just below what counts, and of the usual distance: too little to be seen on the map."""
LEAST_QUALITY = 75
"""IJG's factor of a JPEG below which letters do not count: of one genuine page at 40 they differ by 20 mean squared
deviations, since nearly all coefficients of colour are zero. Nothing was measured between 80 and this."""
MOST_PX = 40_000_000
"""A4 at 600 dpi has 35 megapixels. The planes of a page are several times as large as the picture."""

_NO_PAGE = "The picture is no page of text, so no letters and no paper between them are compared."
_PHOTOGRAPHED = (
    "The page was photographed, not scanned: light, focus and lens change over such a page, so its parts are not "
    "compared. Genuine photographs of pages differ from place to place as much as forged scans do."
)
_REGIONS_METHOD = (
    "On the paper between the letters, strength, correlation, colour and coarseness of the noise, and the page's own "
    "pattern of columns and rows, are compared with what is usual on this page for places with as much ink around; of "
    "the letters, darkness and colour of the ink, sharpness and colour of edges, and the paper right beside them."
)
_REGIONS_SOURCE = (
    "After Mahdian and Saic, Using noise inconsistencies for blind image forensics, Image and Vision Computing 27 "
    "(2009); fitted page by page, as described in this project's documents"
)
_REGIONS_CAUTION = (
    "Stamps, signatures, pictures, coloured paper, folds, shadows and text of other sizes, typefaces or inks differ "
    "from the rest as well. Strong compression hides the differences: letters are not compared in JPEGs below quality "
    "75, and around 40 covered words cannot be told from the page's own paper. What was printed, changed on paper and "
    "scanned as a whole does not differ. It was measured on simulated scanners only."
)
_COPIES_METHOD = (
    "Letters of about equal size are compared pixel by pixel, without the finest detail, which compression changes; "
    "how much more alike they are than the page's most alike letters usually are is added up over letters that lie "
    "beside each other, and their copies beside each other."
)
_COPIES_SOURCE = (
    "After Fridrich, Soukal and Lukáš, Detection of copy-move forgery in digital images, DFRWS (2003), with letters "
    "for blocks"
)
_COPIES_CAUTION = (
    "A page that software made, and scanners that store equal letters once (JBIG2), have equal letters without any "
    "forgery. A copy that was resized is not seen. It was measured on simulated scanners only."
)


def document_regions(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether parts of a page have other noise than the rest, and whether words were copied."""
    width_px, height_px = photograph.size_px
    if width_px * height_px > MOST_PX:
        raise ValueError(f"is beyond {MOST_PX // 1_000_000} megapixels, which is more than a page at 600 dpi")
    page = page_of(photograph.luma)
    if page is None:
        yield _nothing("document_regions", _NO_PAGE)
        yield _nothing("document_copies", _NO_PAGE)
        return
    copy = copied_word(photograph.luma, page)
    if is_photographed(photograph.luma):
        yield _nothing("document_regions", _PHOTOGRAPHED)
    elif np.isnan(paper := page_map(photograph.rgb, photograph.luma, page)).all():
        yield _nothing(
            "document_regions",
            "The page has too little paper between its letters, or paper without any noise: it cannot be compared.",
        )
    else:
        yield _regions(paper, _letters(photograph, page), copy)
    if copy is None:
        yield _nothing(
            "document_copies",
            "The letters of the page cannot be compared: too few have about equal size, or most are equal pixel for "
            "pixel to another, as software draws them.",
        )
    else:
        yield _copies(copy)


def evidence_by_cell(paper: Cells, letters: Cells, copy: Copy | None) -> Cells:
    """Return the evidence that a cell was changed, 0 to 1, of paper, letters and copies; NaN: no answer."""
    distances = np.fmax(paper, letters)
    values = np.clip((distances - _USUAL) / (2 * DIFFERENT), 0.0, 0.9).astype(np.float32)
    # below what counts, the order of cells still tells where to look
    values += np.where(np.isnan(distances), np.float32(np.nan), _FAINT / _USUAL * np.clip(distances, 0.0, _USUAL))
    if copy is not None:
        evidence = 1.0 if copy.weight >= COPIED else _FAINT * (1 + copy.weight / COPIED)
        for x, y, width, height in (copy.first, copy.second):
            cells = values[y // CELL_PX : -(-(y + height) // CELL_PX), x // CELL_PX : -(-(x + width) // CELL_PX)]
            cells[...] = np.fmax(cells, np.float32(evidence))
    return np.asarray(values, np.float32)


def _letters(photograph: Photograph, page: Page) -> Cells:
    """Return the map of letters; NaN everywhere where compression has left too little of their colour."""
    quality = None if photograph.facts is None else photograph.facts.quality_factor
    if quality is not None and quality < LEAST_QUALITY:
        return np.full(tuple(-(-side // CELL_PX) for side in photograph.luma.shape), np.nan, np.float32)
    return letter_map(photograph.rgb, photograph.luma, page)


def _regions(paper: Cells, letters: Cells, copy: Copy | None) -> Finding:
    distances = np.fmax(paper, letters)  # where only one of them has an answer, that counts
    row, column = (int(each) for each in np.unravel_index(int(np.nanargmax(distances)), distances.shape))
    score = float(distances[row, column])
    place = f"around ({column * CELL_PX}, {row * CELL_PX})"
    if score < DIFFERENT:
        statement = (
            "Paper and letters have no clearly different noise, edges or ink anywhere on the page: they differ most "
            f"{place}, by {score:.1f} mean squared deviations, and from {DIFFERENT:g} on this is called clear."
        )
    elif score == paper[row, column]:
        statement = (
            f"The paper {place} has another noise than the rest of the page ({score:.1f} mean squared deviations), as "
            "pasted, retyped or covered words have."
        )
    else:
        statement = (
            f"The letters {place} have other edges or another ink than the rest of the page ({score:.1f} mean squared "
            "deviations), as pasted, resized or retyped words have."
        )
    evidence = Map(
        "Where the page differs", evidence_by_cell(paper, letters, copy), CELL_PX,
        caption="Bright: other noise of the paper, other edges or ink of the letters than on the rest of the page, or "
        "copied. No answer where there is neither paper nor ink enough.",
    )  # fmt: skip
    return Finding(
        "document_regions", "scan", statement, "expected", score, (evidence,), _REGIONS_METHOD, _REGIONS_SOURCE,
        _REGIONS_CAUTION,
    )  # fmt: skip


def _copies(copy: Copy) -> Finding:
    if copy.weight < COPIED:
        statement = (
            "No word of the page is clearly more alike to another than the page's most alike letters usually are: a "
            f"score of {copy.weight:.1f}, and from {COPIED:g} on it is called clear."
        )
        evidence: tuple[Regions | Table, ...] = ()
    else:
        statement = (
            f"{copy.letters} letters beside each other are more alike to letters elsewhere on the page than its most "
            "alike letters usually are, as those of a copied word."
        )
        evidence = (
            Regions(
                "Copied words",
                ((copy.first, copy.second),),
                "Which of the two would be the copy, the comparison does not tell.",
            ),
        )
    rows = (("Letters", str(copy.letters)), ("Sum of logarithms", f"{copy.weight:.1f}"))
    table = Table("The most alike letters beside each other", ("What", "Value"), rows)
    return Finding(
        "document_copies", "scan", statement, "expected", copy.weight, (*evidence, table), _COPIES_METHOD,
        _COPIES_SOURCE, _COPIES_CAUTION,
    )  # fmt: skip


def _nothing(name: str, why: str) -> Finding:
    regions = name == "document_regions"
    return Finding(
        name, "scan", why, "none", method=_REGIONS_METHOD if regions else _COPIES_METHOD,
        source=_REGIONS_SOURCE if regions else _COPIES_SOURCE, caution=_REGIONS_CAUTION if regions else _COPIES_CAUTION,
    )  # fmt: skip
