"""Frame: reads size, coding process and sampling from the payloads of SOF and SOS (ITU-T T.81, B.2.2 and B.2.3).

Refuses frames without a size (a height of 0 defers it to a DNL segment after the scan), without components, with
sampling factors outside 1..4, and the differential frames of hierarchical JPEGs.
"""

import struct
from dataclasses import dataclass

from forensics.errors import JpegError
from forensics.jpeg.segments import DAC, DHT, JPG, SOF0, SOF15, Segment

CODINGS = {0: "baseline", 1: "extended", 2: "progressive", 3: "lossless", 9: "arithmetic", 10: "arithmetic",
           11: "arithmetic"}  # fmt: skip

DECODED_MAX_PX = 200_000_000
"""Largest picture that is decoded, at up to 3 bytes a pixel; the largest cameras on sale make 200 megapixels."""

_RATIO_NAMES = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}


@dataclass(frozen=True, slots=True)
class Component:
    """One colour component: its identifier, sampling factors 1..4 and the number of its quantisation table."""

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame header says; sizes in pixels."""

    coding: str
    precision_bits: int
    width_px: int
    height_px: int
    components: tuple[Component, ...]

    @property
    def mcu_size_px(self) -> tuple[int, int]:
        """Width and height of a minimum coded unit (A.2); a single component has 8x8, whatever its factors."""
        unit_px = 1 if self.coding == "lossless" else 8
        if len(self.components) == 1:
            return unit_px, unit_px
        return (
            unit_px * max(component.horizontal for component in self.components),
            unit_px * max(component.vertical for component in self.components),
        )

    @property
    def subsampling(self) -> str:
        """`grey`, the usual name for the ratio of three components, or the factors as stated."""
        if len(self.components) == 1:
            return "grey"
        if len(self.components) == 3:
            luma, first, second = self.components
            alike = (first.horizontal, first.vertical) == (second.horizontal, second.vertical)
            if alike and luma.horizontal % first.horizontal == 0 and luma.vertical % first.vertical == 0:
                name = _RATIO_NAMES.get((luma.horizontal // first.horizontal, luma.vertical // first.vertical))
                if name is not None:
                    return name
        return ",".join(f"{component.horizontal}x{component.vertical}" for component in self.components)


def is_frame(marker: int) -> bool:
    """Whether `marker` is one of SOF0..SOF15 (DHT, JPG and DAC have numbers among them)."""
    return SOF0 <= marker <= SOF15 and marker not in (DHT, JPG, DAC)


def read_frame(data: bytes, segment: Segment) -> Frame:
    """Return the frame header in `segment`; raises JpegError where it violates the standard."""
    coding = CODINGS.get(segment.marker - SOF0)
    if coding is None:
        raise JpegError(f"{segment.name} is a differential frame of a hierarchical JPEG", segment.offset)
    payload = data[segment.payload_start : segment.end]
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise JpegError(f"{segment.name} has {len(payload)} bytes, not 6 and 3 for each component", segment.offset)
    precision_bits, height_px, width_px, count = struct.unpack(">BHHB", payload[:6])
    if width_px == 0 or height_px == 0:
        raise JpegError(f"{segment.name} states a size of {width_px}x{height_px}", segment.offset)
    if count == 0 or not 2 <= precision_bits <= 16:
        raise JpegError(f"{segment.name} states {count} components of {precision_bits} bits", segment.offset)
    components = tuple(
        Component(identifier, factors >> 4, factors & 15, table)
        for identifier, factors, table in struct.iter_unpack("BBB", payload[6:])
    )
    for component in components:
        if not (1 <= component.horizontal <= 4 and 1 <= component.vertical <= 4):
            factors_text = f"{component.horizontal}x{component.vertical}"
            raise JpegError(f"{segment.name} states sampling factors of {factors_text}", segment.offset)
    return Frame(coding, precision_bits, width_px, height_px, components)


def read_scan_components(data: bytes, segment: Segment) -> tuple[int, ...]:
    """Return the identifiers of the components coded in the scan that `segment`, an SOS, begins."""
    payload = data[segment.payload_start : segment.end]
    if not payload or not 1 <= payload[0] <= 4 or len(payload) != 4 + 2 * payload[0]:
        raise JpegError(f"SOS of {len(payload)} bytes", segment.offset)
    return tuple(payload[1 : 1 + 2 * payload[0] : 2])
