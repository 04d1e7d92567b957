import itertools
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import simplejpeg

from forensics.coefficients import read_coefficients
from forensics.header import read_facts
from shards.tiles import cut_tiles
from shards.tiles.placement import OVERLAP_MAX, place_tiles

SUBSAMPLINGS = {"4:2:0": (16, 16), "4:2:2": (16, 8), "4:4:4": (8, 8), "grey": (8, 8)}


def pixels(jpeg):
    return simplejpeg.decode_jpeg(jpeg, "RGB", strict=True)


@pytest.mark.parametrize("size_px", [(200, 152), (203, 157), (64, 80), (33, 47)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_pixels_of_a_tile_equal_the_photographs_inside_a_border_of_8_px(jpeg, subsampling, size_px):
    original = jpeg(*size_px, subsampling)
    whole = pixels(original)
    border = 0 if subsampling in ("4:4:4", "grey") else 8  # chroma is interpolated over the edge
    for cut in cut_tiles(original, tile_px=80, tiles_per_photo=4):
        there = whole[cut.y_px : cut.y_px + cut.height_px, cut.x_px : cut.x_px + cut.width_px]
        inside = np.s_[border : cut.height_px - border, border : cut.width_px - border]
        assert there.shape == (cut.height_px, cut.width_px, 3)
        assert np.array_equal(pixels(cut.jpeg)[inside], there[inside])


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_coefficients_and_tables_of_a_tile_equal_the_originals(jpeg, subsampling):
    original = jpeg(200, 152, subsampling)
    photo = read_coefficients(original)
    for cut in cut_tiles(original, tile_px=64, tiles_per_photo=5):
        tile = read_coefficients(cut.jpeg)
        assert all(np.array_equal(*pair) for pair in zip(tile.tables, photo.tables, strict=True))
        for own, whole in zip(tile.components, photo.components, strict=True):
            y = cut.y_px * whole.shape[0] // photo.components[0].shape[0] // 8
            x = cut.x_px * whole.shape[1] // photo.components[0].shape[1] // 8
            assert np.array_equal(own, whole[y : y + own.shape[0], x : x + own.shape[1]])


def test_three_different_tables_are_all_kept(jpeg):
    tables = [[30] * 64, [60] * 64, [90] * 64]
    original = jpeg(96, 96, "4:2:0", qtables=tables)
    # Pillow gives both chroma components the second table: the third component's is pointed to the third
    frame = original.index(b"\xff\xc0")
    original = original[: frame + 18] + b"\x02" + original[frame + 19 :]
    tile = cut_tiles(original, tile_px=64, tiles_per_photo=1)[0]
    assert [table[0, 0] for table in read_coefficients(tile.jpeg).tables] == [3, 6, 9]


def test_a_tile_carries_nothing_but_the_picture(jpeg, secrets):
    original = jpeg()
    tiles = cut_tiles(original, tile_px=64, tiles_per_photo=3)
    assert all(secret in original for secret in secrets)
    assert tiles
    for tile in tiles:
        assert not [secret for secret in secrets if secret in tile.jpeg]
        facts = read_facts(tile.jpeg, whole=True)
        assert set(facts.segments) == {"DQT", "SOF0", "DHT", "SOS"}
        assert (facts.coding, facts.make, facts.comments) == ("baseline", None, ())
        assert facts.quantisation_tables == read_facts(original, whole=True).quantisation_tables
        assert facts.subsampling == "4:2:0"
        assert [part.identifier for part in read_coefficients(tile.jpeg).frame.components] == [
            1,
            2,
            3,
        ]  # as JFIF has it
        assert (facts.width_px, facts.height_px) == (tile.width_px, tile.height_px)


def test_restart_markers_of_a_photograph_make_no_difference(jpeg):
    plain = cut_tiles(jpeg(), tile_px=64, tiles_per_photo=3)
    assert cut_tiles(jpeg(restart_marker_blocks=3), tile_px=64, tiles_per_photo=3) == plain


def test_tiles_have_restart_markers_where_they_are_asked_for(jpeg):
    plain = cut_tiles(jpeg(), tile_px=64, tiles_per_photo=3)
    marked = cut_tiles(jpeg(), tile_px=64, tiles_per_photo=3, restart_mcus=4)
    for one, other in zip(plain, marked, strict=True):
        assert read_facts(one.jpeg, whole=True).restart_interval is None
        assert read_facts(other.jpeg, whole=True).restart_interval == 4
        assert np.array_equal(pixels(one.jpeg), pixels(other.jpeg))
        assert replace(other, jpeg=one.jpeg) == one


def test_equal_bytes_give_equal_tiles_in_every_process_and_temporary_folder(jpeg, tmp_path, repository):
    (tmp_path / "photo.jpg").write_bytes(jpeg())
    here = [cut.jpeg for cut in cut_tiles(jpeg(), tile_px=64, tiles_per_photo=4)]
    code = (
        "import sys, pathlib; from shards.tiles import cut_tiles; data = pathlib.Path(sys.argv[1]).read_bytes(); "
        "print([cut.jpeg for cut in cut_tiles(data, tile_px=64, tiles_per_photo=4)])"
    )
    there = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "photo.jpg")],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONHASHSEED": "7"},
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == repr(here)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.jpg"]  # and nothing is left behind


