"""Plots of the report: what stands in proportion to what, read back from the drawing."""

import re
from xml.etree import ElementTree

import pytest

from curation.publishing.report.plots import funnel_plot, megapixel_plot, quality_plot
from curation.publishing.report.svg import Drawing, Scale

KEPT, REFUSED = "#3b82b8", "#d4813a"
SVG = "{http://www.w3.org/2000/svg}"


def bars(svg, colour, side="height"):
    """Return x and length of the bars of one colour, without the legend's."""
    found = [rect.attrib for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect") if rect.get("fill") == colour]
    return [(float(one["x"]), float(one[side])) for one in found if (one["width"], one["height"]) != ("20", "8")]


def texts(svg):
    return [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_bars_of_a_histogram_are_as_high_as_they_have_photos_and_stand_by_value():
    (low, small), (high, large) = bars(quality_plot({"kept": {"90": 100, "95": 300}, "refused": {}}), KEPT)
    assert large / small == pytest.approx(3, rel=0.01)
    assert low < high


def test_refused_photos_stand_on_kept_ones_of_the_same_value():
    svg = megapixel_plot({"kept": {"12.0": 20}, "refused": {"12.0": 10, "1.0": 5}})
    root = ElementTree.fromstring(svg)
    kept, refused = (
        [rect.attrib for rect in root.iter(f"{SVG}rect") if rect.get("fill") == colour and rect.get("width") != "20"]
        for colour in (KEPT, REFUSED)
    )
    above = next(one for one in refused if one["x"] == kept[0]["x"])
    assert float(above["y"]) + float(above["height"]) == pytest.approx(float(kept[0]["y"]), abs=0.02)


def test_the_funnel_has_two_bars_a_reason_in_photos_and_in_bytes():
    steps = [{"reason": "no_exif", "refused": 50, "remaining": 50, "remaining_bytes": 25_000, "refused_bytes": 75_000}]
    svg = funnel_plot({"photos": 100, "size_bytes": 100_000, "funnel": steps})
    photos, half, in_bytes, quarter = (length for _, length in bars(svg, KEPT, "width"))
    assert half / photos == pytest.approx(0.5, rel=0.01)
    assert quarter / in_bytes == pytest.approx(0.25, rel=0.01)
    assert {"all photos", "no_exif", "kB", "100", "50"} <= set(texts(svg))


def test_photos_are_counted_in_whole_numbers():
    svg = quality_plot({"kept": {"90": 1}, "refused": {}})
    assert [text for text in texts(svg) if text in ("0", "1") or "0." in text] == ["0", "1"]


def test_every_text_of_a_plot_is_within_its_drawing():
    steps = [{"reason": "w" * 60, "refused": 5, "remaining": 5, "remaining_bytes": 5, "refused_bytes": 5}]
    svg = funnel_plot({"photos": 10**7, "size_bytes": 10**7, "funnel": steps})
    assert "w" * 41 not in svg
    placed = re.findall(r'<text x="(-?[\d.]+)"', svg)
    assert all(0 <= float(x) <= 720 for x in placed)


@pytest.mark.parametrize(
    ("first", "last", "whole", "ticks"),
    [
        (0, 1000, False, [0, 200, 400, 600, 800, 1000]),
        (84, 101, False, [85, 90, 95, 100]),
        (0, 0.3, True, [0]),
        (0, 3, True, [0, 1, 2, 3]),
        (0, 0.05, False, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
    ],
)
def test_ticks_are_round_and_on_the_axis(first, last, whole, ticks):
    assert Scale(first, last, 0, 100).ticks(5, whole=whole) == pytest.approx(ticks)


def test_text_of_a_drawing_is_no_markup():
    drawing = Drawing(10, 10)
    drawing.text(0, 0, "<b>&\x07")
    assert "<text" in drawing.svg()
    assert "&lt;b&gt;&amp;\\x07</text>" in drawing.svg()
