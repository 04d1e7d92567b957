"""Report: writes a generation's counts, consensus and sample thumbnails as one self-contained HTML page.

The page has no script and loads nothing; equal input gives equal bytes.
"""

from collections.abc import Mapping, Sequence

from corpus.page import Tile, contents, page, section, totals
from corpus.text import count, size
from curation.publishing import report_sections
from curation.publishing.report_sections import Counts, Native


def report_page(
    generation: str, counts: Counts, natives: Sequence[Native], thumbnails: Mapping[str, Sequence[Tile]]
) -> str:
    """Return the report of a generation.

    `counts`: its funnel.json. `natives`: its natives.json. `thumbnails`: from `thumbnails.thumbnails`.
    """
    lead = (
        f"{count(counts['photos'], 'photo')} ({size(counts['size_bytes'])}) were judged, "
        f"{counts['kept']:,} ({size(counts['kept_bytes'])}) are kept."
    )
    kept = [camera for camera in counts["cameras"].values() if camera["kept"]]
    leaks = sum(number for name, number in counts["leaks"].items() if name != "owners")
    figures = [
        (f"{counts['photos']:,}", "photos judged"),
        (f"{counts['kept']:,}", "photos kept"),
        (size(counts["kept_bytes"]), "kept"),
        (f"{len(kept):,}", "cameras"),
        (f"{sum(camera['groups'] for camera in kept):,}", "groups, each in one split"),
        (f"{leaks:,}", "leaks between splits"),
    ]
    sections = {
        "Funnel": report_sections.funnel(counts),
        "What would change": report_sections.what_would_change(counts),
        "Sources": report_sections.sources(counts),
        "Cameras": report_sections.cameras(counts),
        "Quality factors": report_sections.quality_factors(counts),
        "Picture sizes": report_sections.picture_sizes(counts),
        "Licences": report_sections.licences(counts),
        "Learned consensus": report_sections.learned_consensus(natives, counts),
        "Samples of refused photos": report_sections.samples(thumbnails),
        "Largest sets of copies": report_sections.copies(counts),
        "Leakage between the splits": report_sections.leakage(counts),
    }
    parts = [section(heading, *below) for heading, below in sections.items()]
    return page(f"Curation {generation}", lead, [totals(figures), contents(list(sections)), *parts])
