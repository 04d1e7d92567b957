"""A report is read from plain data as it was written, and what is no report is refused."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from examiner.finding import Detection, Finding, Map, Picture, Regions, Strength, Table
from examiner.report.content import Report
from examiner.report.pictures import EVIDENCE_MAX_PX
from examiner.report.plain import as_dict
from examiner.report.reading import report_from


def png(width_px: int, height_px: int) -> bytes:
    saved = io.BytesIO()
    Image.new("L", (width_px, height_px)).save(saved, "PNG")
    return saved.getvalue()


@pytest.fixture
def plain() -> dict[str, Any]:
    values = np.array([[0.25, np.nan, 1], [0, 0.5, 0.75]], np.float32)
    evidence = (
        Table("t", ("a", "b"), (("1", "2"),)), Picture("p", png(3, 2), "c"), Map("m", values, 8, (4, 0)),
        Regions("r", (((0, 1, 2, 3), (4, 5, 6, 7)),)),
    )  # fmt: skip
    strength = Strength(0.005, 0.139, 199, 20, "simulated", (Detection("saved", 0.75, 60),))
    findings = (
        Finding("shifted_grid", "history", "seen", "unusual", 7.5, evidence, "how", "where", "what else", strength),
        Finding("identity", "file", "read", "fact"),
    )
    report = Report("a.jpg", 10, "00ff", "JPEG", (640, 480), "Unusual.", findings, "simulated", run="0001-x")
    written: dict[str, Any] = json.loads(json.dumps(as_dict(report)))
    return written


def test_it_is_the_report_that_was_written(plain: dict[str, Any]) -> None:
    report = report_from(plain)
    assert json.loads(json.dumps(as_dict(report))) == plain
    first = report.findings[0]
    assert report.size_px == (640, 480)
    assert first.strength == Strength(0.005, 0.139, 199, 20, "simulated", (Detection("saved", 0.75, 60),))
    table, picture, values, regions = first.evidence
    assert table == Table("t", ("a", "b"), (("1", "2"),))
    assert picture == Picture("p", png(3, 2), "c")
    assert isinstance(values, Map)
    assert np.array_equal(values.values, [[0.25, np.nan, 1], [0, 0.5, 0.75]], equal_nan=True)
    assert regions == Regions("r", (((0, 1, 2, 3), (4, 5, 6, 7)),))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda plain: plain.pop("sha256"), "report has no sha256"),
        (lambda plain: plain.update(size_px=[1]), "report.size_px has 1 values, not 2"),
        (lambda plain: plain.update(name=["a"]), "report.name is"),
        (lambda plain: plain["findings"][0].update(level="guilty"), r"report.findings\[0\].level is 'guilty'"),
        (lambda plain: plain["findings"][0]["evidence"][0].update(kind="report"), "is no evidence"),
        (lambda plain: plain["findings"][0]["evidence"][1].update(data="%"), "is no base64"),
        (lambda plain: plain.update(preview=base64.b64encode(b"GIF89a").decode()), "is no small JPEG or PNG"),
        (
            lambda plain: plain.update(preview=base64.b64encode(png(EVIDENCE_MAX_PX + 1, 1)).decode()),
            "is no small JPEG or PNG",
        ),
        (lambda plain: plain.update(size_px=[1, 10**400]), r"report.size_px\[1\] is too large a number"),
        (lambda plain: plain["findings"][0].update(score=10**400), "is too large a number"),
        (lambda plain: plain["findings"][0]["evidence"][2].update(values=[[10**400]]), "no numbers"),
        (lambda plain: plain["findings"][0]["evidence"][2].update(values=[[0], [0, 1]]), "rows of several lengths"),
        (lambda plain: plain["findings"][0]["evidence"][2].update(values=[["x"]]), "no numbers"),
        (lambda plain: plain.update(findings={}), "report.findings is"),
        (
            lambda plain: plain["findings"][0].update(evidence=501 * [plain["findings"][0]["evidence"][2]]),
            "501 pictures",
        ),
        (lambda plain: plain["findings"][0]["evidence"][3].update(sets=[5001 * [[0, 1, 2, 3]]]), "5,001 rectangles"),
    ],
)
def test_what_is_no_report_is_refused_with_the_field(
    plain: dict[str, Any], spoil: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    spoil(plain)
    with pytest.raises(ValueError, match=reason):
        report_from(plain)
