"""A model is found by its run, and answers with all its cameras."""

from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.configuration import read_configuration
from train.archive.loading import load_model
from train.data.crops import decode, fixed_crops, to_tensor


def test_a_run_answers_with_its_cameras(trained: Path, photo: Callable[..., bytes]) -> None:
    configuration = read_configuration(trained)
    model = load_model(configuration.store, "latest", configuration.whole_catalogue)
    judgement = model.judge(to_tensor(fixed_crops(decode(photo("grainy", 99)), 32, 5)))
    assert judgement.likeliest == "grainy"
    assert sum(share for _, share in judgement.cameras) == pytest.approx(1)
    assert model.name_of("grainy") == "The grainy one"
