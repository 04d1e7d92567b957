"""Report: the counts of a generation, its consensus and sample thumbnails in, one self-contained HTML page out.

The page needs no script and nothing from elsewhere; equal input gives equal bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.page import Tile, contents, page, totals
from corpus.text import count, size
from curation.publishing.report_sections import (
    camera_section,
    funnel_section,
    hub_section,
    leak_section,
    licence_section,
    megapixel_section,
    native_section,
    quality_section,
    sample_section,
    source_section,
)

HEADINGS = (
    "Funnel",
    "Sources",
    "Cameras",
    "Quality factors",
    "Picture sizes",
    "Licences",
    "Learned consensus",
    "Samples of refused photos",
    "Largest sets of copies",
    "Leakage between the splits",
)


def report_page(
    generation: str,
    counts: Mapping[str, Any],
    natives: Sequence[Mapping[str, Any]],
    thumbnails: Mapping[str, Sequence[Tile]],
) -> str:
    """Return the report of a generation.

    `counts`: its funnel.json. `natives`: its natives.json. `thumbnails`: of `thumbnails.thumbnails`.
    """
    lead = (
        f"{count(counts['photos'], 'photo')} ({size(counts['size_bytes'])}) were judged, "
        f"{counts['kept']:,} ({size(counts['kept_bytes'])}) are kept."
    )
    kept = [camera for camera in counts["cameras"].values() if camera["kept"]]
    leaks = sum(number for name, number in counts["leaks"].items() if name != "owners")
    return page(
        f"Curation {generation}",
        lead,
        [
            totals(
                [
                    (f"{counts['photos']:,}", "photos judged"),
                    (f"{counts['kept']:,}", "photos kept"),
                    (size(counts["kept_bytes"]), "kept"),
                    (f"{len(kept):,}", "cameras"),
                    (f"{sum(camera['groups'] for camera in kept):,}", "groups, each in one split"),
                    (f"{leaks:,}", "leaks between splits"),
                ]
            ),
            contents(HEADINGS),
            funnel_section(counts),
            source_section(counts),
            camera_section(counts),
            quality_section(counts),
            megapixel_section(counts),
            licence_section(counts),
            native_section(natives, counts),
            sample_section(thumbnails),
            hub_section(counts),
            leak_section(counts),
        ],
    )
