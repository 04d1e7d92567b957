"""Metadata: every field of a file by group (EXIF, MakerNote, XMP, IPTC, ICC, MPF …), as text; which are private.

bytes → groups of (name, text). Private are places, serial numbers and names of people. A field is known to be private
by its name, or because its text holds what another field gives as a serial number or a name. What a MakerNote has
without a readable name may be either, so it is private as well.
"""

import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from forensics.jpeg.segments import EXIF_IDENTIFIER, XMP_EXTENSION_IDENTIFIER, XMP_IDENTIFIER, Segment
from forensics.metadata.colour_profile import joined_profile, profile_fields
from forensics.metadata.exif.listing import all_tags
from forensics.metadata.exif.tiff import ENDIANS, read_directory
from forensics.metadata.iptc import IPTC_RESOURCE, PHOTOSHOP_IDENTIFIER, image_resources, iptc_records
from forensics.metadata.multi_picture import MPF_IDENTIFIER, listed_images
from forensics.metadata.text import clean, clean_bytes
from forensics.metadata.xmp_listing import xmp_properties
from train.prediction.reading import Kind

FIELDS_MAX = 600
"""Most fields listed of one group."""
KEPT_PRIVATE = "kept private; --private shows it"
_PROFILE_BYTES_MAX = 1 << 20
_EXIF_GROUPS = {
    "Image": "EXIF (IFD0)", "EXIF": "EXIF", "GPS": "GPS", "Interoperability": "EXIF (Interoperability)",
    "Thumbnail": "EXIF (IFD1, the thumbnail)", "MakerNote": "MakerNote",
}  # fmt: skip
_PRIVATE = re.compile(
    r"gps|latitude|longitude|altitude|serial|owner|artist|creator(?!tool)|author|by-?line|copyright|rights|credit"
    r"|contact|writer|editor$|city|location|province|state$|country|address|email|phone|person|regions?/.*name"
    r"|mwg-rs:name|uniqueid|unique_id|documentid|instanceid|username"
    r"|flightyaw|flightpitch|flightroll|xpauthor|tag 0x|^raw profile type",  # the last holds EXIF whole, in hexadecimal
    re.IGNORECASE,
)
_SECRET = re.compile(r"serial|owner|artist|creator|author|by-?line|contact|person|username|mwg-rs:name", re.IGNORECASE)
_HARMLESS = re.compile(r"version|^GPS GPS(Date|TimeStamp)|^ICC|APP13|editstatus|statecount", re.IGNORECASE)
_SECRET_CHARACTERS_MIN = 5
"""Shortest text of a private field that is looked for in other fields as well."""
_PNG_TEXTS = (b"tEXt", b"iTXt", b"zTXt")


@dataclass(frozen=True)
class Metadata:
    """The fields of a file by group, in the order of the report; `private`: those that are, as (group, name)."""

    groups: Mapping[str, tuple[tuple[str, str], ...]]
    private: frozenset[tuple[str, str]]

    def shown(self, group: str, *, private: bool) -> list[tuple[str, str]]:
        """Return the fields of a group, those that are private without their text unless `private`."""
        return [
            (name, text if private or (group, name) not in self.private else KEPT_PRIVATE)
            for name, text in self.groups[group]
        ]


def read_metadata(data: bytes, kind: Kind, segments: list[Segment]) -> Metadata:
    """Return every field of a file; `segments`: those of a JPEG's header. What is broken is left out."""
    blocks = _of_jpeg(data, segments) if kind == "JPEG" else _of_others(data, kind)
    groups: dict[str, list[tuple[str, str]]] = {}
    for group, name, text in blocks:
        fields = groups.setdefault(group, [])
        if len(fields) < FIELDS_MAX:
            fields.append((name, text))
    return Metadata({group: tuple(fields) for group, fields in groups.items()}, _private(groups))


def _private(groups: Mapping[str, list[tuple[str, str]]]) -> frozenset[tuple[str, str]]:
    named = {
        (group, name): text
        for group, fields in groups.items()
        for name, text in fields
        if (_PRIVATE.search(name) or group == "GPS") and not _HARMLESS.search(f"{group} {name}")
    }
    public = {text for fields in groups.values() for name, text in fields if name in ("Make", "Model", "Software")}
    secrets = {
        text
        for (_, name), text in named.items()
        if _SECRET.search(name) and len(text) >= _SECRET_CHARACTERS_MIN and text not in public and text[0] != "["
    }
    copied = {
        (group, name)
        for group, fields in groups.items()
        for name, text in fields
        if any(secret in text for secret in secrets)
    }
    return frozenset(named) | copied


