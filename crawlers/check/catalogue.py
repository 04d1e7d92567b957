"""The check of the camera catalogue: what `crawlers.check.overlaps` finds, as lines for people."""

from collections.abc import Iterator

from corpus.cameras.catalogue import Catalogue
from crawlers.check.overlaps import check_catalogue
from crawlers.check.result import Finding


def check_cameras(catalogue: Catalogue) -> Iterator[Finding]:
    """Yield a finding for each thing found, faults first; FAIL: entries that cannot both be right."""
    found = check_catalogue(catalogue)
    faults = [finding for finding in found if finding.is_fault]
    number = f"{len(catalogue.cameras):,} cameras"
    if not faults:
        yield Finding("ok", "catalogue", f"{number}, and no make and model that two of them take")
    for finding in [*faults, *(finding for finding in found if not finding.is_fault)]:
        yield Finding("FAIL" if finding.is_fault else "note", _subject(finding.kind, finding.field), finding.text,
                      finding.cure)  # fmt: skip


def _subject(kind: str, field: str) -> str:
    return "unusual size" if kind == "size" else f"{kind} of {field}"
