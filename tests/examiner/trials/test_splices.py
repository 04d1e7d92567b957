"""Splices that are planted, with the mask of what was pasted."""

import numpy as np
import pytest
from PIL import Image

from examiner.photograph.opened import Photograph
from examiner.trials import history
from examiner.trials.splices import TRIALS, How, spliced
from examiner.trials.trial import as_jpeg


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (200, 300, 3), np.uint8))


@pytest.mark.parametrize("how", ["as it is", "resized", "recompressed"])
def test_the_mask_is_where_the_pixels_are_another_photograph_s(how: How) -> None:
    host, donor = picture(1), picture(2)
    found = spliced(host, donor, 96, how, np.random.default_rng(3))
    changed = (np.asarray(found.picture) != np.asarray(host)).any(axis=2)
    assert found.mask.sum() == 96 * 96
    assert not changed[~found.mask].any()
    assert changed[found.mask].mean() > 0.9


def test_the_same_random_numbers_give_the_same_splice() -> None:
    one, two = (spliced(picture(1), picture(2), 64, "as it is", np.random.default_rng(3)) for _ in range(2))
    assert one.picture.tobytes() == two.picture.tobytes()


def test_a_square_is_no_larger_than_the_pictures_hold() -> None:
    assert spliced(picture(1), picture(2), 512, "as it is", np.random.default_rng(3)).mask.sum() == 150**2


def test_both_findings_are_measured_on_the_same_splices() -> None:
    assert {each.finding for each in TRIALS} == {"splices", "splices_without_network"}


def test_each_planted_file_is_saved_as_its_trial_says() -> None:
    genuine, other = (as_jpeg(picture(seed), 95) for seed in (1, 2))
    for trial in (*TRIALS, *history.TRIALS):
        planted = Photograph(trial.plant(genuine, other, np.random.default_rng(3)))
        assert planted.lossless == trial.lossless
        assert trial.lossless == trial.what.endswith("saved as PNG")