@pytest.mark.parametrize(("subsampling", "mcu_px"), SUBSAMPLINGS.items())
def test_tiles_lie_and_end_on_the_mcu_grid(jpeg, subsampling, mcu_px):
    cuts = cut_tiles(jpeg(203, 157, subsampling), tile_px=76, tiles_per_photo=4)
    assert len(cuts) == 4
    for cut in cuts:
        assert (cut.x_px % mcu_px[0], cut.y_px % mcu_px[1]) == (0, 0)
        assert (cut.width_px, cut.height_px) == (76 // mcu_px[0] * mcu_px[0], 76 // mcu_px[1] * mcu_px[1])


def test_a_photograph_smaller_than_a_tile_is_one_tile_without_its_padding(jpeg):
    (cut,) = cut_tiles(jpeg(203, 157), tile_px=1024, tiles_per_photo=4)
    assert (cut.x_px, cut.y_px, cut.width_px, cut.height_px) == (0, 0, 192, 144)


@pytest.mark.parametrize(
    ("photo_px", "tile_px", "count"),
    [((4032, 3024), 1024, 4), ((3264, 2448), 1024, 4), ((2592, 1936), 1024, 4), ((1100, 1100), 1024, 1)],
)
def test_the_central_tile_comes_first_and_the_others_are_spread(photo_px, tile_px, count):
    places = place_tiles(photo_px, (tile_px, tile_px), (16, 16), 4)
    assert len(places) == len(set(places)) == count
    assert all(0 <= x <= photo_px[0] - tile_px and 0 <= y <= photo_px[1] - tile_px for x, y in places)
    off_centre_px = [abs(place + tile_px / 2 - size / 2) for place, size in zip(places[0], photo_px, strict=True)]
    assert max(off_centre_px) < 16 + 8
    for (x, y), (other_x, other_y) in itertools.combinations(places, 2):
        shared = max(0, tile_px - abs(x - other_x)) * max(0, tile_px - abs(y - other_y))
        assert shared <= (0 if photo_px[0] > 3072 else OVERLAP_MAX * tile_px**2)


def test_more_tiles_than_fit_are_not_invented(jpeg):
    cuts = cut_tiles(jpeg(200, 152), tile_px=64, tiles_per_photo=64)
    assert len(cuts) == len({(cut.x_px, cut.y_px) for cut in cuts}) == 6


def damaged(jpeg):
    data = bytearray(jpeg())
    start = len(data) * 3 // 4
    data[start : start + 8] = b"\xff\xd9" * 4  # an end of image in the midst of the scan
    return bytes(data)


def of_huge_size(jpeg):
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xff\x00\xff\x00"
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda jpeg: jpeg(progressive=True), "progressive"),
        (lambda jpeg: jpeg()[:-2000], "truncated"),
        (lambda jpeg: jpeg()[:300], "truncated"),
        (damaged, "damaged"),
        (of_huge_size, "more than a camera takes"),
        (lambda jpeg: b"", "empty file"),
        (lambda jpeg: b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        (lambda jpeg: jpeg(15, 40), "smaller than one 16x16 MCU"),
        (lambda jpeg: jpeg(keep_rgb=True, subsampling="4:4:4"), "neither grey nor YCbCr"),
    ],
)
def test_what_cannot_be_cut_is_refused_and_the_reason_named(jpeg, make, reason):
    with pytest.raises(ValueError, match=reason):
        cut_tiles(make(jpeg), tile_px=64, tiles_per_photo=4)


def test_tiles_of_a_file_with_a_cameras_oddities_are_those_of_the_file_without_them(jpeg, odd):
    assert cut_tiles(odd(jpeg()), tile_px=64, tiles_per_photo=4) == cut_tiles(jpeg(), tile_px=64, tiles_per_photo=4)
    whole = pixels(jpeg())
    for cut in cut_tiles(odd(jpeg()), tile_px=80, tiles_per_photo=4):
        there = whole[cut.y_px : cut.y_px + cut.height_px, cut.x_px : cut.x_px + cut.width_px]
        assert np.array_equal(pixels(cut.jpeg)[8:-8, 8:-8], there[8:-8, 8:-8])


def test_a_damaged_file_is_not_cut_whatever_its_oddities(jpeg, odd, damage):
    for data in (damage(jpeg()), odd(damage(jpeg()))):
        with pytest.raises(ValueError, match="damaged JPEG"):
            cut_tiles(data, tile_px=64, tiles_per_photo=4)


def test_hostile_bytes_end_in_a_refusal_never_in_a_crash(jpeg):
    generator = np.random.default_rng(0)
    originals = [jpeg(48, 48, subsampling) for subsampling in SUBSAMPLINGS]
    outcomes = set()
    for number in range(400):
        data = bytearray(originals[number % len(originals)])
        header = data.index(b"\xff\xda") if number % 2 else len(data)
        for place in generator.integers(2, header, 3):
            data[place] = generator.integers(256)
        try:
            outcomes.add(len(cut_tiles(bytes(data), tile_px=32, tiles_per_photo=1)))
        except ValueError:
            outcomes.add(0)
    assert outcomes == {0, 1}


@pytest.mark.slow
@pytest.mark.photos
def test_tiles_of_real_photographs_equal_them_inside_a_border_of_8_px(shared_photos):
    folders = sorted(folder for folder in (shared_photos / "originals").iterdir() if folder.is_dir())
    assert folders
    for folder in folders:
        original = min(folder.glob("*.jpg")).read_bytes()
        whole = pixels(original)
        for cut in cut_tiles(original, tile_px=1024, tiles_per_photo=2):
            there = whole[cut.y_px : cut.y_px + cut.height_px, cut.x_px : cut.x_px + cut.width_px]
            assert np.array_equal(pixels(cut.jpeg)[8:-8, 8:-8], there[8:-8, 8:-8]), folder.name
