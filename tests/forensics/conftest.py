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
def three_scans() -> bytes:
    """Return a baseline JPEG whose components are coded in a scan each."""
    data = _jpeg(mode="L")
    scan = data.index(b"\xff\xda")
    frame = data.index(b"\xff\xc0")
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    header = data[:frame] + _segment(0xC0, data[frame + 4 : frame + 9] + b"\x03" + components)
    tables = data[frame + 2 + int.from_bytes(data[frame + 2 : frame + 4]) : scan]
    coded = data[scan + 10 : -2]
    scans = b"".join(_segment(0xDA, bytes((1, number, 0, 0, 63, 0))) + coded for number in (1, 2, 3))
    return header + tables + scans + data[-2:]


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
def directories() -> Callable[..., bytes]:
    """Return a function: (endian, what there is besides) -> EXIF data with up to five directories.

    IFD0 and the EXIF IFD are those of an ordinary photo; `gps` and `interoperability` are numbers of entries, each
    of them a text with `secret` in it; `ifd1` are its entries; `thumbnail` stands at the end, its place and length
    in IFD1 where that asks for none of its own.
    """

    def build(
        endian: str = "<",
        *,
        gps: int | None = None,
        interoperability: int | None = None,
        ifd1: Mapping[int, int] | None = None,
        thumbnail: bytes | None = None,
        secret: bytes = b"x",
        exif: Mapping[int, Value] | None = None,
    ) -> bytes:
        ifd0: dict[int, Value] = {0x010F: "Apple", 0x0110: "iPhone 5s", 0x0131: "10.3.3", 0x0112: 6,
                                  0x0132: "2017:08:01 10:11:12"}  # fmt: skip
        second: dict[int, Value] = {0x9003: "2017:08:01 10:11:12", 0xA002: 3264, 0xA003: 2448, 0xA431: "C0FFEE"}
        second.update(exif or {})
        place = struct.pack(endian + "I", 0xFFFFFFFF)
        if gps is not None:
            ifd0[0x8825] = (4, 1, place)
        if interoperability is not None:
            second[0xA005] = (4, 1, place)
        whole = bytearray(_tiff(ifd0, second, endian))
        for tag, count in ((0x8825, gps), (0xA005, interoperability)):
            if count is not None:
                at = whole.index(struct.pack(endian + "HHI", tag, 4, 1)) + 8
                whole[at : at + 4] = struct.pack(endian + "I", len(whole))
                entry = struct.pack(endian + "HHII", 1, 2, len(secret), len(whole) + 6 + 12 * count)
                whole += struct.pack(endian + "H", count) + entry * count + bytes(4) + secret
        if thumbnail is not None or ifd1 is not None:
            entries = dict(ifd1 or {})
            size = 6 + 12 * (len(entries) + (2 if ifd1 is None else 0))
            if ifd1 is None:
                entries |= {0x0201: len(whole) + size, 0x0202: len(thumbnail or b"")}
            next_at = 8 + 2 + 12 * (len(ifd0) + 1)
            whole[next_at : next_at + 4] = struct.pack(endian + "I", len(whole))
            whole += struct.pack(endian + "H", len(entries))
            whole += b"".join(struct.pack(endian + "HHII", tag, 4, 1, value) for tag, value in entries.items())
            whole += bytes(4) + (thumbnail or b"")
        return bytes(whole)

    return build


@pytest.fixture(scope="session")
def profile() -> Callable[..., bytes]:
    """Return a function: (type of the description, its bytes behind the type) -> an ICC profile."""

    def build(kind: bytes, description: bytes, tag: bytes = b"desc") -> bytes:
        tags = [(b"cprt", b"text" + bytes(4) + b"nobody\0"), (tag, kind + bytes(4) + description)]
        offset = 132 + 12 * len(tags)
        table, values = struct.pack(">I", len(tags)), b""
        for name, value in tags:
            table += struct.pack(">4sII", name, offset + len(values), len(value))
            values += value
        body = (bytes(32) + b"acsp" + bytes(88) + table + values)[: 1 << 20]
        return struct.pack(">I", len(body) + 4) + body

    return build


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
