"""Report plots: draws counts as SVG without a date or a clock, so that equal counts give equal bytes.

Text stays text. Lines and letters are `currentColor`, the page's ink, so that they can be read on dark and on light.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from corpus.text import SIZE_UNITS
from curation.publishing.report.svg import TICK_PT, Drawing, Scale, horizontal_axis, text_width_pt
from forensics.jpeg.quality import OWN

Bars = Mapping[float, int]
"""Numbers of photos by value."""

_KEPT, _REFUSED = "#3b82b8", "#d4813a"
_WIDE_PT = 720.0
_NARROW_PT = 396.0
"""Width of a plot whose letters can still be read when it is reduced to the width of a phone."""
_ROW_PT = 24.5
"""Height of a reason's two bars in the funnel, with the room below them."""
_NAME_CHARACTERS = 40

_OWN_AT = 110.0
"""Where the bar of own tables stands: right of factor 100, with room between their labels."""
_MEGAPIXELS_SHOWN = 120.0
"""Larger pictures share the last bar, or else one panorama would squeeze all cameras into a single bar."""
_BARS = 60
_STEPS_MP = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def funnel_plot(counts: Mapping[str, Any]) -> str:
    """Return bars of photos and bytes that are left after each reason, and that it refuses, alone or not."""
    steps = counts["funnel"]
    names = ["all photos", *(str(step["reason"])[:_NAME_CHARACTERS] for step in steps)]
    unit, unit_name = next((unit for unit in SIZE_UNITS if counts["size_bytes"] >= unit[0]), SIZE_UNITS[-1])
    drawing = Drawing(_WIDE_PT, 46 + _ROW_PT * len(names))
    margin = max(text_width_pt(name, drawing.size_pt) for name in names) + TICK_PT + 4
    middle = margin + 0.6 * (_WIDE_PT - margin)
    left = [counts["photos"], *(step["remaining"] for step in steps)]
    _funnel_half(drawing, left, [0, *(step["refused"] for step in steps)], (margin, middle), "photos")
    left_bytes = [counts["size_bytes"], *(step["remaining_bytes"] for step in steps)]
    refused_bytes = [0, *(step["refused_bytes"] for step in steps)]
    left_size, refused_size = ([size / unit for size in some] for some in (left_bytes, refused_bytes))
    _funnel_half(drawing, left_size, refused_size, (middle + 10, _WIDE_PT - 10), unit_name)
    for place, (name, number) in enumerate(zip(names, left, strict=True)):
        y = 9 + _ROW_PT * place
        drawing.line(margin - TICK_PT, y + 3, margin, y + 3)
        drawing.text(margin - TICK_PT - 3, y + 3, name, "end")
        drawing.text(_photos_scale(left, (margin, middle))(number) + 4, y, f"{number:,}", size_pt=8)
    return drawing.svg()


def quality_plot(quality: Mapping[str, Mapping[str, int]]) -> str:
    """Return a histogram of estimated quality factors, with kept photos stacked below refused ones.

    `quality`: counts by factor for `kept` and `refused`; `own`, for tables far from all of the IJG's, has a bar of its
    own at the right, and `?` is not drawn.
    """
    kept, refused = _numbers(quality["kept"]), _numbers(quality["refused"])
    lowest = min([*kept, *refused], default=100.0)
    own = {_OWN_AT: OWN} if OWN in quality["kept"].keys() | quality["refused"].keys() else {}
    for bars, counted in ((kept, quality["kept"]), (refused, quality["refused"])):
        bars.update({place: counted[name] for place, name in own.items() if name in counted})
    limits = (lowest - 2, _OWN_AT + 1.5 if own else 101.0)
    return _histogram(kept, refused, 1.0, limits, "estimated quality factor (IJG)", centred=True, named=own)


def megapixel_plot(megapixels: Mapping[str, Mapping[str, int]]) -> str:
    """Return a histogram of the sizes of pictures in megapixels; see `quality_plot`."""
    kept, refused = (
        _moved(_numbers(megapixels[verdict]), lambda value: min(value, _MEGAPIXELS_SHOWN))
        for verdict in ("kept", "refused")
    )
    largest = max([*kept, *refused], default=1.0)
    step = next((step for step in _STEPS_MP if largest / step <= _BARS), _STEPS_MP[-1])
    return _histogram(kept, refused, step, (0.0, largest + 2 * step), "megapixels", centred=False)


