"""Every finding, asked about small odd pictures: it says something, or why it cannot, and each slug once."""

import io
import warnings
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from examiner.examination import FINDINGS
from examiner.finding import Finding, Map, Regions
from examiner.knowledge import Knowledge, built_in
from examiner.photograph.opened import Photograph

RANDOM = np.random.default_rng(7)
NOISE = np.clip(RANDOM.normal(128, 12, (256, 256, 3)), 0, 255).astype(np.uint8)


def page(height: int, width: int) -> np.ndarray:
    """Return a page that software made: equal letters on paper without noise."""
    letter = np.where(RANDOM.random((16, 10)) < 0.6, 10, 250).astype(np.uint8)
    drawn = np.full((height, width), 250, np.uint8)
    for top in range(24, height - 24, 32):
        for left in range(24, width - 24, 20):
            drawn[top : top + 16, left : left + 10] = letter
    return drawn


ODD = {
    "1x1": np.full((1, 1, 3), 120, np.uint8),
    "8x8": NOISE[:8, :8],
    "64x64": NOISE[:64, :64],
    "63x2000": np.tile(NOISE[:63], (1, 8, 1))[:, :2000],
    "200x3000": np.tile(NOISE[:200], (1, 12, 1))[:, :3000],
    "3000x200": np.tile(NOISE[:, :200], (12, 1, 1))[:3000],
    "black": np.zeros((400, 400, 3), np.uint8),
    "white": np.full((400, 400, 3), 255, np.uint8),
    "constant": np.full((400, 400, 3), 97, np.uint8),
    "one bright pixel": np.pad(np.full((1, 1, 3), 255, np.uint8), ((200, 199), (200, 199), (0, 0))),
    "grey": np.tile(np.clip(RANDOM.normal(128, 12, (400, 400)), 0, 255).astype(np.uint8), (1, 1)),
    "noise": np.tile(NOISE, (2, 2, 1))[:400, :400],
    "full noise": RANDOM.integers(0, 256, (300, 400, 3), np.uint8),
    "stripes": np.tile(np.array([0, 255], np.uint8), (400, 200)),
    "rows": np.repeat(np.arange(400) // 8 % 2 * 200, 400).reshape(400, 400).astype(np.uint8),
    "chequered": (np.indices((400, 400)).sum(axis=0) % 2 * 200).astype(np.uint8),
    "slope": np.tile(np.linspace(0, 255, 400).astype(np.uint8), (400, 1)),
    "page": page(600, 600),
}


def as_file(picture: np.ndarray, kind: str) -> bytes:
    saved = io.BytesIO()
    Image.fromarray(picture).save(saved, kind)
    return saved.getvalue()


def said(photograph: Photograph) -> list[Finding]:
    knowledge = Knowledge(None, None, built_in(), False, None, ())
    found = []
    for _, asked in FINDINGS:
        try:
            found += asked(photograph, knowledge)
        except ValueError:  # the reason, which the examination makes a finding of
            continue
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("name", ODD)
def test_every_finding_says_something_or_why_not(name: str, kind: str) -> None:
    data = as_file(ODD[name], kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # a division by zero, a mean of nothing
        findings = said(Photograph(data))
    height, width = ODD[name].shape[:2]
    assert Counter(each.name for each in findings).most_common(1)[0][1] == 1
    for each in findings:
        assert each.statement, each.name
        assert each.score is None or np.isfinite(each.score), each
        is_measured = each.group in ("history", "scan")
        if is_measured and each.score and each.statement.startswith("No "):  # it may be unusual all the same
            assert "clear" in each.statement, each
        for shown in each.evidence:
            if isinstance(shown, Map):
                values = shown.values[np.isfinite(shown.values)]
                assert ((values >= 0) & (values <= 1)).all(), each.name
                rows, columns = shown.values.shape
                assert shown.origin_px[1] + (rows - 1) * shown.cell_px < height, each.name
                assert shown.origin_px[0] + (columns - 1) * shown.cell_px < width, each.name
            if isinstance(shown, Regions):
                for x, y, wide, high in (box for boxes in shown.sets for box in boxes):
                    assert 0 <= x < x + wide <= width, (each.name, shown)
                    assert 0 <= y < y + high <= height, (each.name, shown)
    again = said(Photograph(data))
    assert [(each.name, each.statement, each.score) for each in again] == [
        (each.name, each.statement, each.score) for each in findings
    ]
