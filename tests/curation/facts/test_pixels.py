"""What pixels tell: whether they decode, their perceptual hash, and traces of earlier compression if asked for."""

import io
import subprocess
import sys

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from curation.facts.pixels import pixel_facts
from forensics.header import read_facts
from forensics.pixels.first_quality import first_quality
from forensics.pixels.grid import grid_evidence

DECODED = "decoded"


def scene(width_px=320, height_px=256, seed=0, mode="RGB"):
    """Return a picture with much to see in it."""
    random = np.random.default_rng(seed)
    channels = len(mode) if mode != "L" else 1
    coarse = random.integers(0, 255, (24, 24, channels), dtype=np.uint8)
    return Image.fromarray(coarse.squeeze(), mode).resize((width_px, height_px), Image.Resampling.BICUBIC)


def photograph(width_px=320, height_px=256, seed=0):
    """Return a scene with the noise of a sensor on it."""
    grey = np.asarray(scene(width_px, height_px, seed, "L"), np.float64)
    noise = np.random.default_rng(seed).normal(0, 4, grey.shape)
    return Image.fromarray((grey + noise).clip(0, 255).astype(np.uint8)).convert("RGB")


def saved(picture, quality=95, **options):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def told(data, kind=DECODED):
    return pixel_facts(data, read_facts(data, whole=True), kind)[0]


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_whole_pictures_of_any_kind_decode_and_have_a_hash(mode, progressive):
    found = told(saved(scene(mode=mode), progressive=progressive))
    assert list(found) == ["perceptual_hash"]
    assert len(bytes.fromhex(found["perceptual_hash"])) == 32


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_pictures_with_any_subsampling_and_restarts_decode(subsampling):
    assert list(told(saved(scene(), subsampling=subsampling, restart_marker_blocks=3))) == ["perceptual_hash"]


def test_damaged_and_cut_pictures_say_why_they_do_not_decode():
    data = saved(photograph(), 90)
    for broken in (data[: len(data) * 2 // 3], data[: len(data) // 2] + data[len(data) // 2 + 300 :]):
        assert list(told(broken)) == ["pixel_error"]
        assert told(broken)["pixel_error"]


def test_the_oddities_of_some_cameras_are_no_damage_and_beside_damage_no_excuse(odd, damage):
    plain = saved(photograph(640, 512), 90)
    assert told(odd(plain), "decoded-grid-first-quality") == told(plain, "decoded-grid-first-quality")
    for broken in (damage(plain), odd(damage(plain))):
        assert list(told(broken)) == ["pixel_error"]


@pytest.mark.parametrize(("width_px", "height_px"), [(40, 2272), (200, 2272), (2272, 40), (33, 257), (255, 32)])
def test_narrow_pictures_are_reduced_less_so_that_they_have_a_hash(width_px, height_px):
    assert list(told(saved(scene(width_px, height_px)))) == ["perceptual_hash"]


@pytest.mark.parametrize(("width_px", "height_px"), [(1, 1), (1, 3000), (31, 31), (31, 2000), (8, 8)])
def test_pictures_too_small_to_tell_have_no_hash_and_no_error(width_px, height_px):
    assert told(saved(scene(width_px, height_px)), "decoded-grid-first-quality") == {}


def test_pictures_too_plain_to_tell_have_no_hash():
    assert told(saved(Image.new("RGB", (640, 480), "black"))) == {}


def test_the_hash_is_of_the_scene_whatever_the_size_and_the_quality():
    first = told(saved(scene(1280, 1024), 95))["perceptual_hash"]
    again = told(saved(scene(1280, 1024).resize((640, 512)), 60))["perceptual_hash"]
    other = told(saved(scene(1280, 1024, seed=1), 95))["perceptual_hash"]
    assert (int(first, 16) ^ int(again, 16)).bit_count() <= 20
    assert (int(first, 16) ^ int(other, 16)).bit_count() > 60


@pytest.mark.parametrize(("marker", "size", "reason"), [
    (b"\xff\xc0", b"\xff\xff\xff\xff", "65535x65535 pixels are more than the 200000000 that are decoded"),
    (b"\xff\xc2", b"\x32\x00\x32\x00", "progressive coding of 12800x12800 pixels is too large to decode"),
])  # fmt: skip
def test_header_that_promises_a_giant_is_not_decoded(marker, size, reason):
    data = bytearray(saved(scene(), progressive=marker == b"\xff\xc2"))
    frame = data.index(marker)
    data[frame + 5 : frame + 9] = size
    assert told(bytes(data)) == {"pixel_error": reason}


CROPPED = saved(opened(saved(photograph(), 70)).crop((3, 5, 320, 256)), 90)
SAVED_TWICE = saved(opened(saved(photograph(), 60)), 95)


def test_an_earlier_grid_is_told_only_where_it_is_asked_for():
    found = told(CROPPED, "decoded-grid")
    assert (found["foreign_grid"], found["foreign_grid_log10_nfa"] < -6) == ("5,3", True)
    assert found.keys() == {"perceptual_hash", "foreign_grid", "foreign_grid_log10_nfa"}
    for kind in (DECODED, "decoded-first-quality"):
        assert "foreign_grid" not in told(CROPPED, kind)


def test_an_earlier_quality_is_told_only_where_it_is_asked_for():
    found = told(SAVED_TWICE, "decoded-first-quality")
    assert abs(found["first_quality_factor"] - 60) <= 2
    assert found["first_quality_gain"] > 0
    assert found.keys() == {"perceptual_hash", "first_quality_factor", "first_quality_gain"}
    for kind in (DECODED, "decoded-grid"):
        assert "first_quality_factor" not in told(SAVED_TWICE, kind)


def test_both_are_told_where_both_are_asked_for():
    assert "first_quality_factor" in told(SAVED_TWICE, "decoded-grid-first-quality")
    assert "foreign_grid" in told(CROPPED, "decoded-grid-first-quality")


def test_a_photo_saved_once_shows_neither():
    assert told(saved(photograph(), 95), "decoded-grid-first-quality").keys() == {"perceptual_hash"}


def test_traces_are_not_looked_for_in_pictures_of_four_inks():
    cropped = saved(opened(saved(photograph().convert("CMYK"), 70)).crop((3, 5, 320, 256)), 90)
    assert told(cropped, "decoded-grid-first-quality").keys() == {"perceptual_hash"}


@pytest.mark.parametrize("progressive", [False, True])
def test_traces_in_the_middle_of_a_large_picture_are_those_of_its_luma(progressive):
    large = photograph(900, 1300)
    cropped = saved(opened(saved(large, 70)).crop((3, 5, 900, 1300)), 90, progressive=progressive)
    facts = read_facts(cropped, whole=True)
    grid = grid_evidence(simplejpeg.decode_jpeg(cropped, "GRAY")[..., 0])
    found = told(cropped, "decoded-grid-first-quality")
    assert (facts.width_px, facts.height_px) == (897, 1295)
    assert found["foreign_grid"] == f"{grid.other_x},{grid.other_y}" == "5,3"
    assert found["foreign_grid_log10_nfa"] == grid.other_log10_nfa
    twice = saved(opened(saved(large, 60)), 95, progressive=progressive)
    first = first_quality(
        simplejpeg.decode_jpeg(twice, "GRAY")[..., 0], read_facts(twice, whole=True).quantisation_tables[0]
    )
    found = told(twice, "decoded-grid-first-quality")
    assert (found["first_quality_factor"], found["first_quality_gain"]) == first


def test_the_compiler_is_imported_only_by_a_search_for_traces():
    program = (
        "import sys; import curation.facts.pixels; from forensics.pixels import first_quality, grid; "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
