"""Metrics of a generation: from its counts, and of its shards only where the receipt is of the same generation."""

from typing import Any

from curation.publishing.metrics import generation_samples

COUNTS: dict[str, Any] = {
    "photos": 10,
    "kept": 6,
    "sources": {"flickr": {"wanted": 2}, "folder": {"wanted": 0}},
    "cameras": {"iphone-6": {"kept": 6}, "nexus-6": {"kept": 0}},
    "funnel": [{"reason": "editor", "refused": 4}],
}


def told(receipt: dict[str, Any]) -> dict[str, float]:
    samples = generation_samples("0012-3fa9", COUNTS, receipt)
    return {" ".join([each.family.name, *each.labels]): each.value for each in samples}


def test_a_generation_is_told_by_its_counts() -> None:
    assert told({}) == {
        "shutterprint_curation_generation": 12,
        "shutterprint_curation_photos kept": 6,
        "shutterprint_curation_photos refused": 4,
        "shutterprint_curation_wanted_photos": 2,
        "shutterprint_curation_cameras": 1,
        "shutterprint_curation_refused_photos editor": 4,
    }


def test_the_shards_are_those_of_the_generation_and_not_of_one_before() -> None:
    packed = {"shards": 3, "tiles": 40, "not_packed": 1}
    found = told(packed | {"generation": "0012-3fa9"})
    assert [found[f"shutterprint_shards_{name}"] for name in ("tars", "tiles", "not_packed_photos")] == [3, 40, 1]
    assert "shutterprint_shards_tars" not in told(packed | {"generation": "0011-ab12"})
