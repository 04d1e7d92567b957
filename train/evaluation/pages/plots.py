"""Plots: draws figures of evaluations as SVG; equal figures give equal bytes.

Ids are fixed, there is no date, and text stays text. Whiskers and bands are 95 % intervals by device. Importing
matplotlib takes half a second, so the functions that draw import it: most commands and workers draw nothing.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#2f6f9f", "#c9722f", "#9aa5b4"
_NUMBERS_SHOWN = 12  # confusion matrices of more cameras show colours alone

Scored = Mapping[str, Any]
"""A figure: `value` and `interval`."""


def bars_plot(named: Mapping[str, Scored], chance: float, plain: str) -> str:
    """Return horizontal bars of shares with whiskers; the bar named `plain` has another colour, chance is a line."""
    names = list(named)[::-1]
    drawing = _drawing(7, 0.34 * len(names) + 0.7)
    axes = drawing.add_subplot()
    places = np.arange(len(names))
    values = [named[name]["value"] for name in names]
    axes.barh(places, values, color=[BLUE if name == plain else ORANGE for name in names], height=0.7)
    for place, name in enumerate(names):
        interval = named[name]["interval"]
        if interval is not None:
            axes.plot(interval, [place, place], color="#1c2430", linewidth=1.2)
        end = max(named[name]["value"], interval[1] if interval else 0.0)
        axes.text(end + 0.015, place, f"{named[name]['value']:.3f}", va="center", size=9)
    axes.axvline(chance, color=GREY, linewidth=1)
    axes.set_yticks(places, names)
    axes.set_xlim(0, 1.12)
    axes.set_xticks(np.arange(0, 1.01, 0.2))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return _svg(drawing)


def lines_plot(
    lines: Mapping[str, Sequence[tuple[float, Scored]]],
    label: str,
    *,
    chance: float | None = None,
    shaded: tuple[float, float] | None = None,
    marked: Sequence[float] = (),
    is_logarithmic: bool = False,
) -> str:
    """Return lines of shares over a number, each with its band; `shaded`: the range that training covers."""
    drawing = _drawing(5.5, 3.0)
    axes = drawing.add_subplot()
    if shaded is not None:
        axes.axvspan(*shaded, color="#eef1f5", linewidth=0)
    for colour, (name, points) in zip((BLUE, ORANGE, "#4b8b5a", "#8c5a99"), lines.items(), strict=False):
        at = [place for place, _ in points]
        axes.plot(at, [each["value"] for _, each in points], color=colour, marker=".", label=name)
        known = [(place, *each["interval"]) for place, each in points if each["interval"] is not None]
        if known:
            at, low, high = ([each[column] for each in known] for column in range(3))
            axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
    for place in marked:
        axes.axvline(place, color=GREY, linewidth=0.8, linestyle=":")
    if chance is not None:
        axes.axhline(chance, color=GREY, linewidth=1)
    if is_logarithmic:
        axes.set_xscale("log", base=2)
        ticks = sorted({place for points in lines.values() for place, _ in points} - set(marked))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.minorticks_off()
    elif all(float(place).is_integer() for points in lines.values() for place, _ in points):
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _share_axis(axes, label)
    if len(lines) > 1:
        axes.legend(frameon=False, loc="lower right")
    return _svg(drawing)


def reliability_plot(bins: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return accuracy over confidence by bin; the size of a point is its share of the answers."""
    drawing = _drawing(4.2, 3.6)
    axes = drawing.add_subplot()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    for colour, (name, rows) in zip((ORANGE, BLUE), bins.items(), strict=False):
        total = sum(row["photos"] for row in rows)
        sizes = [15 + 150 * row["photos"] / total for row in rows]
        at, share = [row["confidence"] for row in rows], [row["accuracy"] for row in rows]
        axes.plot(at, share, color=colour, linewidth=1)
        axes.scatter(at, share, s=sizes, color=colour, alpha=0.75, label=name, linewidth=0)
    _share_axis(axes, "probability of the answer")
    axes.set_xlim(0, 1.02)
    axes.set_ylabel("share right")
    axes.legend(frameon=False, loc="lower right")  # where answers are neither sure nor wrong, so few points lie
    return _svg(drawing)


def confusion_plot(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Return a matrix of true by answered camera."""
    matrix = np.array(counts, dtype=float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    edge = min(10.0, 2.2 + 0.5 * len(names))
    drawing = _drawing(edge + 1, edge)
    axes = drawing.add_subplot()
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)  # shapes, not a bitmap
    places = np.arange(len(names)) + 0.5
    axes.set_xticks(places, names, rotation=45, ha="right")
    axes.set_yticks(places, names)
    axes.set_xlabel("answered")
    axes.set_ylabel("true")
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(names) <= _NUMBERS_SHOWN:
        for row, column in np.argwhere(matrix > 0):
            colour = "white" if shares[row, column] > 0.5 else "#1c2430"
            axes.text(
                column + 0.5, row + 0.5, f"{matrix[row, column]:.0f}", ha="center", va="center", color=colour, size=8
            )
    return _svg(drawing)


def history_plot(history: Sequence[Mapping[str, Any]]) -> str:
    """Return loss and accuracy by epoch."""
    epochs = [entry["epoch"] for entry in history]
    drawing = _drawing(8, 2.6)
    left, right = drawing.subplots(1, 2)
    left.plot(epochs, [entry["loss"] for entry in history], color=BLUE, marker=".")
    left.set_ylabel("loss")
    right.plot(epochs, [entry["accuracy"] for entry in history], color=BLUE, marker=".")
    validated = [(entry["epoch"], entry["validation_accuracy"]) for entry in history if "validation_accuracy" in entry]
    if validated:
        right.plot(*zip(*validated, strict=True), color=ORANGE, marker=".")
    right.set_ylabel("accuracy")
    right.set_ylim(0, 1.02)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    return _svg(drawing)


def _drawing(width_in: float, height_in: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def _share_axis(axes: "Axes", label: str) -> None:
    axes.set_xlabel(label)
    axes.set_ylabel("accuracy")
    axes.set_ylim(0, 1.03)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(drawing: "Figure") -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "shutterprint", "svg.fonttype": "none"}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
