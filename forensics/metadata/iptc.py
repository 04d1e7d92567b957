"""IPTC: lists the image resources of a Photoshop segment (APP13), and the IPTC-IIM records in one of them.

bytes → rows of text. Layout: Adobe Photoshop File Formats Specification, "Image Resource Blocks"; IPTC-NAA Information
Interchange Model 4.2, chapter 1.5 (standard data sets; extended ones are passed over). What is broken ends the list;
nothing raises. Private values (names, places) are among them: the caller decides what may be shown.
"""

from collections.abc import Iterator

from forensics.metadata.text import clean_bytes

PHOTOSHOP_IDENTIFIER = b"Photoshop 3.0\0"
IPTC_RESOURCE = 0x0404
RESOURCES_MAX = 200
RECORDS_MAX = 400

_MARK = b"8BIM"
_RESOURCES = {
    0x03ED: "ResolutionInfo", 0x03F3: "PrintFlags", 0x0404: "IPTC", 0x0406: "JPEGQuality", 0x040A: "CopyrightFlag",
    0x040B: "URL", 0x040C: "Thumbnail", 0x040F: "ICCProfile", 0x0414: "DocumentIDs", 0x0419: "GlobalAltitude",
    0x041A: "Slices", 0x0421: "VersionInfo", 0x0422: "EXIF", 0x0424: "XMP", 0x0425: "CaptionDigest",
    0x0426: "PrintScale", 0x2710: "PrintFlagsInformation",
}  # fmt: skip
_DATA_SETS = {
    5: "ObjectName", 7: "EditStatus", 10: "Urgency", 15: "Category", 20: "SupplementalCategories", 25: "Keywords",
    30: "ReleaseDate", 40: "SpecialInstructions", 55: "DateCreated", 60: "TimeCreated", 62: "DigitalCreationDate",
    63: "DigitalCreationTime", 65: "OriginatingProgram", 70: "ProgramVersion", 80: "By-line", 85: "By-lineTitle",
    90: "City", 92: "Sub-location", 95: "Province-State", 100: "Country-Code", 101: "Country",
    103: "OriginalTransmissionReference", 105: "Headline", 110: "Credit", 115: "Source", 116: "CopyrightNotice",
    118: "Contact", 120: "Caption-Abstract", 122: "Writer-Editor",
}  # fmt: skip
"""Of record 2, the application record."""


def image_resources(payload: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Yield number, name and data of each resource in the payload of an APP13 segment, the identifier left out."""
    at = 0
    for _ in range(RESOURCES_MAX):
        if payload[at : at + 4] != _MARK:
            return
        number = int.from_bytes(payload[at + 4 : at + 6])
        name_bytes = 1 + payload[at + 6] if at + 6 < len(payload) else 1
        size_at = at + 6 + name_bytes + name_bytes % 2
        size_bytes = int.from_bytes(payload[size_at : size_at + 4])
        begin = size_at + 4
        if begin + size_bytes > len(payload):
            return
        yield number, _RESOURCES.get(number, f"Resource 0x{number:04X}"), payload[begin : begin + size_bytes]
        at = begin + size_bytes + size_bytes % 2


def iptc_records(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and text of each record of IPTC data, at most 256 characters each."""
    at = 0
    for _ in range(RECORDS_MAX):
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            return
        record, data_set = data[at + 1], data[at + 2]
        size_bytes = int.from_bytes(data[at + 3 : at + 5])
        if size_bytes & 0x8000:  # an extended data set, of more than 32 kB
            return
        text = clean_bytes(data[at + 5 : at + 5 + size_bytes])
        if record == 2 and data_set and text:
            yield _DATA_SETS.get(data_set, f"Record 2:{data_set}"), text
        at += 5 + size_bytes
