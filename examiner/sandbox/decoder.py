"""Decoder: files → luma and what their headers claim, each decoded in a separate process (`examiner.sandbox.confined`).

For work that needs pixels of many photographs side by side, such as fingerprints of devices: only arrays of bytes whose
size was checked, and a short text, come into this process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examiner.sandbox.confined import MEMORY_BYTES, TIMEOUT_S, Confined, Ended, NextFrame
from examiner.sandbox.messages import as_json
from forensics.jpeg.frame import DECODED_MAX_PX

CLAIM_MAX = 1000
"""Most characters of make, model and software together."""
_FAULT_MAX = 1000


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a file's photograph is."""

    size_px: tuple[int, int]
    """Width and height of the stored frame."""
    claim: str
    """Make, model and software that its EXIF names, joined by spaces; empty where there are none."""
    luma: NDArray[np.uint8] | None
    """(height, width), as `Photograph.luma` gives it, which must not be written to; None where it was not asked for."""


class Decoder(Confined):
    """A process that decodes files, during a `with` block."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S, memory_bytes: int = MEMORY_BYTES) -> None:
        """Say the most that one file may take."""
        super().__init__("examiner.sandbox.decoding", {}, timeout_s, memory_bytes)

    def decode(self, data: bytes, *, luma: bool = True) -> Decoded:
        """Return a file's photograph, with its luma where that is asked for.

        Raises ValueError, with the reason as a sentence, for a file that is no photograph, is damaged, takes too long
        or too much memory, or ends its process twice; StageError where no process can be started.
        """
        answer = self._asked([as_json({"luma": luma}), data], _decoded)
        if isinstance(answer, Ended):
            raise ValueError(answer.reason)
        if isinstance(answer, str):
            raise ValueError(answer)
        return answer


def _decoded(answer: Mapping[str, Any], next_frame: NextFrame) -> Decoded | str:
    """Return the photograph of an answer, or why there is none."""
    fault = answer["fault"]
    if fault is not None:
        return str(fault)[:_FAULT_MAX]
    width_px, height_px, claim = answer["width_px"], answer["height_px"], answer["claim"]
    if not (isinstance(width_px, int) and isinstance(height_px, int) and isinstance(claim, str)):
        raise TypeError("a size or a claim of another kind")
    if min(width_px, height_px) < 1 or width_px * height_px > DECODED_MAX_PX or len(claim) > CLAIM_MAX:
        raise ValueError(f"{width_px}×{height_px} px, {len(claim)} characters")
    luma = None
    if answer["luma"]:
        luma = np.frombuffer(next_frame(width_px * height_px), np.uint8).reshape(height_px, width_px)
    return Decoded((width_px, height_px), claim, luma)
