"""Choosing: the score that measures best on validation is kept, with a threshold and a probability that hold."""

from dataclasses import replace

import numpy as np
import pytest

from train.model.scores import BY_LOGITS, Prototypes
from train.open_set.choosing import HELD_OUT, LEFT_OUT_IN_TURN, choose, scores_of
from train.open_set.enrolment import Trial, drawn_photographs, enrolment_figures
from train.open_set.figures import known_figures, unknown_figures, unseen_auroc
from train.open_set.photographs import Photographs
from train.open_set.prototypes import make_prototypes

CLASSES = ("a", "b", "c")
SIZE = 10


def photographs(
    cameras: tuple[str, ...], each: int, seed: int, *, sure: float = 3.0, devices: int = 2, apart: float = 5.0
) -> Photographs:
    """Return photographs whose embeddings lie about a direction for each camera; logits tell known ones alone."""
    rng = np.random.default_rng(seed)
    names = [camera for camera in cameras for _ in range(each)]
    place = ["abcdefgh".index(camera) for camera in names]
    embeddings = apart * np.eye(SIZE)[place][:, None] + rng.normal(0, 1, (len(names), 2, SIZE))
    logits = sure * embeddings[..., :3] / 5 + rng.normal(0, 0.3, (len(names), 2, 3))
    shares = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    of_device = tuple(f"{camera}{number % devices}" for number, camera in enumerate(names))
    return Photographs(tuple(map(str, range(len(names)))), tuple(names), of_device, shares, logits, embeddings)


def prototypes_of(photos: Photographs) -> Prototypes:
    return make_prototypes(photos.embeddings[:, 0], photos.labels(CLASSES), photos.devices, 3)


@pytest.mark.parametrize(("unknown", "basis"), [(("d", "e"), HELD_OUT), ((), LEFT_OUT_IN_TURN)])
def test_the_best_score_is_kept_and_its_threshold_refuses_a_twentieth(unknown: tuple[str, ...], basis: str) -> None:
    prototypes, known = prototypes_of(photographs(CLASSES, 40, 0)), photographs(CLASSES, 40, 1)
    others = photographs(unknown, 40, 2) if unknown else None
    choice = choose(CLASSES, prototypes, known, others)
    assert choice is not None
    assert choice.basis == basis
    assert choice.aurocs[choice.open_set.network.score] == max(choice.aurocs.values()) > 0.95
    refusal = choice.open_set.network
    later = photographs(CLASSES, 200, 3)
    assert (scores_of(refusal.score, later, prototypes) < refusal.threshold).mean() == pytest.approx(0.05, abs=0.05)
    strange = scores_of(refusal.score, photographs(("f",), 200, 4), prototypes)
    assert np.mean([refusal.probability(score) for score in strange.tolist()]) > 0.7
    assert (strange < refusal.threshold).mean() > 0.6


def test_a_score_that_takes_manipulated_photographs_for_unknown_ones_is_not_the_best() -> None:
    prototypes, known, unknown = (
        prototypes_of(photographs(CLASSES, 40, 0)),
        photographs(CLASSES, 40, 1),
        photographs(("d", "e"), 40, 2),
    )
    for photos in (known, unknown):
        photos.embeddings[:, 1] += 30.0 * np.eye(SIZE)[9]  # manipulation moves embeddings and leaves logits alone
    choice = choose(CLASSES, prototypes, known, unknown)
    assert choice is not None
    assert choice.open_set.network.score in BY_LOGITS
    only_unaltered = choose(CLASSES, prototypes, *(_unaltered(photos) for photos in (known, unknown)))
    assert only_unaltered is not None
    assert only_unaltered.aurocs["mahalanobis_class"] > choice.aurocs["mahalanobis_class"] + 0.05


def _unaltered(photos: Photographs) -> Photographs:
    return replace(
        photos,
        log_shares=photos.log_shares[:, :1],
        logits=photos.logits[:, :1],
        embeddings=photos.embeddings[:, :1],
    )


def test_confusions_and_nearest_cameras_are_counted() -> None:
    prototypes, known = prototypes_of(photographs(CLASSES, 20, 0)), photographs(CLASSES, 20, 1, sure=50.0)
    choice = choose(CLASSES, prototypes, known, photographs(("d",), 10, 2))
    assert choice is not None
    assert choice.open_set.confusion == {name: {name: 20} for name in CLASSES}
    assert set(choice.open_set.nearest) == {"a", "b", "c", "d"}
    assert sum(choice.open_set.nearest["d"].values()) == 10
    assert "a" not in choice.open_set.nearest["a"]


