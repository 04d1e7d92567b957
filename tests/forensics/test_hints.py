"""Hints: what is odd about a photo, and that a camera's own photo has none."""

import dataclasses

import pytest

from forensics.header import read_facts
from forensics.hints import hints


@pytest.fixture
def straight(jpeg, insert, segment, directories):
    """Return the facts of a photo as a camera writes it, whose fields the tests change."""
    data = jpeg(size=(96, 72))
    exif = directories(
        exif={0x9004: "2017:08:01 10:11:12", 0x927C: (7, 9, b"Apple iOS"), 0xA002: 96, 0xA003: 72},
        thumbnail=jpeg(size=(48, 36)),
    )
    after_jfif = 2 + 18
    return read_facts(data[:2] + segment(0xE1, b"Exif\0\0" + exif) + data[after_jfif:], whole=True)


def test_a_photo_straight_from_a_camera_has_none(straight):
    assert hints(straight) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"segments": ("APP0:JFIF", "APP1:Exif", "SOS")}, "JFIF before EXIF"),
        ({"segments": ("APP0:JFIF", "SOS"), "exif_counts": ()}, "no EXIF"),
        (
            {"modified_at": "2018:01:01 00:00:00"},
            "dates disagree: taken 2017:08:01 10:11:12, changed 2018:01:01 00:00:00, digitised 2017:08:01 10:11:12",
        ),
        (
            {"taken_at": None, "digitised_at": "x"},
            "dates disagree: changed 2017:08:01 10:11:12, digitised x",
        ),
        ({"exif_width_px": 4000, "exif_height_px": 3000}, "sizes disagree: EXIF 4000x3000, frame 96x72"),
        ({"coding": "progressive", "huffman": "optimised"}, "progressive coding"),
        ({"huffman": "optimised"}, "optimised Huffman tables"),
        ({"maker_note": None}, "no MakerNote"),
        ({"thumbnail_width_px": None, "thumbnail_height_px": None, "thumbnail_bytes": None}, "no thumbnail"),
        ({"thumbnail_width_px": 36, "thumbnail_height_px": 48}, "thumbnail has another shape"),
        ({"thumbnail_width_px": 48, "thumbnail_height_px": 32}, "thumbnail has another shape"),
        ({"width_px": 72, "height_px": 96, "thumbnail_width_px": 160, "thumbnail_height_px": 120},
         "thumbnail has another shape"),
    ],
)  # fmt: skip
def test_each_oddity_has_its_words(straight, changes, expected):
    assert hints(dataclasses.replace(straight, **changes)) == (expected,)


@pytest.mark.parametrize(
    "changes",
    [
        {"segments": ("APP1:Exif", "APP0:JFIF", "SOS")},
        {"taken_at": None, "modified_at": None},
        {"exif_width_px": None},
        {"exif_width_px": 72, "exif_height_px": 96},
        {"thumbnail_width_px": 50, "thumbnail_height_px": 37},
        {"width_px": 96, "height_px": 64, "exif_width_px": None, "thumbnail_width_px": 160,
         "thumbnail_height_px": 120},
        {"colour_profile": "Display P3"},
    ],
)  # fmt: skip
def test_what_cameras_do_as_well_is_no_hint(straight, changes):
    assert hints(dataclasses.replace(straight, **changes)) == ()
