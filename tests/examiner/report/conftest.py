"""Reports of small real JPEGs with evidence of every kind."""

import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from examiner.calibration.combined import INTEGRITY
from examiner.calibration.measured import Calibration, Measured, with_strength
from examiner.finding import Detection, Evidence, Finding, Map, Picture, Regions, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.report.content import Report, report_of

SIZE_PX = (480, 320)
HOSTILE = "<script>alert(1)</script> \u202e\x1b[2J Ω → 写真 \U0001f4f7"


def saved(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def taken(orientation: int = 1, seed: int = 1) -> bytes:
    """Return a JPEG whose upper left quarter, as stored, is red."""
    coarse = np.random.default_rng(seed).integers(60, 200, (10, 15, 3), np.uint8)
    picture = Image.fromarray(coarse).resize(SIZE_PX, Image.Resampling.BICUBIC)
    picture.paste((230, 20, 20), (0, 0, SIZE_PX[0] // 2, SIZE_PX[1] // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A maker"
    return saved(picture, quality=90, exif=exif)


def splice_map() -> Map:
    values = np.zeros((20, 30), np.float32)
    values[12:16, 20:26] = 1
    values[:4] = np.nan
    return Map("Where another camera answers", values, 16, caption="Cells of 16 px.")


def evidence() -> tuple[Evidence, ...]:
    second = saved(Image.new("RGB", (60, 40), (20, 40, 200)), "PNG")
    rectangles = (((10, 200, 80, 60), (300, 40, 80, 60)), ((200, 250, 50, 40), (400, 250, 50, 40)))
    return (
        splice_map(),
        Table("Quantisation", ("Table", "Seen in", "Note"), (("luma", "1,240", HOSTILE), ("chroma", "12", "x" * 3000))),
        Picture("The thumbnail", second, "As the file has it."),
        Regions("Copied", rectangles, "Two pairs."),
    )


def measured(share: float = 0.9) -> Measured:
    return Measured(tuple(map(float, range(199))), 20, (Detection("a splice of 320 px", share, 60),))


CALIBRATION = Calibration(
    "199 photographs of the tests",
    {
        "splice": measured(),
        "shifted_grid": measured(),
        "resampling": measured(0.2),
        INTEGRITY: Measured(tuple(each / 80 for each in range(199)), 20),
    },
)


def findings(splice: float = 500.0, weak: float = 500.0) -> tuple[Finding, ...]:
    about = {"method": "By a test.", "source": "A paper (2021).", "caution": "A flat wall looks the same."}
    return (
        Finding("identity", "file", f"A JPEG named {HOSTILE}.", "fact"),
        Finding("shifted_grid", "history", "No second grid of blocks.", "expected", 3.0, **about),
        Finding("resampling", "history", "The picture was enlarged by 1.5.", "expected", weak, **about),
        Finding("splice", "splices", "A region was taken by another camera.", "expected", splice, evidence(), **about),
        Finding("device", "device", "Nothing can be said: no fingerprint was given.", "none"),
    )


ReportOf = Callable[..., Report]


@pytest.fixture(scope="session")
def made() -> ReportOf:
    """Return a function that makes a report."""

    def make(
        found: Sequence[Finding] | None = None, data: bytes | None = None, name: str = HOSTILE,
        calibration: Calibration = CALIBRATION,
    ) -> Report:  # fmt: skip
        with_worth = [with_strength(each, calibration) for each in (findings() if found is None else found)]
        return report_of(Photograph(data or taken(), name), with_worth, Knowledge(), calibration)

    return make


@pytest.fixture(scope="session")
def report(made: ReportOf) -> Report:
    """Return a report with an unusual and a weak finding, and evidence of every kind."""
    return made()
