"""What a file is made of: its parts, the pictures in it, its fields by group, and which of them stay private."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from examiner.detectors.structure.drawing import WIDTH_PX, drawn
from examiner.detectors.structure.metadata import KEPT_PRIVATE, read_metadata
from examiner.detectors.structure.parts import parts_of
from examiner.finding import Finding, Picture, Table
from examiner.findings.file import file_metadata, file_pictures, file_structure
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from forensics.jpeg.segments import header_segments


def picture(width_px: int, height_px: int, **save: object) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (height_px, width_px, 3), np.uint8)
    saved = io.BytesIO()
    Image.fromarray(pixels).save(saved, **({"format": "JPEG", "quality": 80} | save))
    return saved.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif_segment(**texts: str) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Alder", "Alder C1"
    exif[0x013B] = texts.get("artist", "")
    exif.get_ifd(0x8769)[0xA431] = texts.get("serial", "")
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 14.0)
    return segment(0xE1, b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"))


def xmp_segment(body: str) -> bytes:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode())


def iptc_segment(*records: tuple[int, bytes]) -> bytes:
    data = b"".join(b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(text)) + text for number, text in records)
    resource = b"8BIM" + struct.pack(">H", 0x0404) + b"\0\0" + struct.pack(">I", len(data)) + data
    return segment(0xED, b"Photoshop 3.0\0" + resource + bytes(len(data) % 2))


@pytest.fixture(scope="module")
def whole() -> bytes:
    jpeg = with_segments(
        picture(64, 48),
        exif_segment(artist="Ada Lovelace", serial="C0FFEE77"),
        xmp_segment("<xmp:CreatorTool>Firmware C0FFEE77</xmp:CreatorTool><xmp:Rating>3</xmp:Rating>"),
        iptc_segment((80, b"Ada Lovelace"), (105, b"A harbour")),
        segment(0xFE, b"hello"),
    )
    return jpeg + picture(32, 24)


def of(data: bytes, asked: object, **known: object) -> Finding:
    (only,) = asked(Photograph(data), Knowledge(**known))  # type: ignore[operator]
    return only


def cells(finding: Finding) -> Iterator[tuple[str, str, str]]:
    for evidence in finding.evidence:
        assert isinstance(evidence, Table)
        yield from ((evidence.title, *row) for row in evidence.rows)  # type: ignore[misc]


@pytest.mark.parametrize("save", [{}, {"progressive": True}, {"format": "PNG"}, {"format": "WebP"}, {"format": "TIFF"}])
def test_parts_cover_the_file_without_gaps_or_overlaps(save: dict[str, object]) -> None:
    data = picture(64, 48, **save) + b"more"
    parts = parts_of(data, Photograph(data).kind)
    assert [part.start for part in parts] == [0, *(part.end for part in parts[:-1])]
    assert parts[-1].end == len(data)


def test_parts_of_a_jpeg_are_its_segments_scans_and_what_follows(whole: bytes) -> None:
    names = [part.name for part in parts_of(whole, "JPEG")]
    assert names[:6] == ["SOI", "APP1:Exif", "APP1:XMP", "APP13:Photoshop", "COM", "APP0:JFIF"]
    assert names[-3:] == ["scan data", "EOI", "JPEG 2"]
    scans = [part.name for part in parts_of(picture(64, 48, progressive=True), "JPEG")].count("scan data")
    assert scans == 10


def chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def test_more_parts_than_are_listed_are_not_taken_for_bytes_behind_the_image() -> None:
    header, *_, end = (part for part in parts_of(picture(64, 48, format="PNG"), "PNG") if part.name != "signature")
    data = picture(64, 48, format="PNG")
    many = data[: header.end] + chunk(b"abCd", b"") * 3000 + data[header.end :]
    finding = of(many, file_structure)
    assert finding.statement == "It has more than 2,000 parts."
    assert parts_of(many, "PNG")[-1].end == len(many)
    assert end.name == "IEND"


def test_what_follows_the_stated_end_of_a_webp_stands_behind_its_image() -> None:
    finding = of(picture(64, 48, format="WebP") + b"VP8 appended bytes", file_structure)
    assert finding.statement.endswith("; 18 B follow the end of its image.")


def test_a_cut_file_has_parts_up_to_its_end() -> None:
    data = picture(64, 48)[:-700]
    assert parts_of(data, "JPEG")[-1].end == len(data)


def test_the_drawing_is_to_scale_and_always_the_same(whole: bytes) -> None:
    parts = parts_of(whole, "JPEG")
    once = drawn(parts)
    assert once == drawn(parts)
    pixels = np.asarray(Image.open(io.BytesIO(once)).convert("RGB"))
    assert pixels.shape[1] == WIDTH_PX
    bar = pixels[40]
    second = next(part for part in parts if part.name == "JPEG 2")
    share = (bar == (92, 164, 112)).all(axis=1).sum() / (WIDTH_PX - 20)
    assert share == pytest.approx(second.size_bytes / len(whole), abs=0.03)


def test_the_structure_says_what_follows_the_picture(whole: bytes) -> None:
    assert "follow the end of its image" in of(whole, file_structure).statement
    assert "follow" not in of(picture(64, 48), file_structure).statement


def test_pictures_in_and_behind_a_file_are_shown() -> None:
    thumbnail = picture(40, 30)
    preview = segment(0xE5, b"Preview\0" + picture(80, 60))
    tiff = b"II*\0\x08\0\0\0\0\0\x0e\0\0\0\x02\0" + struct.pack("<HHII", 0x0201, 4, 1, 44)
    tiff += struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4) + thumbnail
    data = with_segments(picture(64, 48), segment(0xE1, b"Exif\0\0" + tiff), preview) + picture(32, 24)
    finding = of(data, file_pictures)
    assert "EXIF's thumbnail, 40×30 px" in finding.statement
    assert "in APP5:Preview, 80×60 px" in finding.statement
    assert "behind the end of the image, 32×24 px" in finding.statement
    shown = [each for each in finding.evidence if isinstance(each, Picture)]
    assert [Image.open(io.BytesIO(each.data)).size for each in shown] == [(40, 30), (80, 60), (32, 24)]


def test_pixels_that_look_like_the_start_of_a_picture_are_none() -> None:
    data = with_segments(picture(64, 48), segment(0xE5, b"\xff\xd8\xff" * 3000))
    assert "no other picture" in of(data, file_pictures).statement


def test_fields_are_listed_by_group(whole: bytes) -> None:
    found = set(cells(of(whole, file_metadata, private=True)))
    assert ("EXIF (IFD0)", "Model", "Alder C1") in found
    assert ("XMP", "xmp:Rating", "3") in found
    assert ("IPTC", "Headline", "A harbour") in found
    assert ("Comments", "COM", "hello") in found
    assert ("JFIF", "Density", "1×1 no unit") in found


def test_places_serial_numbers_and_names_are_kept_private(whole: bytes) -> None:
    finding = of(whole, file_metadata)
    shown = {(group, name): text for group, name, text in cells(finding)}
    for field in (("EXIF", "BodySerialNumber"), ("EXIF (IFD0)", "Artist"), ("IPTC", "By-line"), ("GPS", "GPSLatitude")):
        assert shown[field] == KEPT_PRIVATE
    assert "Lovelace" not in str(finding)
    assert shown["EXIF (IFD0)", "Model"] == "Alder C1"


def test_a_serial_number_is_private_wherever_it_is_repeated(whole: bytes) -> None:
    assert "C0FFEE77" not in str(of(whole, file_metadata))
    assert ("XMP", "xmp:CreatorTool", "Firmware C0FFEE77") in set(cells(of(whole, file_metadata, private=True)))


def test_exif_that_a_png_has_as_text_is_private() -> None:
    png = picture(20, 20, format="PNG")
    text = chunk(b"tEXt", b"Raw profile type exif\0\nexif\n12\n" + b"C0FFEE77".hex().encode())
    assert b"C0FFEE77".hex() not in str(of(png[:33] + text + png[33:], file_metadata))


def test_other_formats_have_their_fields_read() -> None:
    chunk = b"tEXtSoftware\0Painter 3"
    png = picture(20, 20, format="PNG")
    png = png[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]
    assert ("PNG text", "Software", "Painter 3") in set(cells(of(png, file_metadata)))
    exif = Image.Exif()
    exif[0x0110] = "Alder C1"
    for name in ("PNG", "WebP", "TIFF"):
        data = picture(20, 20, format=name, exif=exif)
        assert ("EXIF (IFD0)", "Model", "Alder C1") in set(cells(of(data, file_metadata))), name


def test_damaged_metadata_ends_the_list_and_nothing_else(whole: bytes) -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        bad = bytearray(whole[:3000])
        for at in random.integers(4, 1500, 12):
            bad[at] = random.integers(0, 256)
        try:
            segments = header_segments(bytes(bad), whole=True)
        except ValueError:
            continue
        read_metadata(bytes(bad), "JPEG", segments)
        parts_of(bytes(bad), "JPEG")
