"""The thumbnail against the picture: the same, cropped, brighter, something pasted, another photograph's."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from examiner.detectors.thumbnail.alignment import align
from examiner.finding import Finding, Map, Picture
from examiner.findings.thumbnail import thumbnail_differences
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.trials.claims import brightened, cropped, others_exif, pasted, with_exif, with_thumbnail
from examiner.trials.trial import as_jpeg


def scene(seed: int, size: tuple[int, int] = (600, 400)) -> Image.Image:
    """Return a picture with structure at all scales, as photographs have it."""
    random = np.random.default_rng(seed)
    grey = np.zeros((size[1], size[0]))
    for octave in range(2, 9):
        shape = (2**octave * size[1] // size[0] + 2, 2**octave)
        layer = Image.fromarray(random.integers(0, 256, shape, np.uint8)).resize(size, Image.Resampling.BICUBIC)
        grey += (np.asarray(layer, float) - 128) / 2 ** (octave * 0.7)
    grey = (grey - grey.mean()) / grey.std() * 45 + 118
    return Image.fromarray(np.clip(grey[..., None] + [8, 0, -8], 0, 255).astype(np.uint8))


def photograph(seed: int, size: tuple[int, int] = (600, 400)) -> bytes:
    plain = as_jpeg(scene(seed, size), 94)
    return with_exif(plain, with_thumbnail(plain))


@pytest.fixture(scope="module")
def genuine() -> bytes:
    return photograph(1)


@pytest.fixture(scope="module")
def other() -> bytes:
    return photograph(2)


def found(data: bytes) -> dict[str, Finding]:
    return {each.name: each for each in thumbnail_differences(Photograph(data), Knowledge())}


def score(data: bytes, name: str) -> float:
    value = found(data)[name].score
    assert value is not None
    return value


RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("size", [(600, 400), (400, 600), (500, 500), (640, 360)])
def test_a_genuine_thumbnail_with_black_bars_shows_the_same(size: tuple[int, int]) -> None:
    data = photograph(3, size)
    assert score(data, "thumbnail_frame") < 0.03
    assert score(data, "thumbnail_tones") < 3
    assert " by 0.0." not in found(data)["thumbnail_tones"].statement
    assert score(data, "thumbnail_content") < 2.5
    assert "show the same" in found(data)["thumbnail_content"].statement


@pytest.mark.parametrize("how", ["stretched", "cut to its middle", "sharpened"])
def test_thumbnails_that_cameras_make_in_other_ways_show_the_same(how: str) -> None:
    picture = scene(4)
    small = {
        "stretched": picture.resize((160, 120), Image.Resampling.BOX),
        "cut to its middle": picture.crop((33, 0, 567, 400)).resize((160, 120), Image.Resampling.BOX),
        "sharpened": picture.resize((160, 107), Image.Resampling.BOX).filter(ImageFilter.UnsharpMask(1, 80)),
    }[how]
    aligned = align(np.asarray(picture.convert("L")), np.asarray(small.convert("L")))
    assert aligned is not None
    assert aligned.correlation > 0.98
    assert aligned.beyond < 0.03


@pytest.mark.parametrize("share", [0.8, 0.6])
def test_a_crop_leaves_more_in_the_old_thumbnail(genuine: bytes, other: bytes, share: float) -> None:
    data = cropped(share)(genuine, other, np.random.default_rng(7))
    assert score(data, "thumbnail_frame") == pytest.approx(1 - share**2, abs=0.08)
    assert "as after a crop" in found(data)["thumbnail_frame"].statement


@pytest.mark.parametrize(("gamma", "word"), [(0.7, "darker"), (1.4, "brighter")])
def test_a_brighter_picture_has_other_tones_than_its_thumbnail(
    genuine: bytes, other: bytes, gamma: float, word: str
) -> None:
    data = brightened(gamma)(genuine, other, RANDOM)
    assert score(data, "thumbnail_tones") > 10
    assert f"the thumbnail is {word}" in found(data)["thumbnail_tones"].statement
    assert score(data, "thumbnail_content") < 4


def test_something_pasted_is_where_the_map_is_bright(genuine: bytes, other: bytes) -> None:
    data = pasted(0.25)(genuine, other, np.random.default_rng(11))
    finding = found(data)["thumbnail_content"]
    assert (finding.score or 0) > 4
    (place,) = [each for each in finding.evidence if isinstance(each, Map)]
    before, after = (np.asarray(Image.fromarray(Photograph(each).rgb).convert("L"), float) for each in (genuine, data))
    ys, xs = np.nonzero(np.abs(before - after) > 25)
    y, x = (int(at) * place.cell_px for at in np.unravel_index(np.nanargmax(place.values), place.values.shape))
    assert xs.min() - 30 <= x <= xs.max() + 30
    assert ys.min() - 30 <= y <= ys.max() + 30
    assert place.values.shape == (-(-400 // place.cell_px), -(-600 // place.cell_px))


def test_another_photographs_thumbnail_does_not_show_the_picture(genuine: bytes, other: bytes) -> None:
    everything = found(others_exif(genuine, other, RANDOM))
    assert "does not show this picture" in everything["thumbnail_content"].statement
    assert (everything["thumbnail_content"].score or 0) > 4
    assert {everything[name].level for name in ("thumbnail_frame", "thumbnail_tones")} == {"none"}


def test_without_a_thumbnail_there_is_nothing_to_compare() -> None:
    (only,) = found(as_jpeg(scene(1), 90)).values()
    assert (only.level, only.score) == ("none", None)


def test_a_person_sees_both_pictures_and_their_difference(genuine: bytes) -> None:
    evidence = found(genuine)["thumbnail_content"].evidence
    assert [type(each) for each in evidence] == [Picture, Map]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_are_compared_without_a_fault(level: int) -> None:
    flat = as_jpeg(Image.new("RGB", (320, 240), (level,) * 3), 90)
    assert found(with_exif(flat, with_thumbnail(flat)))


def test_the_same_file_gives_the_same_scores(genuine: bytes) -> None:
    assert [each.score for each in found(genuine).values()] == [each.score for each in found(genuine).values()]


@pytest.mark.parametrize("size", [(5000, 24), (20, 30), (300, 25)])
def test_a_picture_of_an_odd_shape_is_compared_or_a_sentence(size: tuple[int, int]) -> None:
    odd = as_jpeg(Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)), 90)
    assert all(each.statement for each in found(with_exif(odd, with_thumbnail(odd))).values())
