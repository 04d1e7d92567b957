"""Publishing: the results of a run's experiments, as `runs/<run>/experiments/<name>.csv`, `.json` and `.html`.

The report of the run (`evaluate --full`) has the sections of those that are there.
"""

from collections.abc import Sequence
from typing import Any

from corpus.page import figure, page, paragraph, section, table
from corpus.storage import Store
from train.evaluation.pages.plots import lines_plot
from train.evaluation.report import csv_of
from train.evaluation.table import aligned, figure_text
from train.experiments.histories import KINDS

FOLDER = "experiments"
_TITLES = {"critique": "Compression, train × test", "amounts": "Accuracy by the amount of training data"}

Rows = Sequence[dict[str, Any]]


def publish_experiment(store: Store, directory: str, name: str, steps: int, rows: Rows) -> str:
    """Publish `critique` or `amounts` in a run's folder; returns the path of the page in the store."""
    folder = f"{directory}/{FOLDER}"
    store.publish(f"{folder}/{name}.csv", csv_of(rows).encode())
    store.publish_json(f"{folder}/{name}.json", {"steps": steps, "rows": rows})
    sections = _sections(name, steps, rows)
    text = page(_TITLES[name], f"Run {directory.rpartition('/')[2]}. All intervals are 95 %, by device.", sections)
    store.publish(f"{folder}/{name}.html", text.encode())
    return f"{folder}/{name}.html"


def published_experiments(store: Store, directory: str) -> tuple[list[str], dict[str, list[dict[str, Any]]]]:
    """Return the sections, and the rows by name, of the experiments that a run's folder has."""
    sections: list[str] = []
    found: dict[str, list[dict[str, Any]]] = {}
    for name in _TITLES:
        path = f"{directory}/{FOLDER}/{name}.json"
        if store.exists(path):
            told = store.read_json(path)
            found[f"experiment-{name}"] = told["rows"]
            sections += _sections(name, told["steps"], told["rows"])
    return sections, found


def _sections(name: str, steps: int, rows: Rows) -> list[str]:
    told = f"Each training had {steps:,} steps, with the run's other settings; figures of short trainings are low."
    heading, *parts = _matrix(rows) if name == "critique" else _curve(rows)
    return [section(heading, *parts, paragraph(told))]


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
    """Return the heading, then the parts of its section."""
    return [
        "Trained on one history, judged on each",
        paragraph(
            "“uncompressed” means not compressed again: what the camera wrote is a JPEG already. “aligned” was "
            "compressed once more on the camera's grid, “shifted” then cropped off the grid, “multiple” compressed "
            "three times and cropped before each."
        ),
        table(("trained on", *KINDS), [(kind, *cells) for kind, cells in _cells(rows, True).items()]),
    ]


def _cells(rows: Rows, with_interval: bool = False) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        value, interval = figure_text(row["accuracy"])
        found.setdefault(row["trained_on"], []).append(f"{value} [{interval}]" if with_interval else value)
    return found


def _curve(rows: Rows) -> list[str]:
    """Return the heading, then the parts of its section."""
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
        "More photographs, more devices",
        figure(plot, "Accuracy by the number of training photographs, on a logarithmic axis."),
        table(header, cells),
    ]
