"""Fixtures of the forensics tests: JPEG files and their parts, made on the spot."""

import io
import struct
from collections.abc import Callable, Mapping

import pytest
from PIL import Image

Value = str | int | tuple[int, int, bytes]


def _jpeg(size: tuple[int, int] = (48, 32), mode: str = "RGB", **save: object) -> bytes:
    # colours that differ everywhere, so that no encoder can leave a component out
    gradient = Image.merge(
        "RGB",
        [Image.linear_gradient("L").rotate(angle).resize(size) for angle in (0, 90, 180)],
    )
    file = io.BytesIO()
    gradient.convert(mode).save(file, "JPEG", **save)
    return file.getvalue()


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _insert(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def _tiff(ifd0: Mapping[int, Value], exif: Mapping[int, Value] | None = None, endian: str = "<") -> bytes:
    """Return EXIF data; a value is a text, a number, or (type, count, bytes) as they are."""
    header = b"II*\0" if endian == "<" else b"MM\0*"
    first = dict(ifd0)
    if exif is not None:
        first[0x8769] = (4, 1, b"")  # its place is known only below
    sizes = [6 + 12 * len(first), 6 + 12 * len(exif) if exif is not None else 0]
    values_at = 8 + sum(sizes)
    values = b""
    directories = b""
    for entries in (first, exif):
        if entries is None:
            continue
        directories += struct.pack(endian + "H", len(entries))
        for tag, value in entries.items():
            if isinstance(value, str):
                raw = value.encode() + b"\0"
                kind, count = 2, len(raw)
            elif isinstance(value, int):
                kind, count, raw = (3, 1, struct.pack(endian + "H", value)) if value < 65536 else (
                    4, 1, struct.pack(endian + "I", value))  # fmt: skip
            else:
                kind, count, raw = value
            if tag == 0x8769 and raw == b"":
                raw = struct.pack(endian + "I", 8 + sizes[0])
            if len(raw) > 4:
                inline = struct.pack(endian + "I", values_at + len(values))
                values += raw + b"\0" * (len(raw) % 2)
            else:
                inline = raw.ljust(4, b"\0")
            directories += struct.pack(endian + "HHI", tag, kind, count) + inline
        directories += b"\0\0\0\0"
    return header + struct.pack(endian + "I", 8) + directories + values


@pytest.fixture(scope="session")
def jpeg() -> Callable[..., bytes]:
    """Return a function: (size, mode, Pillow's options of saving) -> the bytes of a JPEG."""
    return _jpeg


@pytest.fixture(scope="session")
def segment() -> Callable[[int, bytes], bytes]:
    """Return a function: (marker, payload) -> one segment."""
    return _segment


@pytest.fixture(scope="session")
def insert() -> Callable[..., bytes]:
    """Return a function: (JPEG, segments) -> the JPEG with the segments behind its start of image."""
    return _insert


@pytest.fixture(scope="session")
def tiff() -> Callable[..., bytes]:
    """Return a function: (IFD0, EXIF IFD, endian) -> EXIF data."""
    return _tiff


@pytest.fixture(scope="session")
def with_exif() -> Callable[..., bytes]:
    """Return a function: (IFD0, EXIF IFD) -> a JPEG with this EXIF segment."""

    def build(ifd0: Mapping[int, Value], exif: Mapping[int, Value] | None = None) -> bytes:
        return _insert(_jpeg(), _segment(0xE1, b"Exif\0\0" + _tiff(ifd0, exif)))

    return build


@pytest.fixture(scope="session")
def with_xmp() -> Callable[[str], bytes]:
    """Return a function: (what stands inside rdf:RDF) -> a JPEG with this XMP packet."""

    def build(description: str) -> bytes:
        packet = (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.1.0-jc003">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
            ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
            ' xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"'
            ' xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"'
            ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">'
            f'{description}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
        )
        return _insert(_jpeg(), _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()))

    return build
