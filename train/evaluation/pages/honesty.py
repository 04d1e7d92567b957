"""Honesty page: the honesty figures as part of an evaluation's page, and as rows of numbers for CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.page import paragraph, section, table
from train.evaluation.table import figure_text
from train.honesty.figures import FOLLOWED

Row = dict[str, Any]


def honesty_sections(figures: Mapping[str, Any]) -> list[str]:
    """Return the sections of a page; one that says why where there are no figures."""
    notes = [paragraph(note) for note in figures["notes"]]
    if "network" not in figures:
        return [section("Honesty", *notes)]
    tables = honesty_tables(figures)
    conflict = figures["cue_conflict"]
    return [
        section(
            "Honesty",
            paragraph(
                "Does the network read the camera? The fine detail of each photograph was laid over the low "
                f"frequencies of {conflict['scenes_per_photo']} photographs by other cameras (divided by a Gaussian of "
                f"{conflict['sigma_px']:g} px): a network that reads the camera answers by the detail, one that has "
                "learned scenes by the scene."
            ),
            _shown(("answered by", "share of the conflicts", "95 % interval"), tables["cue_conflict"]),
            paragraph(
                "What else tells these photographs apart? The scenes-only probe saw each reduced to 64×64 pixels, "
                "which keep tone curve and colours, and once more after these were equalised; the metadata oracle saw "
                "no pixel. Both were fitted to the training photographs. Only what the network gains over them is "
                "proof that it reads traces of the camera. Every camera counts alike here, as it did when they were "
                "fitted: accuracy is the mean over cameras of the share right, and chance is one in "
                f"{round(1 / figures['chance'])}, {figures['chance']:.3f}. Gains are paired by photograph, and all "
                "intervals are by device."
            ),
            _shown(
                ("sees", "accuracy", "95 % interval", "network's gain", "95 % interval of the gain"),
                tables["other_evidence"],
            ),
            *notes,
        )
    ]


def honesty_tables(figures: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the tables by name: rows of equal keys, in the order of the columns."""
    if "network" not in figures:
        return {}
    conflict = figures["cue_conflict"]
    followed = [
        {"answered_by": name, "share": {"value": conflict[name], "interval": conflict[f"{name}_interval"]}}
        for name in FOLLOWED
    ]
    seen = {
        "the network: crops, unaltered": figures["network"],
        "the scene at 64×64, with its tones and colours": figures["scenes_probe"],
        "the scene at 64×64, tones and colours equalised": figures["contents_probe"],
    }
    seen |= {f"metadata: {name}": told for name, told in figures["metadata"].items()}
    others = [
        {
            "sees": name,
            "accuracy": {"value": told["accuracy"], "interval": told["interval"]},
            "gain": {"value": told.get("gain"), "interval": told.get("gain_interval")},
        }
        for name, told in seen.items()
    ]
    return {"cue_conflict": followed, "other_evidence": others}


def _shown(header: Sequence[str], rows: Sequence[Row]) -> str:
    return table(header, [_cells(*row.values()) for row in rows])


def _cells(name: str, *shown: Mapping[str, Any]) -> list[str]:
    return [name, *(text for each in shown for text in figure_text(each))]
