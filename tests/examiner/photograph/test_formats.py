"""What is asked of other files than JPEGs: what applies, with a note, and a sentence for what is no photograph."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import examiner
from examiner.finding import Finding
from examiner.photograph.opened import Photograph
from forensics.pixels.grid import grid_evidence


def picture(width_px: int = 320, height_px: int = 240) -> Image.Image:
    random = np.random.default_rng(5)
    return Image.fromarray(random.integers(0, 256, (height_px, width_px, 3), np.uint8))


def saved(kind: str, width_px: int = 320, height_px: int = 240, **options: object) -> bytes:
    stream = io.BytesIO()
    picture(width_px, height_px).save(stream, kind, **options)
    return stream.getvalue()


def heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture()).save(stream, quality=80)
    return stream.getvalue()


def raw(*jpegs: bytes) -> bytes:
    """A DNG: its first directory says so, and JPEGs lie behind it, in no particular place."""
    entries = [(254, 4, 1, 1), (50706, 1, 4, 0x00000401)]
    directory = len(entries).to_bytes(2, "little") + b"".join(
        tag.to_bytes(2, "little")
        + kind.to_bytes(2, "little")
        + count.to_bytes(4, "little")
        + value.to_bytes(4, "little")
        for tag, kind, count, value in entries
    )
    return b"II*\0\x08\0\0\0" + directory + bytes(4) + b"".join(bytes(37) + each for each in jpegs) + bytes(500)


def finding(report: examiner.Report, name: str) -> Finding:
    return next(each for each in report.findings if each.name == name)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WebP", "AVIF", "HEIC"])
def test_another_kind_of_picture_is_asked_what_applies_to_its_pixels(kind: str) -> None:
    report = examiner.examine(heic() if kind == "HEIC" else saved(kind))
    assert (report.error, report.kind, report.size_px) == (None, kind, (320, 240))
    said = finding(report, "examined")
    assert f"but a {kind}: " in said.statement
    assert "tables or coefficients of a JPEG are left out" in said.statement


def test_pixels_and_coefficients_of_a_picture_that_is_too_large_are_refused() -> None:
    data = saved("JPEG")
    at = data.index(b"\xff\xc0") + 5
    large = Photograph(data[:at] + (60_000).to_bytes(2) * 2 + data[at + 4 :])
    assert large.size_px == (60_000, 60_000)
    for asked in ("rgb", "luma", "coefficients"):
        with pytest.raises(ValueError, match="60000×60000 px, beyond 200 megapixels"):
            getattr(large, asked)


def test_nothing_is_noted_of_a_jpeg() -> None:
    assert all(each.name != "examined" for each in examiner.examine(saved("JPEG")).findings)


def test_of_a_raw_file_the_largest_preview_is_examined() -> None:
    small, large = saved("JPEG", 160, 120), saved("JPEG", 640, 480)
    data = raw(small, large, saved("JPEG", 320, 240))
    photograph = Photograph(data)
    assert photograph.data == large
    assert photograph.facts is not None
    report = examiner.examine(data)
    assert (report.kind, report.size_px, report.size_bytes) == ("DNG raw file", (640, 480), len(data))
    assert "the largest JPEG preview in it is examined, 640×480 px" in finding(report, "examined").statement
    assert "shifted_grid" in {each.name for each in report.findings}


def test_a_raw_file_without_a_preview_gets_a_sentence() -> None:
    assert examiner.examine(raw()).error == "is a raw file without a JPEG preview; give the JPEG that the camera wrote"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"GIF89a", "is a GIF"), (b"BM", "is a BMP"), (b"%PDF-1.7", "is a PDF"), (b"8BPS", "is a Photoshop document"),
     (b"\xff\x0a", "is a JPEG XL"), (b"RIFF\0\0\0\0AVI ", "is a film"), (b"hello", "is no JPEG"), (b"", "is empty")],
)  # fmt: skip
def test_everything_else_gets_a_sentence(data: bytes, reason: str) -> None:
    assert (examiner.examine(data).error or "").startswith(reason)


@pytest.mark.parametrize("size_px", [(70_000, 1), (65_000, 65_000)])
def test_a_picture_beyond_the_bounds_is_refused_by_its_header(size_px: tuple[int, int], tmp_path: Path) -> None:
    header = bytearray(saved("PNG"))
    header[16:24] = size_px[0].to_bytes(4) + size_px[1].to_bytes(4)
    assert examiner.examine(bytes(header)).error is not None


def test_a_jpeg_beyond_the_bounds_is_not_decoded() -> None:
    data = bytearray(saved("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (30_000).to_bytes(2) * 2
    photograph = Photograph(bytes(data))
    for asked in ("luma", "rgb"):
        with pytest.raises(ValueError, match="is of 30000×30000 px, beyond 200 megapixels"):
            getattr(photograph, asked)


def test_the_grid_of_blocks_is_looked_for_once_and_is_that_of_the_pixels() -> None:
    photograph = Photograph(saved("JPEG", quality=80))
    assert photograph.grid is not None
    assert photograph.grid == grid_evidence(photograph.luma)
    assert photograph.grid is photograph.grid
