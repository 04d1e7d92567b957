"""Judging: what a trained network says of one photograph, and the odds against the camera that its EXIF names.

The answer is that of `train.predict`: the same crops, views, temperature and refusal, so its probabilities are those
that were calibrated when the network was trained.
"""

import math
from typing import TYPE_CHECKING

from corpus.cameras.catalogue import Catalogue

if TYPE_CHECKING:  # they need torch, and an examination without a network does not
    from train.model.loaded import Model
    from train.prediction.answers import Answer

LEAST_SHARE = 1e-9
"""Probabilities below this count as this: the calibration cannot tell smaller ones apart."""


def answer_of(data: bytes, model: "Model", catalogue: Catalogue) -> "Answer":
    """Return the answer of a network for the bytes of one file; `catalogue` names the camera that EXIF claims.

    Raises ValueError, with the reason, where the file cannot be judged.
    """
    from train.prediction.answers import judged
    from train.prediction.photographs import photograph_of

    photograph = photograph_of(data, "", model.settings.crop_px, model.settings.test_crops)
    answer = next(judged(model, catalogue, [photograph]))
    if answer.error is not None:
        raise ValueError(answer.error)
    return answer


def share_of(answer: "Answer", camera: str) -> float:
    """Return the probability of a camera, by its catalogue key, where it may also be none that the network knows."""
    among = dict(answer.cameras).get(camera, 0.0)
    return among * (1.0 - (answer.none_probability or 0.0))


def log10_odds_against(answer: "Answer", camera: str) -> float:
    """Return log10 of the odds that another camera took the photograph, known or not; at most 9 either way."""
    share = min(max(share_of(answer, camera), LEAST_SHARE), 1.0 - LEAST_SHARE)
    return math.log10(1.0 - share) - math.log10(share)
