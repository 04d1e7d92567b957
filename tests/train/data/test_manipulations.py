import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from train.data.crops import decode
from train.data.manipulations import (
    MANIPULATIONS,
    Manipulation,
    Picture,
    compress,
    correct_gamma,
    random_manipulation,
    resize,
)

ORIGINALS = Path(__file__).parents[4] / "shared" / "photos" / "originals"


@pytest.fixture
def picture() -> Picture:
    rng = np.random.default_rng(1)
    scene = cv2.resize(rng.integers(0, 256, (12, 16, 3)).astype(np.float32), (200, 120), interpolation=cv2.INTER_LINEAR)
    return np.clip(scene + rng.normal(0, 6, scene.shape), 0, 255).astype(np.uint8)


def test_there_are_the_eight_of_the_challenge() -> None:
    assert list(MANIPULATIONS) == [
        "jpeg_70",
        "jpeg_90",
        "scale_0.5",
        "scale_0.8",
        "scale_1.5",
        "scale_2",
        "gamma_0.8",
        "gamma_1.2",
    ]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("scale_0.5", (60, 100)),
        ("scale_0.8", (96, 160)),
        ("scale_1.5", (180, 300)),
        ("scale_2", (240, 400)),
        ("jpeg_70", (120, 200)),
        ("gamma_0.8", (120, 200)),
    ],
)
def test_only_resizing_changes_the_size(picture: Picture, name: str, size: tuple[int, int]) -> None:
    assert MANIPULATIONS[name].apply(picture).shape == (*size, 3)


@pytest.mark.parametrize("name", list(MANIPULATIONS))
def test_a_manipulation_gives_the_same_new_pixels_again_and_leaves_its_input(picture: Picture, name: str) -> None:
    before = picture.copy()
    once, twice = MANIPULATIONS[name].apply(picture), MANIPULATIONS[name].apply(picture)
    assert once.dtype == np.uint8
    assert (once == twice).all()
    assert (picture == before).all()
    assert once.shape != picture.shape or (once != picture).any()


def test_gamma_is_a_power_of_values_between_zero_and_one() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    brighter = correct_gamma(ramp, 0.8)
    assert [int(brighter[0, 0, 0]), int(brighter[8, 0, 0]), int(brighter[15, 15, 0])] == [0, 147, 255]
    darker = correct_gamma(ramp, 1.2)
    assert int(darker[8, 0, 0]) == 112


def test_resizing_is_plain_bicubic_without_a_low_pass() -> None:
    """A Nyquist grid halved keeps its contrast (aliases) under plain bicubic; a low-pass would turn it grey."""
    columns = np.zeros((64, 64, 3), np.uint8)
    columns[:, ::4] = 255
    halved = resize(columns, 0.5)
    assert int(halved[:, 8:-8].max()) - int(halved[:, 8:-8].min()) > 140


def test_compression_is_pillows_to_the_bit_at_every_quality_factor(picture: Picture) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (33, 41, 3), dtype=np.uint8)
    for quality_factor in range(1, 101):
        for each in (picture[:49, 20:67], noise):
            file = io.BytesIO()
            Image.fromarray(each).save(file, "JPEG", quality=quality_factor, subsampling="4:2:0")
            assert (compress(each, quality_factor) == np.asarray(Image.open(file))).all()


