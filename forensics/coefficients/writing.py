"""Writing: writes a rectangle of a photograph's DCT coefficients as a bare baseline JPEG (ITU-T T.81, annexes B and F).

The coefficients and quantisation tables stay as they are. Huffman tables are made for the rectangle (K.2), one pair for
luma and one for chroma. Nothing but SOI, DQT, SOF0, DHT, DRI (with restart markers), SOS and EOI is written.
"""

from math import gcd

import numpy as np
from numpy.typing import NDArray

from forensics.coefficients.huffman import codes_for
from forensics.coefficients.photograph import Coefficients
from forensics.jpeg.frame import Component
from forensics.jpeg.segments import DHT, DQT, DRI, EOI, SOF0, SOI, SOS
from forensics.jpeg.tables import ZIGZAG_OF_NATURAL

RESTART_MCUS_MAX = 65_535
_NATURAL = np.argsort(ZIGZAG_OF_NATURAL)


def write_rectangle(
    photo: Coefficients, x_px: int, y_px: int, width_px: int, height_px: int, *, restart_mcus: int = 0
) -> bytes:
    """Return a rectangle of `photo` as a baseline JPEG with its tables and coefficients and nothing else.

    All four numbers, in pixels, must be multiples of the MCU's size; width and height also may reach to the
    photograph's right and lower edge. A restart marker follows every `restart_mcus` MCUs (0: none) of the JPEG that is
    written; its sampling factors are in lowest terms. Raises ValueError for other numbers, and for coefficients out of
    the range of 8-bit pictures (tables F.1 and F.2).
    """
    from forensics.coefficients import encode_kernel

    _check_place(photo, x_px, y_px, width_px, height_px)
    if not 0 <= restart_mcus <= RESTART_MCUS_MAX:
        raise ValueError(f"a restart marker every {restart_mcus} MCUs: not within 0..{RESTART_MCUS_MAX}")
    factors = _factors(photo.frame.components)
    luma = photo.frame.components[0]
    widest, highest = factors[0]
    mcu_columns, mcu_rows = -(-width_px // (8 * widest)), -(-height_px // (8 * highest))
    parts, nonzero, blocks = [], 0, 0
    arrays = [np.ascontiguousarray(component, np.int16) for component in photo.components]
    for index, (array, component) in enumerate(zip(arrays, photo.frame.components, strict=True)):
        step_x_px = 8 * luma.horizontal // component.horizontal
        step_y_px = 8 * luma.vertical // component.vertical
        row, column = y_px // step_y_px, x_px // step_x_px
        rows = min(-(-height_px // step_y_px), array.shape[0] - row)
        columns = min(-(-width_px // step_x_px), array.shape[1] - column)
        place = np.array([row, row + rows, column, column + columns], np.int64)
        nonzero += encode_kernel.count_nonzero(array, place)
        blocks += mcu_columns * mcu_rows * factors[index][0] * factors[index][1]
        parts.append((row, column, rows, columns, *factors[index], 2 * (index > 0)))
    symbols = np.empty(nonzero + blocks * encode_kernel.SYMBOLS_OF_A_BLOCK + mcu_columns * mcu_rows, np.uint32)
    counts = np.zeros((4, 256), np.int64)
    first, second, third = (arrays * 3)[:3]
    mcus = np.array([mcu_columns, mcu_rows, restart_mcus], np.int64)
    filled, wrong = encode_kernel.collect(first, second, third, np.array(parts, np.int64), mcus, symbols, counts)
    if wrong:
        raise ValueError("coefficients out of the baseline range")
    used = 4 if len(parts) > 1 else 2
    chosen = [codes_for(counts[table]) for table in range(used)]
    codes = np.concatenate([codes for _, codes in chosen])
    bits = int((counts[:used].ravel() * ((codes & 31) + (np.arange(len(codes)) & 15))).sum())
    data = np.empty(bits // 4 + 5 * mcu_columns * mcu_rows * (restart_mcus > 0) + 16, np.uint8)
    coded_bytes = encode_kernel.emit(symbols[:filled], codes, data)
    numbers = range(1, len(parts) + 1)
    tables, table_of = _distinct(photo.tables)
    header = [
        b"\xff" + bytes((SOI,)),
        _segment(DQT, b"".join(bytes((number,)) + table for number, table in enumerate(tables))),
        _segment(
            SOF0,
            b"\x08" + height_px.to_bytes(2) + width_px.to_bytes(2) + bytes((len(parts),))
            + b"".join(bytes((n, h << 4 | v, q)) for n, (h, v), q in zip(numbers, factors, table_of, strict=True)),
        ),
        _segment(
            DHT,
            b"".join(
                bytes(((table & 1) << 4 | table >> 1,)) + bits_ + symbols_
                for table, ((bits_, symbols_), _) in enumerate(chosen)
            ),
        ),
        _segment(DRI, restart_mcus.to_bytes(2)) if restart_mcus else b"",
        _segment(
            SOS,
            bytes((len(parts),)) + b"".join(bytes((n, 0x11 if n > 1 else 0)) for n in numbers) + b"\x00\x3f\x00",
        ),
    ]  # fmt: skip
    return b"".join(header) + data[:coded_bytes].tobytes() + b"\xff" + bytes((EOI,))


def _check_place(photo: Coefficients, x_px: int, y_px: int, width_px: int, height_px: int) -> None:
    """Raise ValueError unless the rectangle lies in the photograph and on its MCU grid."""
    frame = photo.frame
    text = f"{width_px}x{height_px}+{x_px}+{y_px}"
    for start, size, whole, mcu_px in zip(
        (x_px, y_px), (width_px, height_px), (frame.width_px, frame.height_px), frame.mcu_size_px, strict=True
    ):
        if start % mcu_px or (size % mcu_px and start + size != whole):
            mcu_text = "x".join(map(str, frame.mcu_size_px))
            raise ValueError(f"{text} is off the {mcu_text} grid")
        if start < 0 or size < 1 or start + size > whole:
            raise ValueError(f"{text} is not within the photograph of {frame.width_px}x{frame.height_px} px")


def _factors(components: tuple[Component, ...]) -> list[tuple[int, int]]:
    """Return the sampling factors to write, in lowest terms: others may need an MCU of more than 10 blocks (B.2.3).

    TurboJPEG knows no others either.
    """
    if len(components) == 1:
        return [(1, 1)]
    factors = [(component.horizontal, component.vertical) for component in components]
    horizontal = gcd(*(across for across, _ in factors))
    vertical = gcd(*(down for _, down in factors))
    return [(across // horizontal, down // vertical) for across, down in factors]


def _distinct(tables: tuple[NDArray[np.uint16], ...]) -> tuple[list[bytes], list[int]]:
    """Return the distinct tables in order of use, zigzag order, one byte an entry, and each component's number."""
    coded = [np.asarray(table).reshape(64)[_NATURAL].astype(np.uint8).tobytes() for table in tables]
    distinct = list(dict.fromkeys(coded))
    return distinct, [distinct.index(table) for table in coded]


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload
