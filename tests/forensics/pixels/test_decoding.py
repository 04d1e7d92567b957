"""Decoding: oddities of cameras harm nothing, damage is refused, and no oddity hides it."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from forensics.jpeg.segments import header_segments
from forensics.pixels.decoding import decode_luma, decode_whole


def photograph(**options):
    """Return a baseline JPEG of a noisy scene: its scan has enough bytes for damage of every kind."""
    random = np.random.default_rng(7)
    scene = random.normal(128, 25, (160, 208, 3)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(scene).save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


KINDS = ({}, {"restart_marker_blocks": 4}, {"optimize": True, "subsampling": 0})


@pytest.mark.parametrize("options", KINDS)
def test_the_pixels_of_an_odd_file_are_those_of_the_file_without_oddities(odd, options):
    plain = photograph(**options)
    expected = simplejpeg.decode_jpeg(plain, "RGB", strict=True)
    assert np.array_equal(decode_whole(odd(plain), "RGB").picture, expected)
    browsers = np.asarray(Image.open(io.BytesIO(odd(plain))))
    assert np.array_equal(browsers, np.asarray(Image.open(io.BytesIO(plain))))


@pytest.mark.parametrize("options", KINDS)
def test_damage_is_refused_and_an_oddity_beside_it_does_not_hide_it(odd, damage, options):
    damaged = damage(photograph(**options))
    for data in (damaged, odd(damaged)):
        with pytest.raises(ValueError):
            decode_whole(data, "RGB")


def test_the_first_of_several_warnings_is_all_that_the_decoder_reports(sos_parameters):
    # this is why files are mended before they are decoded, not judged by the warning's text
    cut = sos_parameters(photograph())[:-3000] + b"\xff\xd9"
    with pytest.raises(ValueError, match="Invalid SOS parameters"):
        simplejpeg.decode_jpeg(cut, "RGB", strict=True)
    with pytest.raises(ValueError, match="premature end"):
        decode_whole(cut, "RGB")


def test_oddities_are_named_and_the_bytes_returned_are_without_them(sos_parameters):
    plain = photograph()
    decoded = decode_whole(sos_parameters(plain[:-2] + bytes(64) + plain[-2:]), "GRAY", min_factor=8, min_width=1)
    assert decoded.oddities == ("sos_parameters", "stray_bytes_before_eoi")
    again = decode_whole(decoded.jpeg, "RGB")
    assert again.oddities == ()
    assert np.array_equal(again.picture, simplejpeg.decode_jpeg(plain, "RGB"))
    assert decode_whole(plain, "RGB").jpeg is plain


@pytest.mark.parametrize("options", KINDS)
def test_any_number_of_zeros_before_the_end_is_harmless(options):
    # how many of them the decoder holds in its bit buffer, and does not report, changes as they are taken out
    plain = photograph(**options)
    expected = simplejpeg.decode_jpeg(plain, "GRAY")
    for number in (*range(40), 512, 4096):
        decoded = decode_whole(plain[:-2] + bytes(number) + plain[-2:], "GRAY")
        assert np.array_equal(decoded.picture, expected)
        assert decoded.oddities == ("stray_bytes_before_eoi",) or number < 8


@pytest.mark.parametrize("number", range(1, 9))
def test_few_stray_bytes_are_harmless_whatever_they_are_and_many_are_not(number):
    plain = photograph()
    random = np.random.default_rng(number)
    for _ in range(8):
        stray = random.integers(1, 255, number, np.uint8).tobytes()
        decode_whole(plain[:-2] + stray[:2] + plain[-2:], "GRAY")
        with pytest.raises(ValueError, match="extraneous bytes"):
            decode_whole(plain[:-2] + stray * 16 + plain[-2:], "GRAY")


def tall(height_px=700, width_px=50, **options):
    """Return a JPEG much higher than the rows asked for, with colours that differ from pixel to pixel."""
    scene = np.random.default_rng(8).normal(128, 40, (height_px, width_px, 3)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(scene).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def in_three_scans():
    """Return a JPEG whose three components, all of full size, are coded in scans of their own."""
    scene = np.asarray(Image.open(io.BytesIO(tall())))
    grey = []
    for channel in range(3):
        buffer = io.BytesIO()
        Image.fromarray(scene[..., channel].copy()).save(buffer, "JPEG", quality=85)
        grey.append(buffer.getvalue())
    *tables, sos = header_segments(grey[0], whole=True)
    frame = next(segment for segment in tables if segment.name == "SOF0")
    header = grey[0][: frame.offset] + b"\xff\xc0\x00\x11" + grey[0][frame.payload_start : frame.payload_start + 5]
    header += b"\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00" + grey[0][frame.end : sos.offset]
    scans = [
        b"\xff\xda\x00\x08\x01" + bytes((number,)) + b"\x00\x00\x3f\x00" + jpeg[sos.end : -2]
        for number, jpeg in enumerate(grey, 1)
    ]
    return header + b"".join(scans) + b"\xff\xd9"


TALL = {
    "4:4:4": tall(subsampling=0),
    "4:2:2": tall(subsampling=1),
    "4:2:0": tall(subsampling=2),
    "odd size": tall(701, 51),
    "restarts": tall(restart_marker_blocks=5),
    "RGB": tall(keep_rgb=True),
    "progressive": tall(progressive=True),
    "three scans": in_three_scans(),
}


@pytest.mark.parametrize("jpeg", TALL.values(), ids=TALL)
@pytest.mark.parametrize("rows", [1, 8, 300, 636, 637, 5000])
def test_the_upper_rows_of_the_luma_are_those_of_the_whole_picture(jpeg, rows):
    expected = decode_whole(jpeg, "GRAY").picture[..., 0]
    found = decode_luma(jpeg, rows)
    assert len(found) >= min(rows, len(expected))
    assert np.array_equal(found[:rows], expected[:rows])


def test_no_row_far_below_those_asked_for_is_decoded():
    assert {name: len(decode_luma(jpeg, 100)) for name, jpeg in TALL.items()} == {
        name: 700 if name == "progressive" else 164 for name in TALL
    }