def test_nothing_is_chosen_where_validation_tells_nothing() -> None:
    prototypes = prototypes_of(photographs(CLASSES, 20, 0))
    assert choose(CLASSES, prototypes, photographs(("a",), 20, 1), None) is None


def test_figures_of_unknown_cameras_have_intervals_by_device() -> None:
    prototypes, known = (
        prototypes_of(photographs(CLASSES, 30, 0, apart=2)),
        photographs(CLASSES, 30, 1, devices=3, apart=2),
    )
    choice = choose(CLASSES, prototypes, known, photographs(("d",), 30, 2, apart=2))
    assert choice is not None
    refusal = choice.open_set.network
    told = unknown_figures(CLASSES, refusal, prototypes, known, photographs(("e", "f"), 30, 3, apart=2), "cosine_class")
    low, high = told["unaltered"]["auroc"]["interval"]
    assert low <= told["unaltered"]["auroc"]["value"] <= high
    assert told["unaltered"]["oscr"]["value"] <= told["unaltered"]["auroc"]["value"]
    assert [row["camera"] for row in told["cameras"]] == ["e", "f"]
    assert (told["photos"], told["devices"]) == (60, 4)
    assert 0 <= told["calibration_error"] < 0.5
    low, high = told["calibration_error_interval"]
    assert low <= told["calibration_error"] <= high
    for score, value in told["scores"].items():
        low, high = told["score_intervals"][score] or (value, value)
        assert low <= value <= high
    assert told["score_intervals"][refusal.score] == told["unaltered"]["auroc"]["interval"]
    assert known_figures(refusal, prototypes, known)["unaltered"]["refused"] <= 0.15


def test_a_camera_that_nobody_has_seen_is_told_by_a_score_chosen_without_it() -> None:
    prototypes, known = prototypes_of(photographs(CLASSES, 30, 0)), photographs(CLASSES, 30, 1, devices=3)
    unknown = photographs(("e", "f"), 30, 3)
    found = unseen_auroc({"e": "cosine_class", "f": "max_logit"}, prototypes, known, unknown)
    scores = {
        score: unknown_figures(
            CLASSES,
            choose(CLASSES, prototypes, known, unknown).open_set.network,
            prototypes,
            known,
            unknown.of(np.array([c == camera for c in unknown.cameras])),
            "cosine_class",
        )["scores"][score]
        for camera, score in (("e", "cosine_class"), ("f", "max_logit"))
    }
    assert found["value"] == pytest.approx(np.mean(list(scores.values())))
    low, high = found["interval"]
    assert low <= found["value"] <= high


def test_enrolment_is_better_from_more_photographs_and_known_cameras_keep_their_names() -> None:
    prototypes, known = prototypes_of(photographs(CLASSES, 40, 0, apart=3)), photographs(CLASSES, 40, 1, apart=3)
    choice = choose(CLASSES, prototypes, known, photographs(("d", "e"), 30, 2, apart=3))
    assert choice is not None
    offered, asked = photographs(("d", "e"), 20, 3, apart=3), photographs(("d", "e"), 30, 4, devices=3, apart=3)
    rows = enrolment_figures(Trial(CLASSES, choice.open_set, prototypes, 1.0, offered, asked, known))
    recall = {(row["photos"], row["devices"]): row["recall"] for row in rows}
    assert set(recall) == {(1, 1), (2, 1), (5, 1), (10, 1), (2, 2), (5, 2), (10, 2), (20, 2)}
    assert recall[10, 1] > recall[1, 1]
    assert recall[20, 2] > 0.7
    assert all(row["known_kept"] > 0.8 for row in rows if row["photos"] >= 10)
    for row in rows:
        assert row["recall"] + row["refused"] <= 1 + 1e-9
        for key in ("known_kept", "known_taken", "refused", "others_taken"):
            low, high = row[f"{key}_interval"] or (row[key], row[key])
            assert low <= row[key] <= high
    assert rows[0]["interval"] is not None


def test_photographs_to_enrol_from_are_of_all_devices_alike() -> None:
    of_device = {"x": list(range(10)), "y": list(range(10, 14)), "z": list(range(20, 30))}
    drawn = drawn_photographs(of_device, 6, 3, 0)
    assert [sum(place in own for place in drawn) for own in of_device.values()] == [2, 2, 2]
    assert drawn == drawn_photographs(of_device, 6, 3, 0) != drawn_photographs(of_device, 6, 3, 1)
