"""Scans: whether a scanner made the picture, and whether it was taken of a print or of a display."""

from collections.abc import Iterator

import cv2
import numpy as np

from examiner.detectors.scans.cfa import cfa_trace
from examiner.detectors.scans.lattice import Lattice, lattice, typical_spectrum
from examiner.detectors.scans.line_pattern import line_pattern
from examiner.detectors.scans.photographed import CFA, SCANNED
from examiner.detectors.scans.scanner_marks import (
    ScannerMarks,
    jpeg_resolution,
    png_resolution,
    scanner_marks,
    tiff_resolution,
)
from examiner.finding import Evidence, Finding, Picture, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

LATTICE = 2.0
TURNED_DEGREES = 12.0
"""A display stands about upright before a camera; the screen of black dots is turned by 45° in print."""

_SOURCES = {1: "a film scanner", 2: "a scanner of prints", 3: "a digital camera"}


def scanner_header(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what the header says of a scanner: facts."""
    marks = _marks(photograph)
    said = [
        *([f"it names “{marks.named}”"] if marks.named else []),
        *([f"its source is {_SOURCES[marks.source]}"] if marks.source in (1, 2) else []),
        *([f"the frame is as large as {marks.paper}"] if marks.paper else []),
    ]
    statement = (
        f"The header speaks of a scanner: {', '.join(said)}."
        if marks.named or marks.source in (1, 2)
        else f"The header names no scanner, but {said[0]}."
        if said
        else "Nothing in the header speaks of a scanner."
    )
    rows = (
        ("Scanner or program named", marks.named or "none"),
        ("EXIF FileSource", "not said" if marks.source is None else _SOURCES.get(marks.source, str(marks.source))),
        ("Resolution", "not said" if marks.dpi is None else f"{marks.dpi:.0f} dpi"),
        ("Paper of the frame's size", marks.paper or "none"),
    )
    yield Finding(
        "scanner_header", "scan", statement, "fact", evidence=(Table("What the header says", ("What", "Value"), rows),),
        method="Make, model, software, FileSource and resolution are read; the frame is compared with sizes of paper.",
        source="CIPA DC-008 (EXIF), ITU-T T.871 (JFIF), ISO/IEC 15948 (PNG)",
        caution="Anybody can write a header, and programs that edit pictures write resolutions of their own.",
    )  # fmt: skip


def _marks(photograph: Photograph) -> ScannerMarks:
    facts, data = photograph.facts, photograph.data
    if facts is not None:
        dpi, source = jpeg_resolution(data, photograph.segments)
        return scanner_marks((facts.make, facts.model, facts.software), dpi, source, photograph.size_px)
    exif = photograph.stored.exif if photograph.stored is not None else None
    texts = () if exif is None else (exif.make, exif.model, exif.software)
    dpi, source = tiff_resolution(data) if photograph.kind == "TIFF" else (None, None)
    if photograph.kind == "PNG":
        dpi = png_resolution(data)
    return scanner_marks(texts, dpi, source, photograph.size_px)


_PATTERN_METHOD = (
    "Second differences along rows, and along columns, are averaged over strips of the picture's middle without edges, "
    "letters and clipped pixels; the patterns of strips that lie apart are correlated. Where a colour filter array's "
    "chequered trace is found in the luma, the correlation counts for less."
)
_PATTERN_SOURCE = (
    "Khanna, Mikkilineni, Chiu, Allebach and Delp, Forensic classification of imaging sensor types, SPIE 6505 (2007); "
    "Gallagher and Chen, Image authentication by detecting traces of demosaicing, CVPR Workshops (2008)"
)
_PATTERN_CAUTION = (
    "Cameras that make their pictures smaller can leave a weaker pattern in their columns, and pictures with strict "
    "vertical or horizontal lines all over can look the same. A scan that was turned by an angle or made much smaller "
    "is not seen. That no trace of a colour filter array is found says nothing: compression and resizing hide it."
)


def scanner_or_camera(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether columns or rows have a noise of their own, as the sensors of a scanner's line leave it."""
    pattern = line_pattern(photograph.luma)
    trace = cfa_trace(photograph.luma)
    if pattern is None:
        yield Finding(
            "scanner_or_camera", "scan", "The picture has too little plain surface to tell a scanner from a camera.",
            "none", method=_PATTERN_METHOD, source=_PATTERN_SOURCE, caution=_PATTERN_CAUTION,
        )  # fmt: skip
        return
    strongest = max(pattern.columns, pattern.rows, 0.0)
    has_trace = trace is not None and trace >= CFA
    score = strongest * CFA / trace if has_trace and trace else strongest
    sides = "columns" if pattern.columns >= pattern.rows else "rows"
    if score >= SCANNED:
        statement = (
            f"Noise repeats along the {sides} of the picture (correlation {strongest:.2f}), as the line sensor of a "
            "scanner leaves it."
        )
    else:
        alternate = ", and the pixels alternate as a camera's colour filter array makes them" if has_trace else ""
        statement = (
            f"No noise clearly repeats along columns or rows as the line sensor of a scanner leaves it{alternate}: the "
            f"score is {score:.2f}, and a clear one is at least {SCANNED:g}."
        )
    rows = (
        ("Repeated along columns", f"{pattern.columns:.3f}"),
        ("Repeated along rows", f"{pattern.rows:.3f}"),
        ("Trace of a colour filter array", "no answer" if trace is None else f"{trace:.1f} standard errors"),
    )
    yield Finding(
        "scanner_or_camera", "scan", statement, "expected", score,
        (Table("Line pattern and colour filter array", ("What", "Value"), rows),),
        _PATTERN_METHOD, _PATTERN_SOURCE, _PATTERN_CAUTION,
    )  # fmt: skip


_LATTICE_METHOD = (
    "Windows all over the picture are transformed; of their power at each frequency a lower quantile is compared with "
    "the frequencies around. A lattice has two peaks in different directions in most windows."
)
_LATTICE_SOURCE = (
    "After Cao and Kot, Identification of recaptured photographs on LCD screens, ICASSP (2010); quantiles and pairs of "
    "peaks are this project's"
)
_DOTS_CAUTION = (
    "Fine cloth, tiles or a grid that fills the whole picture look the same. Prints whose dots are finer than about "
    "two pixels, and photographic prints without dots, are not seen."
)
_DISPLAY_CAUTION = (
    "Cloth or a grid that fills the whole picture looks the same. A display whose pixels are finer than about two of "
    "the photograph's, or that is seen much from the side, is not seen; a print turned upright is taken for a display."
)


def reproduced(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether a lattice fills the picture: turned, as the dots of a print, or upright, as a display's pixels."""
    found = lattice(photograph.luma)
    for name, caution in (("print_dots", _DOTS_CAUTION), ("display_pixels", _DISPLAY_CAUTION)):
        if found is None:
            yield Finding(
                name, "scan", "The picture is too small or too plain to look for the dots of a print or the pixels of "
                "a display.", "none", method=_LATTICE_METHOD, source=_LATTICE_SOURCE, caution=caution,
            )  # fmt: skip
            continue
        is_mine = (found.degrees > TURNED_DEGREES) == (name == "print_dots")
        contrast = found.contrast if is_mine else 0.0
        yield Finding(
            name, "scan", _lattice_statement(name, found, contrast), "expected", contrast,
            _spectrum(photograph, found) if contrast >= LATTICE else (),
            _LATTICE_METHOD, _LATTICE_SOURCE, caution,
        )  # fmt: skip


def _lattice_statement(name: str, found: Lattice, contrast: float) -> str:
    as_what = "the dots of a print" if name == "print_dots" else "the pixels of a display"
    if contrast < LATTICE:
        return (
            f"No lattice clearly fills the picture as {as_what} would: the strongest has {np.exp(contrast):.1f} times "
            f"the power of the frequencies around it, and a clear one has at least {np.exp(LATTICE):.1f} times."
        )
    return (
        f"A lattice of {found.period_px:.1f} px, turned by {found.degrees:.0f}°, fills the picture, as {as_what} do: "
        f"{np.exp(min(contrast, 20.0)):,.0f} times the power of the frequencies around it."
    )


def _spectrum(photograph: Photograph, found: Lattice) -> tuple[Evidence, ...]:
    spectrum = typical_spectrum(photograph.luma)
    if spectrum is None:
        return ()
    whole = np.concatenate([np.flip(spectrum[1:, 1:]), spectrum[1:]], axis=1)
    low, high = np.percentile(whole, [2, 99.9])
    shown = np.clip((whole - low) / max(float(high - low), 1e-6) * 255, 0, 255).astype(np.uint8)
    larger = cv2.resize(shown, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    return (
        Picture(
            "Spectrum", bytes(cv2.imencode(".png", larger)[1]),
            "Power by frequency, the lowest in the middle; the lattice makes the bright points.",
        ),
    )  # fmt: skip
