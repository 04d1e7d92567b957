"""Grid: traces of an earlier JPEG compression whose grid of blocks lies elsewhere, as a crop or a montage leaves it."""

from collections.abc import Iterator

from examiner.finding import Finding
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from forensics.pixels.grid import grid_evidence

_METHOD = (
    "Blocks of 8×8 px that were once compressed have more DCT zeros than blocks beside them; a sign test over all "
    "pairs of neighbouring blocks asks whether any origin other than the file's own has more."
)
_SOURCE = (
    "Nikoukhah et al., ZERO, Image Processing On Line 11 (2021), with the test of symmetry of forensics.pixels.grid"
)
_CAUTION = (
    "Fine regular patterns can look the same. A crop by a multiple of 8 px on both axes is not seen, and neither is a "
    "grid that a later, harder compression has hidden."
)


def shifted_grid(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether another grid of blocks than the file's own is in the middle of the picture."""
    if photograph.kind != "JPEG":
        return
    grid = grid_evidence(photograph.luma)
    if grid is None:
        yield Finding(
            "shifted_grid", "history", "The picture is too small or too plain to look for an earlier grid of blocks.",
            "none", method=_METHOD, source=_SOURCE, caution=_CAUTION,
        )  # fmt: skip
        return
    score = max(0.0, -grid.other_log10_nfa)
    statement = (
        f"A second grid of 8×8 blocks begins at ({grid.other_x}, {grid.other_y}): the picture was a JPEG before it was "
        "cropped or moved and saved again."
        if grid.other_log10_nfa < -2
        else "No second grid of 8×8 blocks: nothing says that the picture was cropped and saved again."
    )
    yield Finding(
        "shifted_grid", "history", statement, "expected", score, method=_METHOD, source=_SOURCE, caution=_CAUTION
    )
