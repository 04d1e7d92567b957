"""Which ways a picture may have been turned, what turns it back, and which view counts."""

import pytest
import torch

from train.model.loaded import Judgement
from train.prediction.views import (
    AS_STORED,
    MARGIN_LOGITS,
    TOLD_LOGITS,
    View,
    chosen,
    is_claimed,
    more_views,
    said,
    views_of,
)

LEFT, RIGHT, TWICE = View(1, False), View(3, False), View(2, False)


def test_a_view_undoes_the_turn_that_it_names() -> None:
    crops = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)
    turned_right = torch.rot90(crops, -1, (2, 3))
    assert torch.equal(LEFT.of(turned_right), crops)
    assert said(LEFT) == "turned by 90° to the right"
    assert torch.equal(RIGHT.of(torch.rot90(crops, 1, (2, 3))), crops)
    assert torch.equal(View(0, True).of(crops.flip(3)), crops)
    assert torch.equal(View(2, True).of(crops.flip(2)), crops)
    assert said(View(2, True)) == "mirrored from top to bottom"
    assert AS_STORED.of(crops) is crops
    assert said(AS_STORED) is None


@pytest.mark.parametrize(
    ("size_px", "exif_size_px", "views"),
    [
        ((400, 300), (400, 300), [AS_STORED]),
        ((400, 300), (None, None), [AS_STORED]),
        ((300, 400), (None, None), [AS_STORED, LEFT, RIGHT]),
        ((400, 300), (300, 400), [AS_STORED, LEFT, RIGHT]),
        ((300, 300), (300, 300), [AS_STORED]),
    ],
)
def test_tall_pictures_and_those_that_exif_contradicts_may_be_turned_by_90(
    size_px: tuple[int, int], exif_size_px: tuple[int | None, int | None], views: list[View]
) -> None:
    assert views_of(*size_px, exif_size_px, "none") == views
    assert views_of(*size_px, exif_size_px, "d4") == [AS_STORED]


def test_wide_pictures_are_judged_in_more_views_only_where_the_answer_is_not_sure() -> None:
    assert more_views([AS_STORED], 0.95, False, "none") == []
    assert TWICE in more_views([AS_STORED], 0.5, False, "none")
    assert TWICE in more_views([AS_STORED], 0.95, True, "none")
    assert more_views([AS_STORED], 0.5, False, "d4") == []
    assert more_views([AS_STORED, LEFT, RIGHT], 0.5, False, "none") == []


def judged(camera: str, share: float, logit: float, none_of_these: bool = False) -> Judgement:
    return Judgement(((camera, share), ("else", 1 - share)), none_of_these, largest_logit=logit)


def test_of_a_tall_picture_the_likeliest_view_counts() -> None:
    several = [judged("a", 0.5, 1.0), judged("b", 0.5, 1.1), judged("c", 0.9, 0.9)]
    assert chosen([AS_STORED, LEFT, RIGHT], several) == 1
    assert chosen([AS_STORED, LEFT], [judged("a", 0.5, 1.0), judged("b", 0.9, 1.0)]) == 0


def test_that_a_picture_was_turned_is_told_only_where_it_is_clear() -> None:
    as_it_is = judged("a", 0.5, 1.0)
    assert is_claimed(LEFT, as_it_is, judged("b", 0.9, 1.0 + TOLD_LOGITS))
    assert not is_claimed(LEFT, as_it_is, judged("b", 0.9, 0.9 + TOLD_LOGITS))
    assert not is_claimed(AS_STORED, as_it_is, as_it_is)


@pytest.mark.parametrize(
    ("other", "number"),
    [
        (judged("b", 0.99, 1.1 + MARGIN_LOGITS), 1),
        (judged("b", 0.99, 0.9 + MARGIN_LOGITS), 0),
        (judged("b", 0.80, 1.1 + MARGIN_LOGITS), 0),
        (judged("b", 0.99, 1.1 + MARGIN_LOGITS, none_of_these=True), 0),
        (judged("a", 0.99, 1.1 + MARGIN_LOGITS), 0),
    ],
)
def test_a_wide_picture_is_taken_for_turned_where_that_is_clear_and_changes_the_answer(
    other: Judgement, number: int
) -> None:
    assert chosen([AS_STORED, TWICE], [judged("a", 0.5, 1.0), other]) == number