def _photos_scale(left: Sequence[float], between_pt: tuple[float, float]) -> Scale:
    return Scale(0, 1.12 * max(*left, 1e-9), *between_pt)


def _funnel_half(
    drawing: Drawing, left: Sequence[float], refused: Sequence[float], between_pt: tuple[float, float], label: str
) -> None:
    """Draw what is left after each reason and, below each, what it refuses."""
    scale, bottom = _photos_scale(left, between_pt), 2 + _ROW_PT * len(left)
    for place, (number, less) in enumerate(zip(left, refused, strict=True)):
        y = 4 + _ROW_PT * place
        drawing.bar(scale.start_pt, y, scale(number) - scale.start_pt, 10, _KEPT)
        drawing.bar(scale.start_pt, y + 10, scale(less) - scale.start_pt, 6.5, _REFUSED)
    drawing.line(scale.start_pt, 0, scale.start_pt, bottom)
    ticks = [(tick, f"{tick:,g}") for tick in scale.ticks(5)]
    if label == "photos":
        ticks = [(tick, f"{tick:,.0f}") for tick in scale.ticks(5, whole=True)]
    horizontal_axis(drawing, scale, bottom, ticks, label)


def _histogram(
    kept: Bars,
    refused: Bars,
    step: float,
    limits: tuple[float, float],
    label: str,
    *,
    centred: bool,
    named: Mapping[float, str] | None = None,
) -> str:
    """Return bars by value; `named`: places right of all values that have a name instead of a number."""
    # 12.3 / 0.1 is slightly below 123
    stacks = [_moved(counted, lambda value: int(value / step + 1e-6) * step) for counted in (kept, refused)]
    below: Counter[float] = Counter()
    for bars in stacks:
        below.update(bars)
    drawing = Drawing(_NARROW_PT, 205, 11)
    photos = Scale(0, 1.05 * max(below.values(), default=1), 164, 24)
    marks = [(tick, f"{tick:,.0f}") for tick in photos.ticks(5, whole=True)]
    margin = 20 + max(text_width_pt(name, drawing.size_pt) for _, name in marks) + TICK_PT
    values = Scale(*limits, margin, _NARROW_PT - 8)
    width = 0.85 * (values(step) - values(0))
    below.clear()
    for bars, colour in zip(stacks, (_KEPT, _REFUSED), strict=True):
        for value, number in sorted(bars.items()):
            middle = values(value + (0 if centred else step / 2))
            top, bottom = photos(below[value] + number), photos(below[value])
            drawing.bar(middle - width / 2, top, width, bottom - top, colour)
        below.update(bars)
    ticks = [(tick, f"{tick:g}") for tick in values.ticks(8)]
    if named:
        ticks = [(tick, name) for tick, name in ticks if tick < min(named) - 2]
        ticks += named.items()
    horizontal_axis(drawing, values, photos.start_pt, ticks, label)
    drawing.line(margin, photos.start_pt, margin, photos.end_pt - 5)
    for value, name in marks:
        drawing.line(margin - TICK_PT, photos(value), margin, photos(value))
        drawing.text(margin - TICK_PT - 3, photos(value), name, "end")
    drawing.text(9, (photos.start_pt + photos.end_pt) / 2, "photos", "middle", upwards=True)
    for place, (colour, name) in enumerate(((_KEPT, "kept"), (_REFUSED, "refused"))):
        drawing.bar(margin + 10 + 70 * place, 4, 20, 8, colour)
        drawing.text(margin + 35 + 70 * place, 8, name)
    return drawing.svg()


def _numbers(counted: Mapping[str, int]) -> dict[float, int]:
    """Return counts by number, without those that have none (`?`, `own`)."""
    return {float(key): number for key, number in counted.items() if key not in ("?", OWN)}


def _moved(counted: Bars, place: Callable[[float], float]) -> dict[float, int]:
    sums: Counter[float] = Counter()
    for value, number in counted.items():
        sums[place(value)] += number
    return sums
