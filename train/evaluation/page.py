"""Evaluation page: renders an evaluation's figures and a run's history as one self-contained HTML page.

Equal figures give equal bytes: drawings are SVG with fixed ids, without a date, and with text left as text.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from corpus.page import figure, page, paragraph, section, table
from train.evaluation.probabilities import UNALTERED
from train.evaluation.table import CAMERA_COLUMNS, camera_rows, share_text

_BLUE, _ORANGE, _GREY = "#2f6f9f", "#c9722f", "#9aa5b4"
_NUMBERS_SHOWN = 12  # confusion matrices of more cameras show colours alone


def evaluation_page(
    run: str, evaluation: Mapping[str, Any], settings: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> str:
    """Return the page of an `evaluation.json`, with the run's settings and metrics by epoch."""
    low, high = evaluation["weighted_interval"]
    lead = (
        f"{evaluation['photos']:,} photographs by {evaluation['devices']:,} devices, split {evaluation['split']}, "
        f"weighted accuracy {evaluation['weighted_accuracy']:.3f} (95 % interval {low:.3f}–{high:.3f})."
    )
    return page(
        f"Evaluation of {run}",
        lead,
        [
            _score_section(evaluation),
            _condition_section(evaluation),
            _camera_section(evaluation),
            _training_section(settings, history),
        ],
    )


def _score_section(evaluation: Mapping[str, Any]) -> str:
    rows = [
        ("weighted: 0.7 × unaltered + 0.3 × manipulated", share_text(evaluation["weighted_accuracy"]),
         _interval(evaluation["weighted_interval"])),
        ("unaltered", share_text(evaluation["unaltered"]), _interval(evaluation["unaltered_interval"])),
        ("manipulated, mean of the eight", share_text(evaluation["manipulated"]), ""),
        ("always answering the commonest camera", share_text(evaluation["chance"]), ""),
    ]  # fmt: skip
    notes = [paragraph(note) for note in evaluation["notes"]]
    return section(
        "Score",
        table(("accuracy", "share right", "95 % interval"), rows),
        paragraph(
            "Intervals are Wilson's and take photographs as independent. Photographs of one device are so only in "
            "part, so with few devices the true uncertainty is larger."
        ),
        *notes,
    )


def _condition_section(evaluation: Mapping[str, Any]) -> str:
    accuracy = evaluation["accuracy"]
    return section(
        "By manipulation",
        paragraph("The same photographs, unaltered and after each manipulation."),
        figure(_condition_plot(accuracy, evaluation["chance"]), "Accuracy by manipulation; the line is chance."),
    )


def _camera_section(evaluation: Mapping[str, Any]) -> str:
    names = [row["camera"] for row in evaluation["cameras"]]
    return section(
        "By camera",
        table(CAMERA_COLUMNS, camera_rows(evaluation)),
        *(
            figure(
                _confusion_plot(names, evaluation["confusion"][condition]),
                f"Answers by true camera, {condition} photographs; colour is the share of the row.",
            )
            for condition in (UNALTERED, "manipulated")
        ),
    )


def _training_section(settings: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> str:
    parts = [table(("setting", "value"), [(key, _shown(value)) for key, value in settings.items()])]
    if history:
        caption = (
            "Loss of the training crops, and accuracy on training crops (blue) and on validation photographs (orange)."
        )
        parts.insert(0, figure(_history_plot(history), caption))
    return section("Training", *parts)


def _condition_plot(accuracy: Mapping[str, float], chance: float) -> str:
    names = list(accuracy)[::-1]
    drawing = Figure(figsize=(7, 0.34 * len(names) + 0.7), layout="constrained")
    axes = drawing.add_subplot()
    colours = [_BLUE if name == UNALTERED else _ORANGE for name in names]
    bars = axes.barh(names, [accuracy[name] for name in names], color=colours, height=0.7)
    axes.bar_label(bars, labels=[f"{accuracy[name]:.3f}" for name in names], padding=3)
    axes.axvline(chance, color=_GREY, linewidth=1)
    axes.set_xlim(0, 1.12)
    axes.set_xticks(np.arange(0, 1.01, 0.2))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return _svg(drawing)


def _confusion_plot(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    matrix = np.array(counts, dtype=float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    edge = min(10.0, 2.2 + 0.5 * len(names))
    drawing = Figure(figsize=(edge + 1, edge), layout="constrained")
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


def _history_plot(history: Sequence[Mapping[str, Any]]) -> str:
    epochs = [entry["epoch"] for entry in history]
    drawing = Figure(figsize=(8, 2.6), layout="constrained")
    left, right = drawing.subplots(1, 2)
    left.plot(epochs, [entry["loss"] for entry in history], color=_BLUE, marker=".")
    left.set_ylabel("loss")
    right.plot(epochs, [entry["accuracy"] for entry in history], color=_BLUE, marker=".")
    validated = [(entry["epoch"], entry["validation_accuracy"]) for entry in history if "validation_accuracy" in entry]
    if validated:
        right.plot(*zip(*validated, strict=True), color=_ORANGE, marker=".")
    right.set_ylabel("accuracy")
    right.set_ylim(0, 1.02)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    return _svg(drawing)


def _svg(drawing: Figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "shutterprint", "svg.fonttype": "none"}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _interval(interval: Sequence[float]) -> str:
    return f"{interval[0]:.3f} – {interval[1]:.3f}"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
