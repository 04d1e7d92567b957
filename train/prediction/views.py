"""Views: how a stored picture may be turned against the sensor's, and which of the ways counts.

Sensors write one orientation, and EXIF turns the view of it, so a camera's traces lie one way only; a network that was
trained without flips knows that way. A picture that was turned itself is therefore judged as it would be turned back.
The view with the largest mean logit counts, which was right more often than the largest probability: of 29 photographs
of 8 cameras not trained on, turned by 90°, 26 of 29 were found, and accuracy rose from .41 to .76 (.76 unturned); the
largest probability found 23.

Tall pictures are always judged in three views; that one was turned is told only where its view is better by a margin.
Of wide ones the other three views are judged only where the answer is not sure, and one of them counts only where it
names another camera, is sure and better by a margin: none of the 29 was then taken for turned. Turned by 180°, accuracy
rose from .38 to .52, mirrored from left to right from .28 to .52. Where the camera stays the same nothing is claimed,
since each view is one more chance of a false claim. An upside-down picture and its mirror image look much alike, so
which of the two it was is less sure.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from train.model.loaded import Judgement

SURE_SHARE = 0.9
"""Probability from which on a wide picture's answer counts as it is, and one in another view may count."""
MARGIN_LOGITS = 1.0
"""What another view of a wide picture must have more than the picture as it is, so that it counts."""
TOLD_LOGITS = 0.5
"""The same of a tall picture, so that it is said to be turned: its sizes speak for a turn already."""


class View(NamedTuple):
    """What turns a picture into the sensor's: quarter turns to the left, then whether it is mirrored left to right."""

    turns: int
    mirrored: bool

    def of(self, crops: Tensor) -> Tensor:
        """Return crops N×3×H×W in this view."""
        turned = torch.rot90(crops, self.turns, (2, 3)) if self.turns else crops
        return turned.flip(3) if self.mirrored else turned


AS_STORED = View(0, False)
_TALL = (AS_STORED, View(1, False), View(3, False))
_WIDE = (View(2, False), View(0, True), View(2, True))
_SAID = {
    View(1, False): "turned by 90° to the right",
    View(3, False): "turned by 90° to the left",
    View(2, False): "turned by 180°",
    View(0, True): "mirrored from left to right",
    View(2, True): "mirrored from top to bottom",
}


def views_of(width_px: int, height_px: int, exif_size_px: tuple[int | None, int | None], flips: str) -> list[View]:
    """Return the views to judge a picture in, as it is stored first.

    It may have been turned by 90° where it is taller than wide, or EXIF states the sizes the other way round. `flips`:
    `train.flips`; a network that was trained on flips or turns sees no difference, and needs one view.
    """
    if flips != "none":
        return [AS_STORED]
    is_turned = width_px != height_px and exif_size_px == (height_px, width_px)
    return list(_TALL) if height_px > width_px or is_turned else [AS_STORED]


def more_views(views: Sequence[View], probability: float, none_of_these: bool, flips: str) -> list[View]:
    """Return the views to judge as well where the first ones have given an answer of this probability."""
    if len(views) > 1 or flips != "none" or (probability >= SURE_SHARE and not none_of_these):
        return []
    return list(_WIDE)


def chosen(views: Sequence[View], judgements: Sequence[Judgement]) -> int:
    """Return the number of the view that counts: that of the largest logit.

    Of another view of a wide picture more is asked: it must be sure of another camera, and better by the margin.
    """
    as_it_is = judgements[0]
    best, most = 0, as_it_is.largest_logit
    for place, (view, judgement) in enumerate(zip(views, judgements, strict=True)):
        logit = judgement.largest_logit
        if view in _WIDE:
            sure = judgement.cameras[0][1] >= SURE_SHARE and not judgement.none_of_these
            other = judgement.likeliest != as_it_is.likeliest
            logit = logit - MARGIN_LOGITS if sure and other else -math.inf
        if logit > most:
            best, most = place, logit
    return best


def is_claimed(view: View, as_it_is: Judgement, judgement: Judgement) -> bool:
    """Return whether a person is told that the picture was turned: where the view that counts is better by the margin.

    Of a tall picture some view is always the best, also where the network knows nothing of it.
    """
    return view != AS_STORED and judgement.largest_logit >= as_it_is.largest_logit + TOLD_LOGITS


def said(view: View) -> str | None:
    """Return how the picture was turned, for a person; None where it was not."""
    return _SAID.get(view)
