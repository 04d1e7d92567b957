"""Report: writes a generation's counts, consensus and sample thumbnails as one self-contained HTML page.

The page has no script and loads nothing; equal input gives equal bytes.
"""

from collections.abc import Mapping, Sequence

from corpus.page import Tile, contents, page, section, totals
from corpus.text import count, size
from curation.publishing.report import sections
from curation.publishing.report.sections import Counts, Native


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
    shown = {
        "Funnel": sections.funnel(counts),
        "What would change": sections.what_would_change(counts),
        "Sources": sections.sources(counts),
        "Cameras": sections.cameras(counts),
        "Quality factors": sections.quality_factors(counts),
        "Picture sizes": sections.picture_sizes(counts),
        "Licences": sections.licences(counts),
        "Learned consensus": sections.learned_consensus(natives, counts),
        "Samples of refused photos": sections.samples(thumbnails),
        "Largest sets of copies": sections.copies(counts),
        "Leakage between the splits": sections.leakage(counts),
    }
    parts = [section(heading, *below) for heading, below in shown.items()]
    return page(f"Curation {generation}", lead, [totals(figures), contents(list(shown)), *parts])
