"""Held out: the demo's test photographs by cameras that its network was trained on."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from corpus.configuration import Configuration
from corpus.storage.parts import photos_table


def held_out_photos(configuration: Configuration, generation: str) -> list[dict[str, Any]]:
    """Return the `camera` and the `original` of these photographs, in the order of their digests."""
    columns = ["split", "camera", "original", "sha256"]
    photos = photos_table(configuration.store, f"curated/{generation}", columns)
    unknown = pa.array(configuration.train.held_out_cameras, pa.string())
    is_wanted = pc.and_(pc.equal(photos["split"], "test"), pc.invert(pc.is_in(photos["camera"], unknown)))
    rows: list[dict[str, Any]] = photos.filter(is_wanted).sort_by("sha256").select(["camera", "original"]).to_pylist()
    return rows
