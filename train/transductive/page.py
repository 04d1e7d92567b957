"""Transductive page: the transductive figures as a section of a page, as rows for CSV files and as text for a terminal.

Each names them transductive and says why they are no figures of a single photograph.
"""

from collections.abc import Mapping
from typing import Any

from corpus.page import details, paragraph, section, subheading, table
from train.evaluation.table import aligned, figure_text, share_text

HEADING = "With the test set as a whole (transductive)"

_TRICKS = {"class balance": "class_balance", "pseudo-labels": "pseudo_labels"}
_SHARE_COLUMNS = ("camera", "photos", "true share", "share assumed (transductive)")


def transductive_section(figures: Mapping[str, Any]) -> str:
    """Return the section of `transductive_figures`."""
    return section(
        HEADING,
        paragraph(figures["note"]),
        *(
            part
            for trick in _TRICKS
            for part in (subheading(f"{trick.capitalize()} (transductive)"), _shown(_rows(figures, trick)))
        ),
        *(paragraph(note) for note in figures["notes"]),
        details("Shares of the cameras (transductive)", table(_SHARE_COLUMNS, _share_cells(figures))),
    )


def transductive_rows(figures: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the CSV files by name; the last column of each says what they are."""
    return {
        name: [{**row, "note": figures["note"]} for row in figures[key]]
        for name, key in (("transductive", "rows"), ("transductive-shares", "shares"))
    }


def transductive_text(figures: Mapping[str, Any]) -> str:
    """Return the tables as aligned text."""
    parts = [figures["note"]]
    for trick in _TRICKS:
        parts += ["", *aligned(_rows(figures, trick))]
    return "\n".join([*parts, "", *figures["notes"]])


def _rows(figures: Mapping[str, Any], trick: str) -> list[tuple[str, ...]]:
    """Return one trick's table, a row of headings first."""
    key, is_labelled = _TRICKS[trick], trick == "pseudo-labels"
    header = (
        "accuracy", "ordinary", "95 % interval", f"{trick} (transductive)", "95 % interval", "gain",
        "95 % interval", *(("labelled", "of these right") if is_labelled else ()),
    )  # fmt: skip
    return [
        header,
        *(
            (row["figure"], *figure_text(row["ordinary"]), *figure_text(row[f"{key}_transductive"]),
             *figure_text(row[f"{key}_gain_transductive"]),
             *((share_text(row["labelled"]), share_text(row["labelled_right"])) if is_labelled else ()))
            for row in figures["rows"]
        ),
    ]  # fmt: skip


def _share_cells(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (row["camera"], f"{row['photos']:,}", share_text(row["true_share"]), share_text(row["assumed_share"]))
        for row in figures["shares"]
    ]


def _shown(rows: list[tuple[str, ...]]) -> str:
    return table(rows[0], rows[1:])
