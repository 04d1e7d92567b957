"""The spread of a run: fitted to photographs that trained it, and what it adds to the maps of a splice."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from corpus.storage import Store
from examiner.detectors.splices.consistency import CELL_PX, consistency_of
from examiner.detectors.splices.spread import Spread
from examiner.detectors.splices.spread_file import spread_bytes
from examiner.detectors.splices.windows import windows_of
from examiner.knowledge import TrainedRun
from examiner.trials.genuine import Genuine
from examiner.trials.spread import LAST, fitted_spread, pictures_of
from train.estimation.ranking import auroc

SIDE_PX = 96
SQUARE = slice(192, 192 + SIDE_PX)


@pytest.fixture(scope="module")
def photographs(
    tmp_path_factory: pytest.TempPathFactory,
    camera_picture: Callable[..., np.ndarray],
    camera_file: Callable[..., bytes],
) -> tuple[Store, list[Genuine]]:
    store = Store(str(tmp_path_factory.mktemp("store")))
    cameras = ("grainy", "smooth", "striped")
    for seed in range(12):
        store.publish(f"{seed}.jpg", camera_file(camera_picture(cameras[seed % 3], 200 + seed)))
    return store, [Genuine(str(seed), "device", f"{seed}.jpg", str(seed)) for seed in range(12)]


@pytest.fixture(scope="module")
def spread(run: TrainedRun, photographs: tuple[Store, list[Genuine]]) -> Spread:
    found = fitted_spread(run.model, *photographs)
    assert found is not None
    return found


def test_the_same_photographs_give_the_same_spread(
    run: TrainedRun, spread: Spread, photographs: tuple[Store, list[Genuine]]
) -> None:
    again = fitted_spread(run.model, *photographs)
    assert again is not None
    assert spread_bytes(again) == spread_bytes(spread)


def test_with_the_spread_the_camera_s_map_is_sharper_around_a_small_square(
    run: TrainedRun, spread: Spread, camera_picture: Callable[..., np.ndarray]
) -> None:
    plain_areas, areas = [], []
    for seed in (250, 252, 254):
        stream = io.BytesIO()
        picture = camera_picture("grainy", seed, 512, 512)
        picture[SQUARE, SQUARE] = camera_picture("smooth", seed + 1, 512, 512)[:SIDE_PX, :SIDE_PX]
        Image.fromarray(picture).save(stream, "JPEG", quality=90)
        rgb = np.asarray(Image.open(stream))
        luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        plain = consistency_of(luma, windows_of(run.model, rgb))
        found = consistency_of(luma, windows_of(run.model, rgb, spread), spread)
        assert found.score == plain.score
        for camera, kept in ((plain.camera, plain_areas), (found.camera, areas)):
            assert camera is not None
            there = np.zeros(camera.shape, np.bool_)
            there[
                SQUARE.start // CELL_PX : SQUARE.stop // CELL_PX, SQUARE.start // CELL_PX : SQUARE.stop // CELL_PX
            ] = True
            kept.append(auroc(camera[there], camera[~there]))
    assert np.mean(areas) > np.mean(plain_areas) + 0.1


def test_too_few_photographs_give_no_spread(run: TrainedRun, photographs: tuple[Store, list[Genuine]]) -> None:
    store, some = photographs
    assert fitted_spread(run.model, store, some[:3]) is None


def test_every_other_picture_of_a_photograph_is_altered_before_its_last_compression() -> None:
    photograph = Image.fromarray(np.random.default_rng(3).integers(0, 256, (96, 128, 3), np.uint8))
    for place in range(2):
        found = list(pictures_of(photograph, place))
        assert [name for name, _ in found] == [str(quality) for quality in LAST]
        assert [rgb.shape == (96, 128, 3) for _, rgb in found] == [(place + turn) % 2 == 1 for turn in range(len(LAST))]
