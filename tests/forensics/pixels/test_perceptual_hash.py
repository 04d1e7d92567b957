"""The perceptual hash: what leaves it as it is, what changes it, what has none."""

import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from forensics.pixels.perceptual_hash import ORIENTATIONS, orientations, perceptual_hash

GAMMAS = (0.8, 1.2)


NEAR_BITS = 32
"""Every version of a photo measured by benchmarks/forensics/pixels.py is within this distance, and no other scene."""


def distance(first: bytes, second: bytes) -> int:
    """Return how many of the 256 bits of two hashes differ."""
    return (int.from_bytes(first) ^ int.from_bytes(second)).bit_count()


def texture(seed: int, height: int = 480, width: int = 640) -> np.ndarray:
    """Return a grey picture with features of all sizes, as photographs have."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for cells in (4, 8, 16, 32, 64):
        coarse = Image.fromarray(rng.normal(size=(cells, cells)).astype(np.float32))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) / cells
    return np.clip(120 + 200 * total, 0, 255).astype(np.uint8)


def saved(grey: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=quality)
    file.seek(0)
    return np.asarray(Image.open(file))


def resized(grey: np.ndarray, factor: float) -> np.ndarray:
    size = (round(grey.shape[1] * factor), round(grey.shape[0] * factor))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS))


def toned(grey: np.ndarray, gamma: float) -> np.ndarray:
    return (255 * (grey / 255) ** gamma).round().astype(np.uint8)


def hashed(grey: np.ndarray) -> bytes:
    found = perceptual_hash(grey)
    assert found is not None
    return found


def test_a_hash_has_256_bits_of_which_about_half_are_set():
    found = hashed(texture(1))
    assert len(found) == 32
    assert 90 < distance(found, bytes(32)) < 166


def test_a_picture_saved_again_resized_or_toned_keeps_its_hash_but_for_a_few_bits():
    picture = texture(1)
    versions = [saved(picture, quality) for quality in (50, 70, 90)]
    versions += [resized(picture, factor) for factor in (0.25, 0.5, 1.5)]
    versions += [toned(picture, gamma) for gamma in GAMMAS]
    distances = [distance(hashed(picture), hashed(version)) for version in versions]
    assert max(distances) <= 16


def test_a_picture_with_one_per_cent_cut_off_is_still_near():
    picture = texture(1)
    assert distance(hashed(picture), hashed(picture[5:, 6:])) <= NEAR_BITS


def test_different_pictures_are_far_apart():
    hashes = [hashed(texture(seed)) for seed in range(8)]
    apart = [distance(one, other) for index, one in enumerate(hashes) for other in hashes[:index]]
    assert min(apart) > 2 * NEAR_BITS


WAYS = (
    lambda grey: grey, np.flipud, np.fliplr, lambda grey: np.rot90(grey, 2),
    np.transpose, lambda grey: np.rot90(grey), lambda grey: np.rot90(grey, -1), lambda grey: np.rot90(grey, 2).T,
)  # fmt: skip
"""The eight orientations of a picture."""


def in_all_orientations(one: bytes) -> list[bytes]:
    return [turned.tobytes() for turned in orientations(np.frombuffer(one, np.uint8)[None])[:, 0]]


def test_a_mirrored_picture_has_another_hash():
    assert distance(hashed(texture(1)), hashed(texture(1)[:, ::-1])) > 2 * NEAR_BITS


def test_the_hashes_of_turned_and_mirrored_pictures_follow_from_that_of_the_picture():
    own = in_all_orientations(hashed(texture(1)))
    assert own[0] == hashed(texture(1))
    assert {hashed(np.ascontiguousarray(way(texture(1)))) for way in WAYS} == set(own)
    assert len(set(own)) == len(WAYS) == ORIENTATIONS


def test_orientations_are_those_of_each_hash_and_of_each_band_of_four_bytes_by_itself():
    hashes = np.random.default_rng(0).integers(0, 256, (5, 32), np.uint8)
    together = orientations(hashes)
    assert together.shape == (ORIENTATIONS, 5, 32)
    for band in range(0, 32, 4):
        alone = np.zeros_like(hashes)
        alone[:, band : band + 4] = hashes[:, band : band + 4]
        assert (orientations(alone)[:, :, band : band + 4] == together[:, :, band : band + 4]).all()


def test_a_turned_picture_saved_again_is_as_near_as_an_upright_one():
    own = in_all_orientations(hashed(texture(1)))
    for way in WAYS:
        version = hashed(saved(toned(np.ascontiguousarray(way(texture(1))), 0.8), 90))
        assert min(distance(one, version) for one in own) <= 16


def test_the_first_bits_are_the_lowest_frequencies():
    # one cosine of frequency 1 along each axis on a little of everything else
    rows, columns = (np.cos(np.pi * (np.arange(64) + 0.5) / 64) for _ in range(2))
    little = np.random.default_rng(5).normal(0, 20, (64, 64))
    wave = 60 * np.outer(rows, columns)
    bright, dark = (hashed(np.clip(128 + sign * wave + little, 0, 255).astype(np.uint8)) for sign in (1, -1))
    assert (bright[0] & 0x80, dark[0] & 0x80) == (0x80, 0)
    assert distance(bright, dark) < 16


def test_two_calls_give_the_same_bytes_whatever_the_type_of_the_pixels():
    picture = texture(3)
    assert perceptual_hash(picture) == perceptual_hash(picture.astype(np.float32)) == perceptual_hash(picture.copy())


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_flat_pictures_have_no_hash(level):
    assert perceptual_hash(np.full((200, 300), level, np.uint8)) is None


def test_sensor_noise_or_a_smooth_gradient_on_a_flat_picture_is_still_too_plain():
    noise = np.random.default_rng(2).normal(0, 3, (378, 504))
    sky = np.linspace(80, 220, 378)[:, None] + noise
    for plain in (10 + noise, sky):
        assert perceptual_hash(plain.clip(0, 255).astype(np.uint8)) is None


def test_pictures_below_32_px_on_a_side_have_no_hash():
    picture = texture(1)
    assert perceptual_hash(picture[:31]) is None
    assert perceptual_hash(picture[:, :31]) is None
    assert perceptual_hash(picture[:0]) is None
    assert perceptual_hash(resized(picture, 32 / 480)) is not None


def test_an_array_of_colours_is_refused_in_words():
    with pytest.raises(ValueError, match="2 axes, this array has 3"):
        perceptual_hash(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.photos
def test_real_photographs_are_near_their_own_versions_and_far_from_each_other(shared_photos: Path):
    paths = [sorted((shared_photos / "originals" / camera).glob("*.jpg"))[0] for camera in ("nikon-d60", "iphone-11")]
    pictures = [
        simplejpeg.decode_jpeg(path.read_bytes(), "GRAY", min_height=1, min_width=1, min_factor=1)[..., 0]
        for path in paths
    ]
    first, second = (hashed(picture) for picture in pictures)
    assert distance(first, second) > 2 * NEAR_BITS
    for picture, own in zip(pictures, (first, second), strict=True):
        for version in (saved(picture, 70), resized(picture, 0.5), toned(picture, 0.8)):
            assert distance(own, hashed(version)) <= NEAR_BITS
