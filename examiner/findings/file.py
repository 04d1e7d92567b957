"""File: what kind of file it is, how large, and its digest."""

from collections.abc import Iterator

from corpus.text import size
from examiner.finding import Finding
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph


def file_identity(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what the file is: facts, of which none is unusual."""
    width_px, height_px = photograph.size_px
    yield Finding(
        "identity",
        "file",
        f"A {photograph.form} of {width_px}×{height_px} px and {size(len(photograph.file))}, "
        f"SHA-256 {photograph.sha256}.",
        "fact",
    )
