"""Decoding: `python -m examiner.sandbox.decoding`, which a decoder starts, decodes the files that it is sent."""

import sys
from typing import Any

import numpy as np

from examiner.photograph.opened import Photograph
from examiner.sandbox.decoder import CLAIM_MAX
from examiner.sandbox.serving import Answer, Answering, picture, serve


def main() -> int:
    """Answer the decoder until it ends; returns the exit code."""
    return serve(_prepared)


def _prepared(settings: dict[str, Any]) -> Answering:
    _answer({"luma": True}, picture())
    return _answer


def _answer(request: dict[str, Any], data: bytes) -> Answer:
    try:
        photograph = Photograph(data)
        width_px, height_px = photograph.size_px
        facts = photograph.facts
        claim = " ".join(filter(None, (facts.make, facts.model, facts.software))) if facts else ""
        luma = photograph.luma if request["luma"] else None
    except ValueError as error:
        return {"fault": str(error)}, ()
    except MemoryError:
        return {"fault": "needs more memory than a sandbox gives"}, ()
    except Exception as error:  # noqa: BLE001 - an error of this program, which must not end a folder's decoding
        return {"fault": f"cannot be decoded, by an error of this program ({type(error).__name__}: {error})"}, ()
    described = {
        "fault": None, "width_px": width_px, "height_px": height_px, "claim": claim[:CLAIM_MAX],
        "luma": luma is not None,
    }  # fmt: skip
    return described, () if luma is None else (np.ascontiguousarray(luma).data.cast("B"),)


if __name__ == "__main__":
    sys.exit(main())
