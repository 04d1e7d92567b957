"""PNG, WebP, TIFF, HEIC and AVIF are decoded as they are stored, with notes on what they lack, within bounds."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from train.prediction.pictures import decode_stored
from train.prediction.reading import Kind, kind_of

FORMATS: list[tuple[Kind, dict[str, object]]] = [
    ("PNG", {}),
    ("WebP", {"lossless": True, "exact": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
]


@pytest.mark.parametrize(("kind", "options"), FORMATS)
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_pixels_are_those_stored_whatever_exif_says_of_the_view(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], kind: Kind, options: dict[str, object],
    orientation: int,
) -> None:  # fmt: skip
    picture = textured(40, 24)
    stored = decode_stored(saved(picture, kind, orientation, **options), kind)
    assert np.array_equal(stored.picture, picture)
    assert (stored.exif.make, stored.exif.model, stored.exif.orientation) == ("Maker", "GRAINY", orientation)
    assert f"a {kind} has the pixels" in stored.notes[0]
    assert stored.lossless


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_back_to_what_the_sensor_wrote(textured: Callable[..., np.ndarray], orientation: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    picture, stream = textured(64, 40), io.BytesIO()
    coded = pillow_heif.from_pillow(Image.fromarray(picture))
    coded.info["exif"] = exif.tobytes()
    coded.save(stream, quality=90)
    assert kind_of(stream.getvalue()) == "HEIC"
    stored = decode_stored(stream.getvalue(), "HEIC")
    assert stored.picture.shape == picture.shape
    assert np.abs(stored.picture.astype(int) - picture).mean() < 4
    assert (stored.exif.make, stored.exif.orientation) == ("Maker", orientation)
    assert "HEIC is compressed by other means" in stored.notes[0]
    assert not stored.lossless


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_as_the_sensor_wrote_it(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], orientation: int
) -> None:
    picture = textured(64, 40)
    data = saved(picture, "AVIF", orientation, quality=95)
    stored = decode_stored(data, kind_of(data))
    assert np.abs(stored.picture.astype(int) - picture).mean() < 4
    assert (stored.exif.make, stored.exif.orientation or 1) == ("Maker", orientation)
    assert "AVIF is compressed by other means" in stored.notes[0]
    assert not stored.lossless


def test_webp_that_compressed_again_is_told_from_a_lossless_one(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes]
) -> None:
    stored = decode_stored(saved(textured(), "WebP", 1, quality=90), "WebP")
    assert "compressed it again" in stored.notes[0]
    assert (stored.grid_px, stored.lossless) == (4, False)
    stored = decode_stored(saved(textured(), "WebP", 1, lossless=True), "WebP")
    assert (stored.grid_px, stored.lossless) == (0, True)


@pytest.mark.parametrize(
    ("compression", "lossless"), [("jpeg", False), ("tiff_adobe_deflate", True), ("packbits", True)]
)
def test_a_tiff_is_lossless_where_its_compression_is(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], compression: str, lossless: bool
) -> None:
    assert decode_stored(saved(textured(), "TIFF", 1, compression=compression), "TIFF").lossless == lossless


@pytest.mark.parametrize(
    ("mode", "note"), [("RGBA", "its transparency was left out"), ("L", "it is grey"), ("I;16", "16 bits a channel")]
)
def test_what_was_changed_is_noted(textured: Callable[..., np.ndarray], mode: str, note: str) -> None:
    picture, stream = textured(40, 24), io.BytesIO()
    grey = picture[..., 0]
    image = Image.fromarray(grey.astype(np.uint16) << 8) if mode == "I;16" else Image.fromarray(picture).convert(mode)
    image.save(stream, "PNG")
    stored = decode_stored(stream.getvalue(), "PNG")
    assert any(note in each for each in stored.notes)
    assert stored.picture.shape == picture.shape
    if mode != "L":
        assert np.array_equal(stored.picture[..., 0], grey)


def _bomb() -> bytes:
    """A PNG of a few bytes whose header says that it has 2,500 megapixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(ValueError, match="beyond 200 megapixels"):
        decode_stored(_bomb(), "PNG")


def test_pictures_of_kinds_that_no_camera_writes_are_refused(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes]
) -> None:
    stream = io.BytesIO()
    Image.fromarray(textured(32, 32)).quantize(16).save(stream, "PNG")
    with pytest.raises(ValueError, match="palette"):
        decode_stored(stream.getvalue(), "PNG")
    stream = io.BytesIO()
    Image.fromarray(textured(32, 32)).save(stream, "TIFF", tiffinfo={254: 1})
    with pytest.raises(ValueError, match="raw file"):
        decode_stored(stream.getvalue(), "TIFF")
    stream = io.BytesIO()
    Image.fromarray(textured(32, 32)).convert("CMYK").save(stream, "TIFF")
    with pytest.raises(ValueError, match="no camera writes"):
        decode_stored(stream.getvalue(), "TIFF")


@pytest.mark.parametrize("kind", ["PNG", "WebP", "TIFF"])
def test_damaged_files_are_refused_and_nothing_else_happens(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], kind: Kind
) -> None:
    data = saved(textured(), kind, 6)
    for cut in (13, 40, len(data) // 2, len(data) - 100):
        with pytest.raises(ValueError, match=r"^does not decode: [^<>]*$"):
            decode_stored(data[:cut] if kind != "TIFF" else data[:cut].ljust(8, b"\0"), kind)
    rng = np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(data)
        for place in rng.integers(12, min(len(data), 400), 3):
            changed[place] = int(rng.integers(256))
        try:
            decode_stored(bytes(changed), kind)
        except ValueError:
            continue
