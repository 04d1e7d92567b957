"""Reading: a file's bytes and what kind of file they are; refuses pipes, archives and all that is no photograph."""

import os
import stat
from typing import Literal

from corpus.text import size
from forensics.metadata.previews import raw_form
from train.prediction.finding import ARCHIVE_FAULT

FILE_MAX_BYTES = 2 << 30
"""Largest file that is read: the largest picture that is decoded takes 600 MB, with 16 bits a channel 1.2 GB."""

Kind = Literal["JPEG", "PNG", "WebP", "TIFF", "HEIC", "AVIF"]

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_ARCHIVES = (
    b"PK\3\4",
    b"PK\5\6",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\7",
    b"\x28\xb5\x2f\xfd",
)
_TAR_AT, _TAR = 257, b"ustar"
_OTHERS = {
    b"GIF8": "is a GIF: its 256 colours keep no trace of a camera",
    b"%PDF": "is a PDF; take the photographs out of it",
    b"BM": "is a BMP; save it as PNG, which keeps its pixels",
    b"8BPS": "is a Photoshop document; export it as PNG or TIFF",
    b"\xff\x0a": "is a JPEG XL, which is not read; save it as PNG",
    b"\0\0\0\x0cJXL ": "is a JPEG XL, which is not read; save it as PNG",
    b"\0\0\0\x0cjP  ": "is a JPEG 2000, which is not read; save it as PNG",
    b"\xff\x4f\xff\x51": "is a JPEG 2000, which is not read; save it as PNG",
    b"RIFF": "is a film or a sound, not a photograph",
}
_RAW = "is a raw file; give the JPEG that the camera wrote"


def read_file(path: str) -> bytes:
    """Return the bytes of a regular file; OSError where it cannot be read, ValueError for anything else than one."""
    # a pipe would else keep the command waiting for somebody to write into it
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is a pipe, a socket or a device, not a file")
        data = opened.read(FILE_MAX_BYTES + 1)
        if len(data) > FILE_MAX_BYTES:
            raise ValueError(f"has {size(status.st_size)}, more than the largest photograph ({size(FILE_MAX_BYTES)})")
        return data


def kind_of(data: bytes) -> Kind:
    """Return what kind of picture the first bytes begin, whatever its name; ValueError says what is not judged."""
    if not data:
        raise ValueError("is empty")
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[4:8] == b"ftyp":
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(int.from_bytes(data[:4]), 128), 4))}
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIC"
        raise ValueError("is a film, not a photograph" if raw_form(data) is None else _RAW)
    if data.startswith(_ARCHIVES) or data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise ValueError(ARCHIVE_FAULT)
    if raw_form(data) is not None:
        raise ValueError(_RAW)
    for start, fault in _OTHERS.items():
        if data.startswith(start):
            raise ValueError(fault)
    raise ValueError("is no JPEG, PNG, WebP, HEIC, AVIF or TIFF")
