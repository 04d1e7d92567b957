"""Evaluation page: renders an evaluation's figures and a run's history as one self-contained HTML page.

Equal figures give equal bytes. `figure_sections` are shared with the full report (`train.evaluation.report`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.page import details, figure, page, paragraph, section, subheading, table
from train.data.answers import UNALTERED
from train.estimation.permutation import DRAWS
from train.evaluation.altered import KEY as ALTERED
from train.evaluation.altered import altered_section
from train.evaluation.figures import SCORES
from train.evaluation.pages.honesty import honesty_sections
from train.evaluation.pages.open_set import open_set_sections
from train.evaluation.pages.plots import (
    bars_plot,
    confusion_plot,
    history_plot,
    lines_plot,
    reliability_plot,
)
from train.evaluation.table import camera_columns, camera_rows, figure_text, interval_text, share_text

_DEVICES_SHOWN = 200

FACTS = {
    "by_quality": "estimated quality factor",
    "by_year": "year",
    "by_iso": "ISO",
    "by_owner": "owner",
}


def evaluation_page(
    run: str,
    evaluation: Mapping[str, Any],
    settings: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    more: Sequence[str] = (),
) -> str:
    """Return the page of an `evaluation.json`, with the run's settings and metrics by epoch; `more`: more sections."""
    return page(
        f"Evaluation of {run}",
        lead(evaluation),
        [*figure_sections(evaluation), *more, training_section(settings, history)],
    )


def lead(evaluation: Mapping[str, Any]) -> str:
    """Return the sentence that a page of an evaluation begins with."""
    interval = evaluation["weighted_interval"]
    told = f"95 % interval by device {interval_text(interval)}" if interval else "no interval: one device"
    return (
        f"{evaluation['photos']:,} photographs by {evaluation['devices']:,} devices, split {evaluation['split']}, "
        f"weighted accuracy {evaluation['weighted_accuracy']:.3f} ({told})."
    )


