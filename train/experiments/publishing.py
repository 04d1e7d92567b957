"""Publishing: the results of a run's experiments, as `runs/<run>/experiments/<name>.csv` and `<name>.html`."""

from collections.abc import Sequence
from typing import Any

from corpus.page import figure, page, paragraph, section, table
from corpus.storage import Store
from train.evaluation.plots import lines_plot
from train.evaluation.report import csv_of
from train.evaluation.table import aligned, figure_text
from train.experiments.histories import KINDS

FOLDER = "experiments"

Rows = Sequence[dict[str, Any]]


def publish_experiment(store: Store, directory: str, name: str, steps: int, rows: Rows) -> str:
    """Publish `critique` or `amounts` in a run's folder; returns the path of the page in the store."""
    told = f"Each training had {steps:,} steps, with the run's other settings; figures of short trainings are low."
    sections = [*(_matrix(rows) if name == "critique" else _curve(rows)), paragraph(told)]
    title = "Compression, train × test" if name == "critique" else "Accuracy by the amount of training data"
    folder = f"{directory}/{FOLDER}"
    store.publish(f"{folder}/{name}.csv", csv_of(rows).encode())
    text = page(title, f"Run {directory.rpartition('/')[2]}. All intervals are 95 %, by device.", sections)
    store.publish(f"{folder}/{name}.html", text.encode())
    return f"{folder}/{name}.html"


def experiment_table(name: str, rows: Rows) -> str:
    """Return the rows as aligned text for a terminal."""
    if name == "critique":
        lines: list[tuple[str, ...]] = [("trained on", *KINDS)]
        lines += [(kind, *cells) for kind, cells in _cells(rows).items()]
        return "\n".join(aligned(lines))
    lines = [("photographs", "devices", "weighted", "95 % interval")]
    lines += [
        (f"{row['training_photos']:,}", f"{row['training_devices']:,}", *figure_text(row["weighted"])) for row in rows
    ]
    return "\n".join(aligned(lines))


def _matrix(rows: Rows) -> list[str]:
    return [
        section(
            "Trained on one history, judged on each",
            paragraph(
                "“uncompressed” means not compressed again: what the camera wrote is a JPEG already. “aligned” was "
                "compressed once more on the camera's grid, “shifted” then cropped off the grid, “multiple” compressed "
                "three times and cropped before each."
            ),
            table(("trained on", *KINDS), [(kind, *cells) for kind, cells in _cells(rows, True).items()]),
        )
    ]


def _cells(rows: Rows, with_interval: bool = False) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        value, interval = figure_text(row["accuracy"])
        found.setdefault(row["trained_on"], []).append(f"{value} [{interval}]" if with_interval else value)
    return found


def _curve(rows: Rows) -> list[str]:
    lines = {
        name: [(float(row["training_photos"]), row[name]) for row in rows] for name in ("unaltered", "manipulated")
    }
    plot = lines_plot(lines, "training photographs", is_logarithmic=True)
    cells = [
        (f"{row['training_photos']:,}", f"{row['training_devices']:,}",
         *(text for name in ("weighted", "unaltered", "manipulated") for text in figure_text(row[name])))
        for row in rows
    ]  # fmt: skip
    header = ("training photographs", "devices", "weighted", "interval", "unaltered", "interval", "manipulated",
              "interval")  # fmt: skip
    return [
        section(
            "More photographs, more devices",
            figure(plot, "Accuracy by the number of training photographs, on a logarithmic axis."),
            table(header, cells),
        )
    ]
