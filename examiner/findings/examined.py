"""Examined: what of a file is examined, and what its kind lacks, where it is not a whole JPEG."""

from collections.abc import Iterator

from examiner.finding import Finding
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

_CAUTION = (
    "Findings about compression, tables and segments need the JPEG that the camera wrote; where they are missing from "
    "this report, nothing speaks for or against the file in this respect."
)


def what_is_examined(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what of a raw file, or of a picture that is no JPEG, is examined; nothing for a JPEG."""
    notes = photograph.notes
    if photograph.kind != "JPEG":
        notes += ("what needs the segments, tables or coefficients of a JPEG is not asked",)
    if notes:
        statement = f"This is not a JPEG as a camera writes it, but a {photograph.form}: {'; '.join(notes)}."
        yield Finding("examined", "file", statement, "fact", caution=_CAUTION)