@pytest.mark.skipif(not ORIGINALS.exists(), reason="needs the shared collection of real photographs")
@pytest.mark.photos
def test_compression_of_crops_of_real_photographs_is_pillows_too() -> None:
    whole = decode(min(min(ORIGINALS.iterdir()).glob("*.*")).read_bytes())
    for quality_factor in range(1, 101):
        y_px, x_px = (edge_px // 100 * quality_factor // 2 for edge_px in whole.shape[:2])
        crop, file = whole[y_px:][:144, x_px : x_px + 144], io.BytesIO()
        Image.fromarray(crop).save(file, "JPEG", quality=quality_factor)  # 4:2:0 is Pillow's default
        assert (compress(crop, quality_factor) == np.asarray(Image.open(file))).all()


@pytest.mark.parametrize("name", list(MANIPULATIONS))
def test_a_window_manipulated_alone_looks_inside_as_in_the_whole(picture: Picture, name: str) -> None:
    manipulation = MANIPULATIONS[name]
    big = np.tile(picture, (2, 2, 1))[:240, :240]
    crop_px = 40
    edge_px = manipulation.window_px(crop_px)
    edge_px += -edge_px % 10  # scales by 0.8 and 1.5 then begin at a whole pixel
    top = 80  # on the grid of JPEG, of 0.8 and of 1.5
    window = manipulation.apply(big[top : top + edge_px, top : top + edge_px])
    whole = manipulation.apply(big)
    scale = manipulation.strength if manipulation.kind == "scale" else 1.0
    start = round(top * scale)
    margin = (window.shape[0] - crop_px) // 2
    inside = np.s_[margin : margin + crop_px, margin : margin + crop_px]
    same = whole[start : start + window.shape[0], start : start + window.shape[0]][inside].astype(int)
    assert window[inside].shape == (crop_px, crop_px, 3)
    assert np.abs(window[inside].astype(int) - same).max() <= 1  # fixed-point coefficients of OpenCV


@pytest.mark.parametrize("name", list(MANIPULATIONS))
def test_a_square_of_a_manipulated_window_is_that_of_the_whole_manipulated_window(picture: Picture, name: str) -> None:
    manipulation = MANIPULATIONS[name]
    for edge_px in (60, 96, 101):
        window = picture[:edge_px, 30 : 30 + edge_px]
        whole = manipulation.apply(window)
        assert whole.shape[0] == manipulation.size_px(edge_px)
        crop_px = whole.shape[0] * 2 // 3
        for top in range(whole.shape[0] - crop_px + 1):
            for left in (0, 1, 7, 16, 17, whole.shape[0] - crop_px):
                crop = manipulation.crop(window, top, left, crop_px)
                assert (crop == whole[top : top + crop_px, left : left + crop_px]).all()


@pytest.fixture
def drawn() -> list[Manipulation]:
    return [random_manipulation(np.random.default_rng(seed)) for seed in range(2000)]


def test_training_draws_from_the_ranges_and_half_of_the_time_one_of_the_eight(drawn: list[Manipulation]) -> None:
    ranges = {"jpeg": (70, 90), "scale": (0.5, 2.0), "gamma": (0.8, 1.2)}
    assert all(ranges[each.kind][0] <= each.strength <= ranges[each.kind][1] for each in drawn)
    assert 0.47 < np.mean([each in MANIPULATIONS.values() for each in drawn]) < 0.6
    assert len({each.strength for each in drawn if each.kind == "scale"}) > 300


def test_training_keeps_the_shares_of_the_kinds(drawn: list[Manipulation]) -> None:
    share: Callable[[str], float] = lambda kind: float(np.mean([each.kind == kind for each in drawn]))  # noqa: E731
    assert share("scale") == pytest.approx(0.5, abs=0.04)
    assert share("jpeg") == pytest.approx(0.25, abs=0.04)


def test_varied_interpolation_is_of_resizing_alone_and_changes_nothing_else(drawn: list[Manipulation]) -> None:
    varied = [random_manipulation(np.random.default_rng(seed), "varied") for seed in range(2000)]
    assert {each.interpolation for each in drawn} == {"cubic"}
    assert [(each.kind, each.strength) for each in varied] == [(each.kind, each.strength) for each in drawn]
    assert {each.interpolation for each in varied if each.kind != "scale"} == {"cubic"}
    names = ("area", "cubic", "lanczos", "linear")
    scaled = [each.interpolation for each in varied if each.kind == "scale"]
    assert sorted(set(scaled)) == list(names)
    assert [scaled.count(name) / len(scaled) for name in names] == pytest.approx([0.25] * 4, abs=0.05)


def test_each_interpolation_is_that_of_opencv_also_in_a_window(picture: Picture) -> None:
    flags = {
        "cubic": cv2.INTER_CUBIC, "linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "lanczos": cv2.INTER_LANCZOS4,
    }  # fmt: skip
    for name, flag in flags.items():
        manipulation = Manipulation("scale", 0.5, name)  # type: ignore[arg-type]
        whole = cv2.resize(picture, (100, 60), interpolation=flag)
        assert (manipulation.apply(picture) == whole).all()
        assert (manipulation.crop(picture, 8, 3, 40) == whole[8:48, 3:43]).all()
