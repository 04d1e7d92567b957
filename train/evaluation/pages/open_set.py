"""Open set page: the section on unknown cameras and enrolment of an evaluation, and the same figures as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.page import figure, paragraph, section, subheading, table
from train.evaluation.pages.plots import lines_plot
from train.evaluation.table import figure_text, interval_text, share_text

_FIGURES = {
    "auroc": "AUROC",
    "oscr": "OSCR",
    "refused_at_5": "refused where 5 % of the known test photographs are",
    "refused": "refused at the threshold found on validation",
}
_CONDITIONS = ("unaltered", "manipulated")


def open_set_sections(figures: Mapping[str, Any]) -> list[str]:
    """Return the section of `open_set` in an evaluation."""
    parts = [paragraph(note) for note in figures["notes"]]
    if figures["score"] is None:
        return [section("None of these", *parts)]
    tables = open_set_tables(figures)
    parts.insert(
        0,
        paragraph(
            f"A photograph is called none of these by the score {figures['score']}, which told unknown photographs "
            f"best on validation; there they were of {figures['basis']}. The threshold refuses "
            f"{figures['false_refusals_wanted']:.0%} of the known cameras' validation photographs."
        ),
    )
    parts += [subheading("Scores"), _shown(tables["scores"])]
    if "false_refusals" in tables:
        parts += [subheading("Known cameras that are refused"), _shown(tables["false_refusals"])]
    if "unknown" in tables:
        unknown = figures["unknown"]
        error = f"{unknown['calibration_error']:.3f}"
        if interval := unknown.get("calibration_error_interval"):
            error += f" (95 % interval {interval_text(interval)})"
        parts += [
            subheading("Unknown cameras"),
            paragraph(
                f"{unknown['photos']:,} photographs by {unknown['devices']:,} devices of cameras that the network was "
                f"not trained on. The expected calibration error of the probability of none of these is {error}, known "
                "and unknown photographs weighing alike."
            ),
            *(
                [paragraph(f"AUROC where the score is chosen without the camera: {', '.join(figure_text(unseen))}.")]
                if (unseen := unknown.get("auroc_unseen"))
                else []
            ),
            _shown(tables["unknown"]),
            _shown(tables["unknown_cameras"]),
        ]
    if "enrolment" in tables:
        parts += [
            subheading("Enrolment"),
            paragraph(
                "Each unknown camera was added alone beside the known ones, from a few photographs of some of its "
                "devices, without training; recall is that of photographs by its other devices, of which one that is "
                "refused as none of these does not count as named. Photographs were drawn "
                f"several times. Prototypes are compared by {figures['prototype_score']}."
            ),
            figure(
                lines_plot(enrolment_lines(figures["enrolment"]), "photographs enrolled from", is_logarithmic=True),
                "Recall of enrolled cameras by number of photographs, with 95 % intervals by device.",
                fits=True,
            ),
            _shown(tables["enrolment"]),
        ]
    return [section("None of these, and new cameras", *parts)]


def enrolment_lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    """Return recall over the number of photographs, a line for each number of devices."""
    lines: dict[str, list[tuple[float, dict[str, Any]]]] = {}
    for row in rows:
        name = f"{row['devices']} device{'s' if row['devices'] > 1 else ''}"
        lines.setdefault(name, []).append((row["photos"], {"value": row["recall"], "interval": row["interval"]}))
    return lines


def open_set_tables(figures: Mapping[str, Any]) -> dict[str, list[tuple[str, ...]]]:
    """Return the figures as tables by name, each with a row of headings first."""
    if figures["score"] is None:
        return {}
    unknown, known = figures["unknown"], figures["known"]
    of_test = unknown["scores"] if unknown else {}
    intervals = unknown.get("score_intervals", {}) if unknown else {}
    tables: dict[str, list[tuple[str, ...]]] = {
        "scores": [
            ("score", "AUROC, validation", "AUROC, test", "95 % interval"),
            *(
                (name, share_text(value), share_text(of_test.get(name)), interval_text(intervals.get(name)))
                for name, value in figures["validation"].items()
            ),
        ]
    }
    if known:
        rows = [
            (name, *figure_text({"value": each["refused"], "interval": each["interval"]}))
            for name, each in known.items()
        ]
        tables["false_refusals"] = [("condition", "falsely refused", "95 % interval"), *rows]
    if unknown:
        cells = [
            (told, *(text for name in _CONDITIONS for text in figure_text(unknown[name][key])))
            for key, told in _FIGURES.items()
        ]
        heads = (text for name in _CONDITIONS for text in (name, f"{name}, 95 % interval"))
        tables["unknown"] = [("figure", *heads), *cells]
        tables["unknown_cameras"] = [
            ("unknown camera", "photos", "devices", "AUROC", "95 % interval", "refused", "mostly taken for", "share"),
            *(
                (row["camera"], f"{row['photos']:,}", f"{row['devices']:,}", share_text(row["auroc"]),
                 interval_text(row.get("auroc_interval")),
                 share_text(row["refused"]), row["nearest"], share_text(row["nearest_share"]))
                for row in unknown["cameras"]
            ),
        ]  # fmt: skip
    if figures["enrolment"]:
        tables["enrolment"] = [
            ("photographs", "devices", "cameras", "recall", "95 % interval", "known kept", "95 % interval",
             "known taken for it", "95 % interval", "other unknown ones taken for it", "95 % interval"),
            *(
                (str(row["photos"]), str(row["devices"]), str(row["cameras"]),
                 *figure_text({"value": row["recall"], "interval": row["interval"]}),
                 share_text(row["known_kept"]), interval_text(row.get("known_kept_interval")),
                 share_text(row["known_taken"]), interval_text(row.get("known_taken_interval")),
                 share_text(row.get("others_taken")), interval_text(row.get("others_taken_interval")))
                for row in figures["enrolment"]
            ),
        ]  # fmt: skip
    return tables


def open_set_rows(figures: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the same figures for CSV files, by name: rows of numbers and of values with their intervals."""
    if figures["score"] is None:
        return {}
    unknown, known = figures["unknown"], figures["known"]
    of_test = unknown["scores"] if unknown else {}
    rows: dict[str, list[dict[str, Any]]] = {
        "open-set-scores": [
            {
                "score": name,
                "auroc_validation": value,
                "auroc_test": {
                    "value": of_test.get(name),
                    "interval": unknown["score_intervals"][name] if unknown else None,
                },
            }
            for name, value in figures["validation"].items()
        ]
    }
    if known:
        rows["open-set-false-refusals"] = [
            {"condition": name, "refused": {"value": each["refused"], "interval": each["interval"]}}
            for name, each in known.items()
        ]
    if unknown:
        rows["open-set-unknown"] = [
            {"figure": key, **{name: unknown[name][key] for name in _CONDITIONS}} for key in _FIGURES
        ]
        rows["open-set-unknown-cameras"] = list(unknown["cameras"])
    if figures["enrolment"]:
        rows["open-set-enrolment"] = [
            {key: value for key, value in row.items() if key not in ("recall", "interval", "by_camera")}
            | {"recall": {"value": row["recall"], "interval": row["interval"]}}
            for row in figures["enrolment"]
        ]
    return rows


def _shown(rows: Sequence[tuple[str, ...]]) -> str:
    return table(rows[0], rows[1:])
