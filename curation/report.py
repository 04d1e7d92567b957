"""Report: judged rows and their counts in, one self-contained HTML page out; the same rows give the same bytes.

Drawings are SVG by matplotlib with fixed ids, no date, and text left as text.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from corpus.page import figure, page, paragraph, section, table

Row = dict[str, Any]

_KEPT, _REFUSED, _LEFT = "#2f6f9f", "#c9722f", "#d8dde4"
_SIZES_SHOWN = 4
_SPLITS = ("train", "validation", "test")


def report_page(generation: str, rows: Sequence[Row], counts: Mapping[str, Any]) -> str:
    """Return the report of a generation. `counts`: of `curation.funnel.count`, for the same rows."""
    lead = f"{counts['photos']:,} photos were judged, {counts['kept']:,} are kept."
    return page(
        f"Curation {generation}",
        lead,
        [_funnel_section(counts), _camera_section(counts), _quality_section(rows), _leak_section(counts)],
    )


def _funnel_section(counts: Mapping[str, Any]) -> str:
    steps = counts["funnel"]
    if not steps:
        return section("The funnel", paragraph("No rule objected to any photo."))
    header = ("reason", "what it says", "refused by it", "first to refuse", "photos left")
    body = [
        (step["reason"], step["meaning"], f"{step['refused']:,}", f"{step['first']:,}", f"{step['remaining']:,}")
        for step in steps
    ]
    return section(
        "The funnel",
        paragraph(
            "All rules are asked of every photo, so a photo may be counted by several reasons; the last two columns "
            "put the rules one behind the other."
        ),
        table(header, body),
        figure(_funnel_plot(counts), "Photos left after each reason (blue) and refused by it, alone or not (orange)."),
    )


def _camera_section(counts: Mapping[str, Any]) -> str:
    cameras = counts["cameras"]
    if not cameras:
        return section("Cameras", paragraph("No photo names a camera of the catalogue."))
    header = (
        "camera",
        "photos",
        "kept",
        "groups",
        "owners",
        *(f"{split} (groups)" for split in _SPLITS),
        "sizes",
    )
    body = [
        (
            key,
            f"{camera['photos']:,}",
            f"{camera['kept']:,}",
            camera["groups"],
            camera["owners"],
            *(f"{camera['splits'][split]['photos']:,} ({camera['splits'][split]['groups']:,})" for split in _SPLITS),
            _sizes(camera["sizes"]),
        )
        for key, camera in cameras.items()
    ]
    total = [sum(camera[column] for camera in cameras.values()) for column in ("photos", "kept")]
    body.append(("all", f"{total[0]:,}", f"{total[1]:,}", "", "", *("" for _ in _SPLITS), ""))
    return section(
        "Cameras",
        paragraph(
            "By EXIF, whatever the site says. A group stands for one device (by its serial number) or one owner, and "
            "is in one split for ever; a camera needs three groups to be in all splits."
        ),
        table(header, body),
    )


def _quality_section(rows: Sequence[Row]) -> str:
    kept = [row["quality_factor"] for row in rows if row["kept"] and row["quality_factor"] is not None]
    refused = [row["quality_factor"] for row in rows if not row["kept"] and row["quality_factor"] is not None]
    if not kept and not refused:
        return section("Quality factors", paragraph("No photo's quality factor is known."))
    text = f"Estimated IJG quality factors of {len(kept):,} photos kept (blue) and {len(refused):,} refused (orange)."
    return section("Quality factors", figure(_quality_plot(kept, refused), text))


def _leak_section(counts: Mapping[str, Any]) -> str:
    leaks = counts["leaks"]
    body = [
        ("groups in two splits", leaks["groups"], "must be 0"),
        ("equal files in two splits", leaks["bytes"], "must be 0"),
        (
            "owners whose photos by one camera model are in two splits",
            leaks["owners"],
            "0 but for owners of two devices",
        ),
    ]
    return section("Leakage between the splits", table(("what", "found", "what is right"), body))


def _sizes(sizes: Mapping[str, int]) -> str:
    ordered = sorted(sizes.items(), key=lambda size: (-size[1], size[0]))
    shown = ", ".join(f"{size} ({number:,})" for size, number in ordered[:_SIZES_SHOWN])
    more = len(ordered) - _SIZES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _funnel_plot(counts: Mapping[str, Any]) -> str:
    steps = counts["funnel"]
    names = ["all photos", *(step["reason"] for step in steps)]
    left = [counts["photos"], *(step["remaining"] for step in steps)]
    drawing = Figure(figsize=(9, 0.7 + 0.34 * len(names)), layout="constrained")
    axes = drawing.subplots()
    places = range(len(names))
    axes.barh(places, left, color=_KEPT, height=0.42)
    axes.barh(
        [place + 0.36 for place in places], [0, *(step["refused"] for step in steps)], color=_REFUSED, height=0.28
    )
    axes.set_yticks([place + 0.12 for place in places], names)
    for place, number in zip(places, left, strict=True):
        axes.annotate(f"{number:,}", (number, place), xytext=(4, 0), textcoords="offset points", va="center", size=8)
    axes.invert_yaxis()
    axes.set_xlabel("photos")
    axes.margins(x=0.08)
    return _svg(drawing)


def _quality_plot(kept: list[int], refused: list[int]) -> str:
    drawing = Figure(figsize=(9, 3), layout="constrained")
    axes = drawing.subplots()
    edges = [number + 0.5 for number in range(min([*kept, *refused]) - 2, 101)]
    axes.hist([kept, refused], bins=edges, stacked=True, color=[_KEPT, _REFUSED], label=["kept", "refused"])
    axes.set_xlabel("quality factor (IJG)")
    axes.set_ylabel("photos")
    axes.legend(frameon=False)
    return _svg(drawing)


def _svg(drawing: Figure) -> str:
    for axes in drawing.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_LEFT)
    text = io.StringIO()
    # a salt of our own: ids would else be random; without a date the same drawing is the same text
    with mpl.rc_context({"svg.hashsalt": "shutterprint", "svg.fonttype": "none", "font.family": "sans-serif"}):
        drawing.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
