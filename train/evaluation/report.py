"""Report: one self-contained HTML page of everything known of a run, and a CSV file for each plot and table.

It is published as `runs/<run>/report/`: `report.html`, `<name>.csv`, `figures.json`, and the marker last.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from corpus.page import (
    Tile,
    contents_of,
    details,
    figure,
    jpeg_address,
    page,
    paragraph,
    section,
    table,
    tiles,
)
from corpus.storage import Store
from train.evaluation.figures import CHANGED, PLAIN, SCORES
from train.evaluation.mistakes import Mistake
from train.evaluation.pages.evaluation import FACTS, figure_sections, lead, training_section
from train.evaluation.pages.plots import lines_plot
from train.evaluation.studies import STRENGTHS
from train.evaluation.table import figure_text

FOLDER = "report"

Rows = Sequence[Mapping[str, Any]]

_TRAINED = {"jpeg": (70.0, 90.0), "gamma": (0.8, 1.2), "scale": (0.5, 2.0)}
_LABELS = {"jpeg": "JPEG quality factor", "gamma": "gamma", "scale": "scale"}


def publish_report(
    store: Store,
    directory: str,
    evaluation: Mapping[str, Any],
    settings: Mapping[str, Any],
    history: Rows,
    studied: Mapping[str, Any],
    wrong: Sequence[Mistake],
    more_sections: Sequence[str] = (),
    more_tables: Mapping[str, Rows] | None = None,
) -> str:
    """Publish the report of a run's folder, in place of an earlier one; returns the path of its page in the store.

    `more_sections` and `more_tables`: what other parts of an evaluation add to the page and to the CSV files.
    """
    folder = f"{directory}/{FOLDER}"
    found = report_tables(evaluation, studied, wrong, history) | dict(more_tables or {})
    store.remove(folder)
    for name, rows in found.items():
        store.publish(f"{folder}/{name}.csv", csv_of(rows).encode())
    store.publish_json(f"{folder}/figures.json", {**evaluation, "studies": studied})
    text = report_page(
        directory.rpartition("/")[2], evaluation, settings, history, studied, wrong, more_sections, found
    )
    store.publish(f"{folder}/report.html", text.encode())
    store.mark_done(folder, {"files": len(found) + 2})
    return f"{folder}/report.html"


def report_tables(
    evaluation: Mapping[str, Any], studied: Mapping[str, Any], wrong: Sequence[Mistake], history: Rows
) -> dict[str, Rows]:
    """Return the rows of each CSV file by its name."""
    intervals = evaluation["accuracy_intervals"]
    calibration = evaluation["calibration"]
    cameras = [row["camera"] for row in evaluation["cameras"]]
    told: dict[str, Rows] = {
        "scores": [
            {"figure": name, "accuracy": {"value": evaluation[key], "interval": evaluation[interval]}}
            for name, key, interval in (
                ("weighted", "weighted_accuracy", "weighted_interval"),
                (PLAIN, PLAIN, "unaltered_interval"),
                (CHANGED, CHANGED, "manipulated_interval"),
            )
        ]
        + [
            {"figure": "permuted labels weighted", "accuracy": {key: each[key] for key in ("value", "interval")}}
            for each in [evaluation.get("permuted")]
            if each
        ]
        + [
            {"figure": f"off the grid {name}", "accuracy": each}
            for name, each in evaluation.get("off_grid", {}).items()
        ]
        + [{"figure": f"balanced {name}", "accuracy": each} for name, each in evaluation["balanced"].items()]
        + [
            {"figure": f"top {k} {name}", "accuracy": each}
            for k, of in evaluation["top_k"].items()
            for name, each in of.items()
        ]
        + [
            {"figure": f"macro {key} {name}", "accuracy": each}
            for name, of in evaluation["macro"].items()
            for key, each in of.items()
        ],
        "conditions": [
            {"condition": name, "accuracy": {"value": share, "interval": intervals[name]}}
            for name, share in evaluation["accuracy"].items()
        ],
        "cameras": evaluation["cameras"],
        "devices": evaluation["by_device"],
        "calibration": [
            {"condition": name, **each}
            for name, each in {**calibration["by_condition"], "all": calibration["error"]}.items()
        ],
        "reliability": [
            {"probabilities": name, **row}
            for name, rows in (("raw", calibration["bins_uncalibrated"]), ("calibrated", calibration["bins"]))
            for row in rows
        ],
        "votes": evaluation["votes"],
        "mistakes": [
            {
                name: getattr(each, name)
                for name in ("photo", "device", "camera", "answered", "probability", "condition")
            }
            for each in wrong
        ],
        "history": history,
    }
    for name, matrix in evaluation["confusion"].items():
        told[f"confusion-{name}"] = [
            {"camera": camera, **dict(zip(cameras, row, strict=True))}
            for camera, row in zip(cameras, matrix, strict=True)
        ]
    told |= {key.replace("_", "-"): evaluation[key] for key in FACTS if evaluation.get(key)}
    return told | {name.replace("_", "-"): rows for name, rows in studied.items()}


def csv_of(rows: Rows) -> str:
    """Return rows as CSV; a figure takes three columns: `name`, `name_low`, `name_high`."""
    flat = [_flat(row) for row in rows]
    header = list(dict.fromkeys(key for row in flat for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def report_page(
    run: str,
    evaluation: Mapping[str, Any],
    settings: Mapping[str, Any],
    history: Rows,
    studied: Mapping[str, Any],
    wrong: Sequence[Mistake],
    more_sections: Sequence[str],
    files: Mapping[str, Rows],
) -> str:
    """Return the page; `files`: the rows of the CSV files beside it."""
    own = [
        _curve_section(studied["curves"], evaluation["chance"], settings["crop_px"]),
        _size_section(studied["crop_sizes"], evaluation["chance"], settings["crop_px"]),
        _view_section(studied["views"], studied["tta"]),
        _crops_section(studied["many_crops"]),
        _checkpoint_section(studied["checkpoints"]),
        _mistake_section(wrong),
    ]
    listed = [(f"{name}.csv", f"{len(rows):,}") for name, rows in sorted(files.items())]
    sections = [
        *figure_sections(evaluation),
        *own,
        *more_sections,
        training_section(settings, history),
        section(
            "Files",
            paragraph(
                "The numbers of every plot and table, beside this page. A figure has three columns: its value and "
                "both ends of its interval, which are empty where there is none."
            ),
            table(("file", "rows"), listed),
        ),
    ]
    return page(f"Report on {run}", lead(evaluation), [contents_of(sections), *sections])


def _curve_section(rows: Rows, chance: float, crop_px: int) -> str:
    drawings = []
    for kind in STRENGTHS:
        own = [row for row in rows if row["kind"] == kind]
        if not own:
            continue
        smaller = sorted({row["crop_px"] for row in own if row["crop_px"] != crop_px})
        note = f" Where too little was left, crops are smaller: {', '.join(map(str, smaller))} px." if smaller else ""
        drawings.append(
            figure(
                lines_plot(
                    {"accuracy": [(row["strength"], row["accuracy"]) for row in own]},
                    _LABELS[kind],
                    chance=chance,
                    shaded=_TRAINED[kind],
                    is_logarithmic=kind == "scale",
                ),
                f"Accuracy by {_LABELS[kind]}; training covers the grey range.{note}",
                fits=True,
            )
        )
    cells = [(row["kind"], f"{row['strength']:g}", f"{row['crop_px']}", *figure_text(row["accuracy"])) for row in rows]
    return section(
        "Beyond the training's range",
        *drawings,
        details("The numbers", table(("kind", "strength", "crop, px", "accuracy", "95 % interval"), cells)),
    )


def _size_section(rows: Rows, chance: float, crop_px: int) -> str:
    lines = {name: [(row["crop_px"], row[name]) for row in rows if row[name] is not None] for name in (PLAIN, CHANGED)}
    return section(
        "By size of the crops",
        figure(
            lines_plot(
                {name: points for name, points in lines.items() if points},
                "edge of a crop in pixels",
                chance=chance,
                marked=(crop_px,),
                is_logarithmic=True,
            ),
            f"Accuracy by the size of the crops; the network was trained on {crop_px} px, the dotted line. "
            "Manipulated: each photograph has one of the eight manipulations.",
            fits=True,
        ),
    )


def _view_section(views: Rows, augmented: Rows) -> str:
    seen = [(row["view"], *figure_text(row[PLAIN]), *figure_text(row[CHANGED])) for row in views]
    gained = [
        (row["augmentation"], str(row["views"]), *figure_text(row["weighted"]), *figure_text(row["gain"]))
        for row in augmented
    ]
    return section(
        "Turned, mirrored, off the grid",
        paragraph(
            "A sensor writes one orientation and one grid of 8 × 8 pixels: both are evidence, lost where crops "
            "are turned, mirrored or moved off the grid."
        ),
        table(("crops", PLAIN, "95 % interval", CHANGED, "95 % interval"), seen),
        paragraph("Test-time augmentation: several views of every crop vote."),
        table(("augmentation", "views", "weighted", "95 % interval", "gain", "95 % interval"), gained),
    )


def _crops_section(rows: Rows) -> str:
    lines = {name: [(row["crops"], row[name]) for row in rows] for name in SCORES}
    return section(
        "Many crops",
        figure(
            lines_plot(lines, "crops of a photograph that vote"),
            "Accuracy by number of crops; manipulated: each photograph has one of the eight manipulations.",
            fits=True,
        ),
    )


def _checkpoint_section(rows: Rows) -> str:
    cells = [(row["weights"], *figure_text(row["weighted"]), *figure_text(row["gain_of_all"])) for row in rows]
    return section(
        "Checkpoints",
        paragraph("The checkpoints that were kept, and all of them together by the geometric mean of probabilities."),
        table(("checkpoint", "weighted", "95 % interval", "gain of all together", "95 % interval"), cells),
    )


def _mistake_section(wrong: Sequence[Mistake]) -> str:
    if not wrong:
        return section("The surest mistakes", paragraph("No photograph was answered wrong under any condition."))
    shown = [
        Tile(
            jpeg_address(each.picture) if each.picture else None,
            f"{each.camera}, answered {each.answered} with {each.probability:.2f}, {each.condition}; {each.photo}",
        )
        for each in wrong
    ]
    return section(
        "The surest mistakes",
        paragraph(
            "Each photograph once, under the condition in which the wrong answer was surest. The pictures are the "
            "middle of the photographs, unaltered and reduced."
        ),
        tiles(shown, "damaged tile"),
    )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping) and set(value) == {"value", "interval"}:
            low, high = value["interval"] or ("", "")
            flat |= {key: value["value"], f"{key}_low": low, f"{key}_high": high}
        elif key.endswith("interval") and (value is None or len(value) == 2):
            name = key.removesuffix("_interval")
            low, high = value or ("", "")
            flat |= {f"{name}_low": low, f"{name}_high": high}
        else:
            flat[key] = value
    return flat
