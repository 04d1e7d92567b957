"""Spoiling: turns a capture into the bytes of an upload, with one function for each way of spoiling it.

Photo sites hold edited, shrunk, re-saved, stripped and broken files beside genuine ones, and pictures that no camera
took. `SPOILINGS` lists all ways with the reasons curation must give. The functions are pure: equal captures give equal
bytes.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from demo.simulation.cameras import CameraModel, Picture
from demo.simulation.exif import Exposure, exif_block
from demo.simulation.jpeg import Segment, Tables, encode
from forensics.jpeg.quality import scaled_tables

_THUMBNAIL_WIDTH_PX = 160
# the XMP of a program that saved the file
_XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{tool}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


@dataclass(frozen=True)
class Capture:
    """A picture that a camera took, before it is written to a file."""

    camera: CameraModel
    picture: Picture
    exposure: Exposure


@dataclass(frozen=True)
class Spoiling:
    """One way of spoiling: its kind, the function that does it, and the reasons curation must give."""

    kind: str
    apply: Callable[[Capture], bytes] | None
    """None: the upload is a copy of another upload's file."""
    expected_reasons: tuple[str, ...]
    has_camera: bool = True
    """False: no camera of the catalogue took the picture."""


def genuine(capture: Capture) -> bytes:
    """Return the file as the camera itself writes it."""
    return _written(capture, capture.camera.tables, capture.camera.subsampling)


def edited_by_software(capture: Capture) -> bytes:
    """Return the picture with its contrast changed, saved by an editor at native size and high quality."""
    tool = "Adobe Photoshop CC 2019 (Windows)"
    curve = np.clip(128 + (np.arange(256) - 128) * 1.15 + 6, 0, 255).astype(np.uint8)
    edited = _saved_by(capture, tool, np.asarray(cv2.LUT(capture.picture, curve), np.uint8))
    resources = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0"
    return _written(edited, scaled_tables(98), "4:4:4", (_xmp(tool), (0xED, resources)))


def edited_and_shrunk(capture: Capture) -> bytes:
    """Return the picture exported for the web: an editor's name, a smaller size, a lower quality."""
    tool = "Adobe Photoshop Lightroom Classic 8.2 (Macintosh)"
    shrunk = _resized(capture, 0.5)
    return _written(_saved_by(shrunk, tool, shrunk.picture), scaled_tables(85), "4:2:0", (_xmp(tool),))


def resized(capture: Capture) -> bytes:
    """Return the picture at eight tenths of its size, with the new size in its EXIF."""
    return genuine(_resized(capture, 0.8))


def cropped(capture: Capture) -> bytes:
    """Return a part of the picture, with the size of the whole in its EXIF."""
    height, width = capture.picture.shape[:2]
    left, top = width // 8, height // 8
    return genuine(replace(capture, picture=np.ascontiguousarray(capture.picture[top : -top or None, left:])))


def recompressed(capture: Capture) -> bytes:
    """Return the picture saved again at IJG quality 80, by a program that does not leave its name."""
    return _written(capture, scaled_tables(80), "4:2:0")


def no_exif(capture: Capture) -> bytes:
    """Return the camera's file without its EXIF, pixels untouched."""
    return encode(capture.picture, capture.camera.tables, capture.camera.subsampling)


def truncated(capture: Capture) -> bytes:
    """Return the first six tenths of the camera's file, as a broken upload leaves it."""
    data = genuine(capture)
    return data[: len(data) * 6 // 10]


def not_jpeg(capture: Capture) -> bytes:
    """Return a PNG, which is not what the file's name says."""
    buffer = io.BytesIO()
    Image.fromarray(_resized(capture, 0.5).picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def unknown_camera(capture: Capture) -> bytes:
    """Return a file by the model's successor, whose name begins with the model's own."""
    exposure = replace(capture.exposure, model=f"{capture.exposure.model}s", serial_number=None)
    return genuine(replace(capture, exposure=exposure))


def screenshot(capture: Capture) -> bytes:
    """Return a screenshot of a phone that shows the picture: no camera, no EXIF, JFIF, quality 90."""
    height, width = capture.picture.shape[:2]
    screen = np.full((height, width, 3), 245, np.uint8)
    shown = _resized(capture, 0.5).picture
    screen[height // 8 : height // 8 + shown.shape[0], : shown.shape[1]] = shown
    cv2.rectangle(screen, (0, 0), (width, height // 16), (32, 64, 128), thickness=-1)
    for line in range(6):
        row = height * 11 // 16 + line * height // 20
        cv2.putText(screen, "lorem ipsum dolor sit", (width // 20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40, 40, 40), 1)
    buffer = io.BytesIO()
    Image.fromarray(screen).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


SPOILINGS: tuple[Spoiling, ...] = (
    Spoiling("edited_by_software", edited_by_software, ("edited_by_software", "changed_later")),
    Spoiling("recompressed", recompressed, ("low_quality_factor",)),
    Spoiling("resized", resized, ("not_native_size",)),
    Spoiling(
        "edited_and_shrunk",
        edited_and_shrunk,
        ("edited_by_software", "changed_later", "not_native_size", "low_quality_factor"),
    ),
    Spoiling("no_exif", no_exif, ("no_camera_model",)),
    Spoiling("unknown_camera", unknown_camera, ("camera_unknown",), has_camera=False),
    Spoiling("cropped", cropped, ("size_disagrees", "not_native_size")),
    Spoiling("truncated", truncated, ("truncated",)),
    Spoiling("not_jpeg", not_jpeg, ("unreadable",)),
    Spoiling("screenshot", screenshot, ("no_camera_model", "low_quality_factor"), has_camera=False),
    Spoiling("duplicate_other_owner", None, ("duplicate",)),
    Spoiling("duplicate_other_camera", None, ("duplicate",)),
    Spoiling("duplicate_other_site", None, ("duplicate",)),
)


def _written(capture: Capture, tables: Tables, subsampling: str, behind_exif: tuple[Segment, ...] = ()) -> bytes:
    """Return the capture as a file with EXIF, and with a thumbnail where the model writes one."""
    thumbnail = None
    if capture.camera.writes_thumbnail:
        height, width = capture.picture.shape[:2]
        size = (_THUMBNAIL_WIDTH_PX, max(1, _THUMBNAIL_WIDTH_PX * height // width))
        small = np.asarray(cv2.resize(capture.picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        thumbnail = encode(small, scaled_tables(85), "4:2:2")
    exif = exif_block(capture.exposure, capture.camera.byte_order, thumbnail)
    segments = ((0xE1, b"Exif\0\0" + exif), *behind_exif)
    return encode(capture.picture, tables, subsampling, segments)


def _resized(capture: Capture, factor: float) -> Capture:
    height, width = capture.picture.shape[:2]
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    picture = np.asarray(cv2.resize(capture.picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return replace(capture, picture=picture, exposure=replace(capture.exposure, width_px=size[0], height_px=size[1]))


def _saved_by(capture: Capture, tool: str, picture: Picture) -> Capture:
    modified_at = capture.exposure.taken_at[:11] + "23:30:00"  # later than any photograph, all taken by day
    return replace(capture, picture=picture, exposure=replace(capture.exposure, software=tool, modified_at=modified_at))


def _xmp(tool: str) -> Segment:
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _XMP.format(tool=tool).encode()