def figure_sections(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the sections of the figures that every evaluation has."""
    return [
        _score_section(evaluation),
        _condition_section(evaluation),
        _calibration_section(evaluation),
        _camera_section(evaluation),
        _votes_section(evaluation),
        *_fact_sections(evaluation),
        *([altered_section(evaluation[ALTERED])] if ALTERED in evaluation else []),
        *(honesty_sections(evaluation["honesty"]) if "honesty" in evaluation else ()),
        *(open_set_sections(evaluation["open_set"]) if "open_set" in evaluation else []),
    ]


def _score_section(evaluation: Mapping[str, Any]) -> str:
    rows = [
        ("weighted: 0.7 × unaltered + 0.3 × manipulated", share_text(evaluation["weighted_accuracy"]),
         interval_text(evaluation["weighted_interval"])),
        ("unaltered", share_text(evaluation["unaltered"]), interval_text(evaluation["unaltered_interval"])),
        ("manipulated, mean of the eight", share_text(evaluation["manipulated"]),
         interval_text(evaluation["manipulated_interval"])),
        *((f"{name}, every camera counting alike", *figure_text(evaluation["balanced"][name])) for name in SCORES),
        *((f"weighted, camera among the likeliest {k}", *figure_text(each["weighted"]))
          for k, each in evaluation["top_k"].items()),
        *((f"{name}, crops off the 8 × 8 grid", *figure_text(each))
          for name, each in evaluation.get("off_grid", {}).items()),
        ("always answering the commonest camera", share_text(evaluation["chance"]), ""),
        *(("weighted, labels permuted", *figure_text(each)) for each in [evaluation.get("permuted")] if each),
    ]  # fmt: skip
    macro = [
        (f"{key}, {name}", *figure_text(each)) for name, of in evaluation["macro"].items() for key, each in of.items()
    ]
    return section(
        "Score",
        table(("accuracy", "share right", "95 % interval"), rows),
        details(
            "Precision, recall and F1, each the mean over the cameras",
            table(("figure", "value", "95 % interval"), macro),
        ),
        paragraph(
            "Photographs are judged by the conditions of the IEEE Signal Processing Cup of 2018: by the central 512 × "
            "512 px, or what the tile has of them, taken after the manipulation, which the network is not told. It is "
            "told where the 8 × 8 grid of the camera's JPEG begins, since that is known of a whole photograph; the "
            "challenge did not tell it. What is left where crops begin off the grid stands beside the scores (of the "
            "manipulated ones, each photograph has one of the eight)."
        ),
        paragraph(
            "Photographs of one device are not independent, so intervals are a bootstrap over devices within cameras; "
            "the weighted accuracy's takes a photograph under all conditions together."
        ),
        *(paragraph(_of_permuted(each)) for each in [evaluation.get("permuted")] if each),
        *(paragraph(note) for note in evaluation["notes"]),
    )


def _of_permuted(permuted: Mapping[str, Any]) -> str:
    return (
        "With the labels of devices permuted, the same answers show what chance reaches: 95 % of "
        f"{DRAWS:,} permutations lie in the interval, and a share of {permuted['reached']:.4f} of them reaches the "
        "weighted accuracy. A "
        "network trained on shuffled labels must come out there as well, else something leaks: shutterprint train "
        "--set train.shuffle_labels=true trains this control."
    )


def _condition_section(evaluation: Mapping[str, Any]) -> str:
    intervals = evaluation["accuracy_intervals"]
    named = {name: {"value": share, "interval": intervals[name]} for name, share in evaluation["accuracy"].items()}
    return section(
        "By manipulation",
        paragraph("The same photographs, unaltered and after each manipulation."),
        figure(
            bars_plot(named, evaluation["chance"], UNALTERED.name),
            "Accuracy by manipulation with 95 % intervals by device; the line is chance.",
        ),
    )


def _calibration_section(evaluation: Mapping[str, Any]) -> str:
    told = evaluation["calibration"]
    rows = [
        (name, *figure_text(each["uncalibrated"]), *figure_text(each["calibrated"]), share_text(each.get("by_chance")))
        for name, each in {**told["by_condition"], "all together": told["error"]}.items()
    ]
    header = ("condition", "error, raw", "95 % interval", "error, with the temperature", "95 % interval", "by chance")
    return section(
        "Calibration",
        paragraph(
            f"Whether a probability of 0.9 is right nine times in ten. Temperature {told['temperature']:.3f}, found on "
            "validation photographs; the expected calibration error is over 15 bins. An error as large as “by chance” "
            "is none: it is to be expected of so many photographs if all probabilities were true."
        ),
        figure(
            reliability_plot({"raw": told["bins_uncalibrated"], "with the temperature": told["bins"]}),
            "Share right by the probability of the answer, all conditions together; on the line, probabilities are "
            "what they say. The size of a point is its share of the answers.",
            fits=True,
        ),
        table(header, rows),
    )


def _camera_section(evaluation: Mapping[str, Any]) -> str:
    names = [row["camera"] for row in evaluation["cameras"]]
    devices = evaluation["by_device"]
    rows = [
        (row["camera"], row["device"], f"{row['photos']:,}", *(share_text(row[name]) for name in SCORES))
        for row in sorted(devices, key=lambda row: (row["weighted"], row["camera"], row["device"]))[:_DEVICES_SHOWN]
    ]
    shown = f", the {_DEVICES_SHOWN} with the lowest accuracy" if len(devices) > _DEVICES_SHOWN else ""
    return section(
        "By camera",
        table(camera_columns(), camera_rows(evaluation)),
        *(
            figure(
                confusion_plot(names, evaluation["confusion"][condition]),
                f"Answers by true camera, {condition} photographs; colour is the share of the row.",
            )
            for condition in (UNALTERED.name, "manipulated")
        ),
        details(
            f"By device ({len(devices):,}{shown})",
            table(("camera", "device", "photos", *SCORES), rows),
        ),
    )


def _votes_section(evaluation: Mapping[str, Any]) -> str:
    votes = evaluation["votes"]
    lines = {name: [(row["crops"], row[name]) for row in votes] for name in SCORES}
    return section(
        "Crops vote",
        figure(
            lines_plot(lines, "crops of a photograph that vote"),
            "Accuracy by number of crops, joined by the geometric mean of their probabilities.",
            fits=True,
        ),
    )


def _fact_sections(evaluation: Mapping[str, Any]) -> list[str]:
    parts = []
    for key, name in FACTS.items():
        if rows := evaluation.get(key):
            cells = [
                (row["value"], f"{row['photos']:,}", f"{row['devices']:,}",
                 *(text for score in SCORES for text in figure_text(row[score])))
                for row in rows
            ]  # fmt: skip
            header = (name, "photos", "devices", *(text for score in SCORES for text in (score, "95 % interval")))
            parts += [subheading(f"By {name}"), table(header, cells)]
    return [section("By what is known of the photographs", *parts)] if parts else []


def training_section(settings: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> str:
    """Return the section of a run's settings and metrics by epoch."""
    parts = [table(("setting", "value"), [(key, _shown(value)) for key, value in settings.items()])]
    if history:
        caption = (
            "Loss of the training crops, and accuracy on training crops (blue) and on validation photographs (orange)."
        )
        parts.insert(0, figure(history_plot(history), caption))
    return section("Training", *parts)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
