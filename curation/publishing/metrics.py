"""Metrics of the newest generation, from its counts and the receipt of curation. Pure."""

from collections.abc import Mapping
from typing import Any

from corpus.metrics.family import Family, Sample
from corpus.text import leading_number

GENERATION = Family("shutterprint_curation_generation", "gauge", "Number of the newest generation.")
PHOTOS = Family("shutterprint_curation_photos", "gauge", "Photos of the newest generation.", ("verdict",))
REFUSED = Family(
    "shutterprint_curation_refused_photos", "gauge", "Its photos refused for a reason; a photo may have several.",
    ("reason",),
)  # fmt: skip
WANTED = Family("shutterprint_curation_wanted_photos", "gauge", "Refused photos that another crawl would fetch.")
CAMERAS = Family("shutterprint_curation_cameras", "gauge", "Cameras of which photos are kept.")
SHARDS = Family("shutterprint_shards_tars", "gauge", "Tars of the newest generation.")
TILES = Family("shutterprint_shards_tiles", "gauge", "Tiles of the newest generation.")
NOT_PACKED = Family("shutterprint_shards_not_packed_photos", "gauge", "Kept photos that could not be cut.")
FAMILIES = (GENERATION, PHOTOS, REFUSED, WANTED, CAMERAS, SHARDS, TILES, NOT_PACKED)

_OF_SHARDS = {"shards": SHARDS, "tiles": TILES, "not_packed": NOT_PACKED}


def generation_samples(name: str, counts: Mapping[str, Any], receipt: Mapping[str, Any]) -> list[Sample]:
    """Return a generation's metrics; `counts`: its funnel.json; `receipt`: of its shards, where it is of this one."""
    kept = counts["kept"]
    told = [
        Sample(GENERATION, leading_number(name)),
        Sample(PHOTOS, kept, ("kept",)),
        Sample(PHOTOS, counts["photos"] - kept, ("refused",)),
        Sample(WANTED, sum(source["wanted"] for source in counts["sources"].values())),
        Sample(CAMERAS, sum(camera["kept"] > 0 for camera in counts["cameras"].values())),
        *(Sample(REFUSED, step["refused"], (step["reason"],)) for step in counts["funnel"]),
    ]
    if receipt.get("generation") == name:
        told += [Sample(family, receipt[key]) for key, family in _OF_SHARDS.items() if key in receipt]
    return told
