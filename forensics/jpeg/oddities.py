"""Oddities: what some cameras write against the standard without any harm to the picture, and bytes without it.

Decoders warn of these as they warn of damage, but the coded picture is whole. This is the one list of what is harmless,
for curation, tiles and prediction alike; everything else that a decoder warns of is damage. libjpeg reports only the
first of several warnings, so a harmless one would hide a harmful one: a picture is therefore judged by a copy in memory
without its oddities, which must decode without any warning (`forensics.pixels.decoding`).

- SOS_PARAMETERS: a baseline scan header states a spectral selection other than 0..63 or an approximation other than 0
  (Samsung's cameras, "Invalid SOS parameters for sequential JPEG"). The numbers mean nothing in a sequential scan
  (ITU-T T.81, B.2.3, table B.3), and decoders do not use them.
- STRAY_BYTES: bytes after the last coded byte and before the end marker ("N extraneous bytes before marker 0xd9"):
  zeros, or a few arbitrary ones. Anywhere else in a scan they are damage.
- ZEROS: zeros before the marker of a header segment ("N extraneous bytes before marker 0x…").
"""

from collections.abc import Iterator, Sequence

from forensics.jpeg.scans import later_scans
from forensics.jpeg.segments import SOF0, Segment, header_segments

SOS_PARAMETERS = "sos_parameters"
STRAY_BYTES = "stray_bytes_before_eoi"
ZEROS = "zeros_between_segments"

STRAY_BYTES_MAX = 4
"""Most arbitrary bytes before the end marker that are harmless. A changed byte inside a scan can make a decoder end
early as well: of 1,380 damaged scans of originals, 121 had this as their only warning, by 6 bytes or more."""
STRAY_ZEROS_MAX = 65_536
"""Most zeros before the end marker that are harmless: padding to the end of a buffer. No coded data looks so."""

_UNREPORTED_MAX = 8
"""Most zeros of the padding that libjpeg does not report, since its bit buffer of 8 bytes holds them already."""
_SEQUENTIAL = (SOF0, SOF0 + 1)
_SCAN_PARAMETERS = b"\x00\x3f\x00"


def header_oddities(data: bytes, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Return the oddities that a header shows; `segments` of `data` end with the first SOS."""
    found = []
    if _is_sequential(segments) and _has_odd_parameters(data, segments[-1].end):
        found.append(SOS_PARAMETERS)
    end = 2
    for segment in segments:
        if segment.offset > end and data[end] == 0:
            found.append(ZEROS)
            break
        end = segment.end
    return tuple(found)


def without_oddities(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a whole file without the oddities that its markers show, and those found; `data` itself without any.

    Raises JpegError for a header that cannot be read. Stray bytes are found by decoding alone: `without_stray_bytes`.
    """
    segments = header_segments(data, whole=True)
    found = set(header_oddities(data, segments))
    odd_scans = [end for end in _scan_header_ends(data, segments) if _has_odd_parameters(data, end)]
    if odd_scans:
        found.add(SOS_PARAMETERS)
        patched = bytearray(data)
        for end in odd_scans:
            patched[end - 3 : end] = _SCAN_PARAMETERS
        data = bytes(patched)
    if ZEROS in found:
        scan_offset_bytes = segments[-1].end
        header = b"".join(data[segment.offset : segment.end] for segment in segments)
        data = data[:2] + header + data[scan_offset_bytes:]
    return data, tuple(sorted(found))


def without_stray_bytes(data: bytes, end: int, count: int, taken: int = 0) -> bytes | None:
    """Return a file without the last `count` bytes before its end marker; None where they are no harmless ones.

    `end`: the offset just after the end marker; `taken`: how many bytes were taken out before it already. Fill bytes of
    the marker (0xFF) do not count as stray.
    """
    marker_at = end - 2
    while data[marker_at - 1] == 0xFF:
        marker_at -= 1
    if not 0 < count <= marker_at:
        return None
    begin = marker_at - count
    if taken + count > STRAY_BYTES_MAX and not _is_padding(data, begin, data[begin:marker_at]):
        return None
    return data[:begin] + data[marker_at:]


def _is_padding(data: bytes, begin: int, stray: bytes) -> bool:
    """Whether stray bytes that begin at `begin` are zeros of which the decoder has taken none for coded data.

    Where a lost block of the file was filled with zeros, the decoder reads most of them before it is done.
    """
    before = data[begin - _UNREPORTED_MAX - 1 : begin]
    return len(stray) <= STRAY_ZEROS_MAX and not any(stray) and any(before)


def are_harmless_strays(stray: bytes, before: bytes) -> bool:
    """Whether bytes that a decoder has not taken when it is done, just before the end marker, are harmless.

    `before`: the bytes taken just before them. This is the rule of `without_stray_bytes` for a decoder that says
    exactly what it has taken: libjpeg does not report up to 8 bytes, so as many more are harmless here, and zeros after
    these.
    """
    most = STRAY_BYTES_MAX + _UNREPORTED_MAX
    if len(stray) <= most:
        return True
    is_short = len(stray.rstrip(b"\0")) <= most and len(stray) <= most + STRAY_ZEROS_MAX
    return is_short and any(before[-_UNREPORTED_MAX - 1 :] + stray)


def _is_sequential(segments: Sequence[Segment]) -> bool:
    return any(segment.marker in _SEQUENTIAL for segment in segments)


def _has_odd_parameters(data: bytes, scan_header_end: int) -> bool:
    return data[scan_header_end - 3 : scan_header_end] != _SCAN_PARAMETERS


def _scan_header_ends(data: bytes, segments: Sequence[Segment]) -> Iterator[int]:
    """Yield where each scan header of a sequential picture ends; those of other pictures have parameters that count."""
    if not _is_sequential(segments):
        return
    scan = segments[-1]
    yield scan.end
    frame = next(segment for segment in segments if segment.marker in _SEQUENTIAL)
    components = data[frame.payload_start + 5 : frame.payload_start + 6]
    if data[scan.payload_start : scan.payload_start + 1] < components:  # the others are coded in scans of their own
        yield from later_scans(data, scan.end)
