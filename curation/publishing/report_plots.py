"""Report plots: draws counts as SVG with fixed ids and without a date, so that equal counts give equal bytes.

Text stays text. Lines and letters are `currentColor`, the page's ink, so that they can be read on dark and on light.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from corpus.text import SIZE_UNITS
from forensics.jpeg.quality import OWN

Bars = Mapping[float, int]
"""Numbers of photos by value."""

_KEPT, _REFUSED = "#3b82b8", "#d4813a"
_INK = "#010203"
"""Placeholder that `_svg` replaces by `currentColor`, which matplotlib does not know."""
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "shutterprint",  # otherwise ids are random
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

_OWN_AT = 110.0
"""Where the bar of own tables stands: right of factor 100, with room between their labels."""
_MEGAPIXELS_SHOWN = 120.0
"""Larger pictures share the last bar, or else one panorama would squeeze all cameras into a single bar."""
_BARS = 60
_NARROW_IN = 5.5
"""Width in inches of a plot whose letters can still be read when it is reduced to the width of a phone."""
_STEPS_MP = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def funnel_plot(counts: Mapping[str, Any]) -> str:
    """Return bars of photos and bytes that are left after each reason, and that it refuses, alone or not."""
    steps = counts["funnel"]
    with mpl.rc_context(_STYLE):
        drawing = Figure(figsize=(10, 0.9 + 0.34 * (len(steps) + 1)), layout="constrained")
        photos, sizes = drawing.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        left = [counts["photos"], *(step["remaining"] for step in steps)]
        _bars(photos, left, [0, *(step["refused"] for step in steps)])
        # `$` would begin a formula in matplotlib's text
        names = ["all photos", *(str(step["reason"])[:40].replace("$", r"\$") for step in steps)]
        photos.set_yticks([place + 0.12 for place in range(len(left))], names)
        photos.invert_yaxis()
        photos.set_xlabel("photos")
        photos.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        photos.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        for place, number in enumerate(left):
            photos.annotate(
                f"{number:,}", (number, place), xytext=(4, 0), textcoords="offset points", va="center", size=8
            )
        photos.margins(x=0.12, y=0.01)
        unit, name = next((unit for unit in SIZE_UNITS if counts["size_bytes"] >= unit[0]), SIZE_UNITS[-1])
        left_bytes = [counts["size_bytes"], *(step["remaining_bytes"] for step in steps)]
        refused_bytes = [0, *(step["refused_bytes"] for step in steps)]
        _bars(sizes, [size / unit for size in left_bytes], [size / unit for size in refused_bytes])
        sizes.set_xlabel(name)
        sizes.tick_params(axis="y", length=0)
        return _svg(drawing)


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
    with mpl.rc_context({**_STYLE, "font.size": 11}):
        drawing = Figure(figsize=(_NARROW_IN, 2.8), layout="constrained")
        axes = drawing.subplots()
        below: Counter[float] = Counter()
        for counted, colour, name in ((kept, _KEPT, "kept"), (refused, _REFUSED, "refused")):
            bars = _moved(counted, lambda value: int(value / step + 1e-6) * step)  # 12.3 / 0.1 is slightly below 123
            places = sorted(bars)
            axes.bar(
                [place + (0 if centred else step / 2) for place in places],
                [bars[place] for place in places],
                width=0.85 * step,
                bottom=[below[place] for place in places],
                color=colour,
                label=name,
            )
            below.update(bars)
        axes.set_xlim(*limits)
        if named:
            ticks = [tick for tick in axes.get_xticks() if limits[0] <= tick < min(named) - 2]
            axes.set_xticks([*ticks, *named], [*(f"{tick:g}" for tick in ticks), *named.values()])
        axes.set_xlabel(label)
        axes.set_ylabel("photos")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.legend(frameon=False)
        return _svg(drawing)


def _bars(axes: Axes, left: Sequence[float], refused: Sequence[float]) -> None:
    axes.barh(range(len(left)), left, color=_KEPT, height=0.42)
    axes.barh([place + 0.36 for place in range(len(left))], refused, color=_REFUSED, height=0.28)


def _numbers(counted: Mapping[str, int]) -> dict[float, int]:
    """Return counts by number, without those that have none (`?`, `own`)."""
    return {float(key): number for key, number in counted.items() if key not in ("?", OWN)}


def _moved(counted: Bars, place: Callable[[float], float]) -> dict[float, int]:
    sums: Counter[float] = Counter()
    for value, number in counted.items():
        sums[place(value)] += number
    return sums


def _svg(drawing: Figure) -> str:
    text = io.StringIO()
    # a date would make equal drawings differ; the metadata hold web addresses, which do not belong in the page
    drawing.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    plain = re.sub(r"<metadata>.*?</metadata>\s*", "", text.getvalue(), flags=re.DOTALL)
    return plain.replace(_INK, "currentColor")
