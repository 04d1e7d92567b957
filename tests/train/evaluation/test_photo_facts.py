"""What is known of photographs beside their pixels."""

import io

from PIL import Image

from train.evaluation.photo_facts import iso_of


def test_iso_is_read_from_the_exif_of_an_original_and_missing_ones_are_unknown() -> None:
    picture, stream = Image.new("RGB", (16, 16)), io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x8827] = 320
    picture.save(stream, "JPEG", exif=exif)
    assert iso_of(stream.getvalue()) == 320
    plain = io.BytesIO()
    picture.save(plain, "JPEG")
    assert iso_of(plain.getvalue()) is None
    assert iso_of(b"no photograph") is None
