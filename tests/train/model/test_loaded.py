"""Model: none of these, a sibling, what an answer is confused with."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.sections import Training
from train.model.loaded import Model
from train.model.network import build_network
from train.model.refusal import OpenSet, Refusal
from train.open_set.prototypes import make_prototypes

CROPS = torch.full((2, 3, 32, 32), 90, dtype=torch.uint8)


@pytest.fixture(scope="module")
def model(settings: Callable[..., Training]) -> Model:
    """Return a model of two cameras by two makers; a third one by the second maker was taken as unknown."""
    torch.manual_seed(0)
    network = build_network(settings(), 2).eval()
    with torch.inference_mode():
        seen = network.embed(CROPS).mean(dim=0).double().numpy()
    embeddings = np.stack([seen + 1, seen + 1.1, seen, seen + 0.01])
    prototypes = make_prototypes(embeddings, np.array([0, 0, 1, 1]), ["x", "y"] * 2, 2)
    refusal = Refusal("mahalanobis_class", -1e9, -1.0, 0.0)
    open_set = OpenSet(
        refusal, refusal, 1.0, {"a": {"a": 8, "b": 2, "c": 1}, "b": {"b": 6, "a": 3}},
        {"c": {"b": 9, "a": 1}, "b": {"a": 5}},
    )  # fmt: skip
    makers = {"a": "One", "b": "Two", "c": "Two"}
    cameras = tuple(Camera(key=k, name=k, make=(m,), model=(k,), sizes=("96x96",)) for k, m in makers.items())
    return Model(
        "run", "0001-abc", network, torch.device("cpu"), ("a", "b"), settings(), Catalogue(cameras=cameras), 1.0,
        open_set, prototypes,
    )  # fmt: skip


def _refusing(model: Model) -> Model:
    assert model.open_set is not None
    never = replace(model.open_set.network, threshold=1e9)
    return replace(model, open_set=replace(model.open_set, network=never, prototypes=never))


def test_an_answer_says_what_it_is_confused_with(model: Model) -> None:
    judgement = model.judge(CROPS)
    assert not judgement.none_of_these
    assert judgement.sibling is None
    expected = {"a": (("b", 2 / 11),), "b": (("a", 3 / 9),)}
    assert dict(judgement.confused_with) == pytest.approx(dict(expected[judgement.likeliest]))


def test_what_is_none_of_these_may_be_a_sibling_of_a_camera_that_its_maker_made(model: Model) -> None:
    judgement = _refusing(model).judge(CROPS)
    assert judgement.none_of_these
    assert judgement.confused_with == ()
    assert judgement.sibling is not None  # nine of ten photographs nearest to b, in validation, were by its maker
    assert (judgement.sibling.camera, judgement.sibling.probability) == ("b", pytest.approx(10 / 11))


def test_there_is_no_sibling_where_makers_are_unknown_or_do_not_look_alike(model: Model) -> None:
    assert _refusing(replace(model, catalogue=Catalogue(cameras=()))).judge(CROPS).sibling is None
    assert model.open_set is not None
    others = replace(model, open_set=replace(model.open_set, nearest={"a": {"b": 9}}))
    assert _refusing(others).judge(CROPS).sibling is None
