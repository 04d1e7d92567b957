"""Examined: what of a file is examined, and what its kind lacks, where it is not a whole JPEG."""

from collections.abc import Iterator

from examiner.finding import Finding
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

_CAUTION = (
    "Findings about compression, tables and segments need the JPEG that the camera wrote. That they are missing from "
    "this report speaks neither for nor against the file."
)


def what_is_examined(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what of a raw file, or of a picture that is no JPEG, is examined; nothing for a JPEG."""
    notes = photograph.notes
    if photograph.kind != "JPEG":
        notes += ("tests that need the segments, tables or coefficients of a JPEG are left out",)
    if notes:
        statement = f"This is not a JPEG as a camera writes it, but a {photograph.form}: {'; '.join(notes)}."
        yield Finding("examined", "file", statement, "fact", caution=_CAUTION)
