"""Previews: raw files are told by their first bytes and their first directory; the largest whole JPEG is found."""

import io

import numpy as np
import pytest
from PIL import Image

from forensics.metadata.previews import STARTS_MAX, largest_preview, raw_form


def jpeg(width_px: int, height_px: int) -> bytes:
    saved, random = io.BytesIO(), np.random.default_rng(width_px)
    Image.fromarray(random.integers(0, 256, (height_px, width_px, 3), np.uint8)).save(saved, "JPEG", quality=90)
    return saved.getvalue()


def tiff(tag: int, kind: int, value: int, endian: str = "little") -> bytes:
    entry = tag.to_bytes(2, endian) + kind.to_bytes(2, endian) + (1).to_bytes(4, endian)  # type: ignore[arg-type]
    entry += value.to_bytes(4 if kind == 4 else 2, endian).ljust(4, b"\0")  # type: ignore[arg-type]
    start = b"II*\0\x08\0\0\0" if endian == "little" else b"MM\0*\0\0\0\x08"
    return start + (1).to_bytes(2, endian) + entry + bytes(4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (tiff(50706, 4, 0x0401), "DNG"),
        (tiff(50706, 4, 0x0401, "big"), "DNG"),
        (tiff(330, 4, 100), "raw"),
        (tiff(254, 4, 1), "raw"),
        (b"II*\0\x10\0\0\0CR\x02\0", "CR2"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"IIU\0\x08\0\0\0", "RW2"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "CR3"),
        (tiff(254, 4, 0), None),
        (tiff(256, 3, 640), None),
        (b"II*\0\xff\xff\xff\xff", None),
        (b"", None),
        (jpeg(16, 16), None),
    ],
)
def test_the_form_of_a_raw_file_is_told(data: bytes, form: str | None) -> None:
    assert raw_form(data) == form


def test_the_largest_preview_is_found_with_its_end() -> None:
    small, large = jpeg(64, 48), jpeg(320, 200)
    data = bytes(50) + small + b"\xff\xd8\xff\xe1 no picture" + bytes(300) + large + b"behind"
    found = largest_preview(data)
    assert found is not None
    assert data[found.start : found.end] == large
    assert (found.width_px, found.height_px) == (320, 200)


def test_a_lossless_jpeg_and_one_without_an_end_are_no_previews() -> None:
    whole = jpeg(320, 200)
    frame = whole.index(b"\xff\xc0")
    lossless = whole[: frame + 1] + b"\xc3" + whole[frame + 2 :]
    assert largest_preview(lossless) is None
    assert largest_preview(whole[:-2]) is None


def test_a_file_full_of_starts_is_given_up_in_time() -> None:
    assert largest_preview(b"\xff\xd8\xff\xe0\0\4ab" * (20 * STARTS_MAX)) is None
