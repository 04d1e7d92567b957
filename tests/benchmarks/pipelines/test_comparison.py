"""What a refreshed generation may differ in from one made from scratch, and what nothing explains."""

from typing import Any

import pytest

from benchmarks.pipelines.comparison import COLUMNS, difference


def row(**different: Any) -> dict[str, Any]:
    values = {"photo": "flickr:1", "kept": True, "reasons": [], "split": "train", "fold": 0, "group": "a", **different}
    return {column: values.get(column) for column in COLUMNS}


def refused(*reasons: str) -> dict[str, Any]:
    return row(kept=False, reasons=list(reasons))


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        (row(), row(), ""),
        (row(split="test", fold=2), row(), "remembered: places in splits and folds"),
        (refused("gone") | {"group": "b"}, refused("gone"), "UNEXPLAINED: other verdicts"),
        (
            refused("gone") | {"group": "b", "photo": "flickr:3"},
            refused("gone") | {"photo": "flickr:3"},
            "remembered: places in splits and folds",
        ),
        (refused("duplicate"), row(), "remembered: first-come keepers and what a device's two sides refuse"),
        (refused("low_quality_factor"), row(), "UNEXPLAINED: other verdicts"),
        (refused("duplicate", "low_quality_factor"), row(), "UNEXPLAINED: other verdicts"),
        (row(camera="another"), row(), "UNEXPLAINED: other verdicts"),
        (None, row(), "UNEXPLAINED: only from scratch"),
        (row(), None, "remembered: former versions of replaced photographs"),
        (row(photo="flickr:2"), None, "UNEXPLAINED: kept, but gone from the site"),
        (refused("gone") | {"photo": "flickr:2"}, None, "remembered: photographs gone from the site"),
    ],
)
def test_a_difference_is_remembered_or_unexplained(
    ours: dict[str, Any] | None, theirs: dict[str, Any] | None, kind: str
) -> None:
    assert difference(ours, theirs, {"flickr:1"}, {"flickr:3"})[0] == kind
