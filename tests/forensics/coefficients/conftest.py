"""Small photographs of all kinds, and an entropy decoder that reads bit by bit, as ITU-T T.81 draws it."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forensics.jpeg.segments import header_segments
from forensics.jpeg.structure import read_structure
from forensics.jpeg.tables import ZIGZAG_OF_NATURAL, HuffmanTable
from tests.conftest import noisy_image


def make_photograph(
    width_px: int = 200, height_px: int = 152, subsampling: str = "4:2:0", seed: int = 0, **options: Any
) -> bytes:
    """Return a JPEG of smooth and noisy parts, as Pillow writes it."""
    image = noisy_image(width_px, height_px, seed)
    if subsampling == "grey":
        image = image.convert("L")
    else:
        options["subsampling"] = subsampling
    stream = io.BytesIO()
    image.save(stream, "JPEG", **{"quality": 95, **options})
    return stream.getvalue()


@pytest.fixture(scope="session")
def photograph() -> Callable[..., bytes]:
    return make_photograph


def _bits(data: bytes) -> Iterator[int]:
    for byte in data:
        yield from (byte >> 7 - number & 1 for number in range(8))


def _codes(table: HuffmanTable) -> dict[tuple[int, int], int]:
    """Return the symbols of a table by (length, code), given out as in annex C."""
    codes, code, symbols = {}, 0, iter(table[1])
    for length, count in enumerate(table[0], start=1):
        for _ in range(count):
            codes[length, code] = next(symbols)
            code += 1
        code <<= 1
    return codes


def _next_symbol(bits: Iterator[int], codes: dict[tuple[int, int], int]) -> int:
    code = 0
    for length in range(1, 17):
        code = code << 1 | next(bits)
        if (length, code) in codes:
            return codes[length, code]
    raise AssertionError("no code")


def _next_value(bits: Iterator[int], size: int) -> int:
    value = 0
    for _ in range(size):
        value = value << 1 | next(bits)
    return value if size == 0 or value >> size - 1 else value - (1 << size) + 1


def read_bit_by_bit(jpeg: bytes) -> list[NDArray[np.int16]]:
    """Return the blocks of each component of a one-scan baseline JPEG without restart markers, filling included."""
    segments = header_segments(jpeg, whole=True)
    structure = read_structure(jpeg, segments)
    components = structure.frame.components
    across = max(each.horizontal for each in components) if len(components) > 1 else components[0].horizontal
    down = max(each.vertical for each in components) if len(components) > 1 else components[0].vertical
    columns = -(-structure.frame.width_px // (8 * across))
    rows = -(-structure.frame.height_px // (8 * down))
    scan = segments[-1]
    chosen = jpeg[scan.payload_start + 2 : scan.end : 2]
    tables = {key: _codes(table) for key, table in structure.huffman.items()}
    natural = np.argsort(ZIGZAG_OF_NATURAL)
    bits = _bits(jpeg[scan.end : -2].replace(b"\xff\x00", b"\xff"))
    blocks = [np.zeros((rows * each.vertical, columns * each.horizontal, 64), np.int16) for each in components]
    before = [0] * len(components)
    for row in range(rows):
        for column in range(columns):
            for index, each in enumerate(components):
                for y in range(each.vertical):
                    for x in range(each.horizontal):
                        block = blocks[index][row * each.vertical + y, column * each.horizontal + x]
                        before[index] += _next_value(bits, _next_symbol(bits, tables[0, chosen[index] >> 4]))
                        block[0], place = before[index], 1
                        while place < 64:
                            symbol = _next_symbol(bits, tables[1, chosen[index] & 15])
                            if symbol == 0:
                                break
                            place += symbol >> 4
                            if symbol != 0xF0:
                                block[natural[place]] = _next_value(bits, symbol & 15)
                            place += 1
    return blocks


@pytest.fixture(scope="session")
def bit_by_bit() -> Callable[[bytes], list[NDArray[np.int16]]]:
    return read_bit_by_bit
