"""SVG: bars, lines and texts of a plot as a drawing for a page; equal plots give equal bytes.

Lengths are points, as in print; x runs to the right and y downwards. Lines and letters are `currentColor`, the page's
ink, so that they can be read on dark and on light, and text stays text. A library for plots takes a second for what the
report shows, which is most of a small refresh.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from corpus.text import escaped

Anchor = Literal["start", "middle", "end"]

_LETTER_EM = 0.62
"""Mean width of a letter in the widest fonts that browsers take for `sans-serif` (DejaVu, Verdana)."""
_STEPS = (1.0, 2.0, 5.0, 10.0)
TICK_PT = 3.5


@dataclass
class Drawing:
    """A drawing of this size, and what is in it so far."""

    width_pt: float
    height_pt: float
    size_pt: float = 10.0
    """Of its letters."""
    _parts: list[str] = field(default_factory=list)

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Draw a filled rectangle; `x`, `y`: its upper left corner."""
        told = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
        self._parts.append(f'<rect {told} fill="{colour}"/>')

    def line(self, x: float, y: float, x_end: float, y_end: float) -> None:
        """Draw a thin line in the page's ink."""
        told = f'x1="{_number(x)}" y1="{_number(y)}" x2="{_number(x_end)}" y2="{_number(y_end)}"'
        self._parts.append(f'<line {told} stroke="currentColor" stroke-width="0.8"/>')

    def text(
        self, x: float, y: float, text: str, anchor: Anchor = "start", *, size_pt: float | None = None,
        upwards: bool = False,
    ) -> None:  # fmt: skip
        """Write a text whose middle line is at `y`; `upwards`: turned by a quarter, around its anchor."""
        size = "" if size_pt is None else f' font-size="{_number(size_pt)}"'
        turned = f' transform="rotate(-90 {_number(x)} {_number(y)})"' if upwards else ""
        told = f'x="{_number(x)}" y="{_number(y)}" dy="0.35em" text-anchor="{anchor}"'
        self._parts.append(f"<text {told}{size}{turned}>{html.escape(escaped(text))}</text>")

    def svg(self) -> str:
        """Return the drawing as an SVG element."""
        width, height = _number(self.width_pt), _number(self.height_pt)
        font = f'font-family="sans-serif" font-size="{_number(self.size_pt)}" fill="currentColor"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        return "\n".join([f'{head}viewBox="0 0 {width} {height}" {font}>', *self._parts, "</svg>"])


@dataclass(frozen=True)
class Scale:
    """Where values stand on an axis: those from `first` to `last` between two places."""

    first: float
    last: float
    start_pt: float
    end_pt: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        share = (value - self.first) / (self.last - self.first) if self.last > self.first else 0.0
        return self.start_pt + share * (self.end_pt - self.start_pt)

    def ticks(self, most: int, *, whole: bool = False) -> list[float]:
        """Return round values on the axis, at most `most` steps of them; `whole`: whole numbers alone."""
        span = self.last - self.first
        if span <= 0:
            return [self.first]
        ten = 10.0 ** math.floor(math.log10(span / most))
        steps = [one * ten for one in _STEPS if not whole or (one * ten) % 1 == 0]
        step = next((one for one in steps if span / one <= most + 1e-9), 1.0)
        count = math.floor(self.last / step + 1e-9) - math.ceil(self.first / step - 1e-9) + 1
        return [(math.ceil(self.first / step - 1e-9) + place) * step for place in range(count)]


def horizontal_axis(drawing: Drawing, scale: Scale, y: float, ticks: Sequence[tuple[float, str]], label: str) -> None:
    """Draw an axis below a plot; `ticks`: values and their names."""
    drawing.line(scale.start_pt, y, scale.end_pt, y)
    for value, name in ticks:
        drawing.line(scale(value), y, scale(value), y + TICK_PT)
        drawing.text(scale(value), y + TICK_PT + 0.8 * drawing.size_pt, name, "middle")
    drawing.text((scale.start_pt + scale.end_pt) / 2, y + TICK_PT + 2.2 * drawing.size_pt, label, "middle")


def text_width_pt(text: str, size_pt: float) -> float:
    """Return how wide a text becomes at most, unless it is all capitals or CJK."""
    return _LETTER_EM * size_pt * len(text)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"