def _of_jpeg(data: bytes, segments: list[Segment]) -> Iterator[tuple[str, str, str]]:
    def payloads(name: str) -> Iterator[bytes]:
        return (data[segment.payload_start : segment.end] for segment in segments if segment.name == name)

    for payload in payloads("APP0:JFIF"):
        if len(payload) >= 14:
            unit = {0: "no unit", 1: "dots per inch", 2: "dots per cm"}.get(payload[7], "unknown unit")
            density = f"{int.from_bytes(payload[8:10])}×{int.from_bytes(payload[10:12])} {unit}"
            yield "JFIF", "Version", f"{payload[5]}.{payload[6]:02}"
            yield "JFIF", "Density", density
            yield "JFIF", "Thumbnail", f"{payload[12]}×{payload[13]} px"
    for payload in payloads("APP1:Exif"):
        yield from _exif(payload[len(EXIF_IDENTIFIER) + 1 :])
    yield from _xmp(b"".join(payload[len(XMP_IDENTIFIER) :] for payload in payloads("APP1:XMP")))
    extended = len(XMP_EXTENSION_IDENTIFIER) + 40
    yield from _xmp(b"".join(payload[extended:] for payload in payloads("APP1:XMP-extension")))
    for payload in payloads("APP13:Photoshop"):
        for number, name, resource in image_resources(payload[len(PHOTOSHOP_IDENTIFIER) :]):
            yield "Photoshop (APP13)", name, f"{len(resource):,} bytes"
            if number == IPTC_RESOURCE:
                yield from (("IPTC", *record) for record in iptc_records(resource))
    yield from _icc(joined_profile(payloads("APP2:ICC")))
    for segment in segments:
        if segment.name == "APP2:MPF" and data.startswith(MPF_IDENTIFIER, segment.payload_start):
            images = listed_images(data[segment.payload_start : segment.end], segment.payload_start)
            for number, image in enumerate(images, 1):
                yield "MPF", f"Image {number}", f"{image.kind}, {image.size_bytes:,} bytes at {image.offset:,}"
    for payload in payloads("COM"):
        yield "Comments", "COM", clean_bytes(payload) or "empty"


def _of_others(data: bytes, kind: Kind) -> Iterator[tuple[str, str, str]]:
    if kind == "TIFF":
        yield from _of_tiff(data)
    elif kind in ("HEIC", "AVIF"):
        yield from _of_boxes(data, kind)
    else:
        yield from _of_chunks(data, kind)


def _of_tiff(data: bytes) -> Iterator[tuple[str, str, str]]:
    yield from _exif(data)
    endian = ENDIANS.get(data[:2])
    if endian is None:
        return
    at = int.from_bytes(data[4:8], "little" if endian == "<" else "big")
    found = read_directory(data, endian, at, "IFD0", frozenset((700, 33723, 34675)), [])
    for tag, entry in sorted(found.entries.items()) if found else ():
        block = data[entry.at : entry.at + min(entry.size_bytes, _PROFILE_BYTES_MAX)]
        if tag == 700:
            yield from _xmp(block)
        elif tag == 33723:
            yield from (("IPTC", *record) for record in iptc_records(block))
        else:
            yield from _icc(block)


def _of_boxes(data: bytes, kind: Kind) -> Iterator[tuple[str, str, str]]:
    info: Mapping[Any, Any]
    try:
        if kind == "HEIC":
            import pillow_heif

            info = pillow_heif.open_heif(data).info
        else:
            with Image.open(io.BytesIO(data), formats=["AVIF"]) as image:
                info = image.info
    except (ImportError, ValueError, OSError, RuntimeError, SyntaxError, EOFError):
        return
    yield from _exif((info.get("exif") or b"").removeprefix(b"Exif\0\0"))
    yield from _xmp(info.get("xmp") or b"")
    yield from _icc(info.get("icc_profile") or b"")


def _of_chunks(data: bytes, kind: Kind) -> Iterator[tuple[str, str, str]]:
    from examiner.detectors.structure.parts import parts_of

    for part in parts_of(data, kind):
        payload = data[part.start + 8 : part.end - (4 if kind == "PNG" else 0)]
        if part.name in ("eXIf", "EXIF"):
            yield from _exif(payload.removeprefix(b"Exif\0\0"))
        elif part.name == "XMP" or payload.startswith(b"XML:com.adobe.xmp\0"):
            yield from _xmp(payload.removeprefix(b"XML:com.adobe.xmp\0").lstrip(b"\0"))
        elif part.name == "ICCP":
            yield from _icc(payload)
        elif part.name == "iCCP":
            compressed = payload.partition(b"\0")[2][1:]
            try:
                yield from _icc(zlib.decompressobj().decompress(compressed, _PROFILE_BYTES_MAX))
            except zlib.error:
                continue
        elif part.name.encode() in _PNG_TEXTS:
            key, _, text = payload.partition(b"\0")
            yield "PNG text", clean_bytes(key) or "text", clean_bytes(text.lstrip(b"\0")) or "compressed"


def _exif(tiff: bytes) -> Iterator[tuple[str, str, str]]:
    for name, text in all_tags(tiff).items():
        directory, _, tag = name.partition(" ")
        yield _EXIF_GROUPS.get(directory, "EXIF"), tag or directory, text


def _xmp(packet: bytes) -> Iterator[tuple[str, str, str]]:
    yield from (("XMP", name, text) for name, text in xmp_properties(packet))


def _icc(profile: bytes) -> Iterator[tuple[str, str, str]]:
    yield from (("ICC profile", name, clean(text) or "") for name, text in profile_fields(profile))
